//! Vectors of length 1.

/// The same direction, with length 1; `None` where it has none.
pub(crate) fn unit(vector: &[f32]) -> Option<Vec<f32>> {
    let square: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    let length = square.sqrt();
    if !length.is_finite() || length <= 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "what has length 1 fits")]
    Some(vector.iter().map(|value| (f64::from(*value) / length) as f32).collect())
}
