use proptest::prelude::*;

use super::*;

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

#[test]
fn what_has_no_direction_is_no_vector() {
    for numbers in [&[][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY], &[1.0; 4_097]] {
        assert_eq!(Vector::quantise(numbers), None, "{} numbers", numbers.len());
    }
    assert!(Vector::quantise(&[1.0; 4_096]).is_some());
}

#[test]
fn bytes_are_a_scale_and_values() {
    let vector = Vector::quantise(&[0.0, -2.0, 1.0]).unwrap();
    assert_eq!(vector.values(), [0, -127, 64]);
    let bytes = vector.to_bytes();
    assert_eq!(bytes[4..], [0, 129, 64]);
    assert_eq!(Vector::from_bytes(&bytes), Some(vector));
    for bytes in [&[][..], &[0, 0, 0], &[0, 0, 0, 0, 1], &[0, 0, 192, 127, 1], &[0, 0, 128, 63]] {
        assert_eq!(Vector::from_bytes(bytes), None, "{bytes:?}");
    }
}

#[test]
fn vectors_of_two_sizes_are_not_compared() {
    let [short, long] = [2, 3].map(|length| Vector::quantise(&vec![1.0; length]).unwrap());
    assert_eq!(short.cosine(&long), 0.0);
    assert!(long.cosine(&long) > 0.999);
}

proptest! {
    /// Eight bits a number cost little.
    #[test]
    fn a_cosine_is_about_what_it_was(
        pairs in proptest::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 8..96),
    ) {
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        prop_assume!(a.iter().any(|x| x.abs() > 0.1) && b.iter().any(|x| x.abs() > 0.1));
        let [x, y] = [&a, &b].map(|numbers| Vector::quantise(numbers).unwrap());
        prop_assert!((x.cosine(&y) - cosine(&a, &b)).abs() < 0.02);
        prop_assert_eq!(x.cosine(&y), y.cosine(&x));
        prop_assert_eq!(Vector::from_bytes(&x.to_bytes()), Some(x));
    }

    /// How long it is says nothing.
    #[test]
    fn only_the_direction_counts(numbers in proptest::collection::vec(-1.0_f32..1.0, 1..32), by in 1_u8..9) {
        prop_assume!(numbers.iter().any(|x| x.abs() > 0.01));
        let longer: Vec<f32> = numbers.iter().map(|number| number * f32::from(by)).collect();
        let [x, y] = [&numbers, &longer].map(|numbers| Vector::quantise(numbers).unwrap());
        prop_assert!(x.cosine(&y) > 0.999);
    }
}
