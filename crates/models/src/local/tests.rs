//! The tokenizer, what is read together, and the model held to what the reference implementations make of the same texts:
//! `tokenizers` 0.23 and `onnxruntime`.

use std::path::PathBuf;

use super::*;

/// Where the model is; says so where it is not, and the test ends there.
fn folder() -> Option<PathBuf> {
    let target = || {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("models")
    };
    let folder = std::env::var_os("MEMORYSCOPE_TEST_MODEL_DIR").map_or_else(target, PathBuf::from);
    let is_there = FILES.iter().all(|file| file.glance(&folder) == Found::Present);
    if !is_there {
        println!("skipped: the model is not in {}; scripts/ensure-model brings it", folder.display());
    }
    is_there.then_some(folder)
}

#[test]
fn texts_are_read_as_by_the_reference() {
    let Some(folder) = folder() else { return };
    let json = FILES[1].read(&folder).expect("the file that was glanced at");
    let tokenizer = Tokenizer::read(&json).expect("a tokenizer");
    let check = |text: &str, expect: &[u32]| {
        let tokens = tokenizer.tokens(text);
        let inner = tokens.strip_prefix(&[101]).and_then(|rest| rest.strip_suffix(&[102]));
        assert_eq!(inner, Some(expect), "{text:?}");
    };
    check("", &[]);
    check(" \t", &[]);
    check("A feline was resting on a rug.", &[1037, 10768, 4179, 2001, 8345, 2006, 1037, 20452, 1012]);
    let prices = [15743, 7668, 5608, 1999, 10204, 3825, 1015, 1010, 22018, 1012, 5179, 1574, 1517, 3807, 999];
    check("Naïve café owners in Zürich paid 1,234.56 € — twice!", &prices);
    check("don't  stop\tnow\0!", &[2123, 1005, 1056, 2644, 2085, 999]);
    check("e\u{301}a\u{327}\u{200b}b\u{ad}c", &[19413, 9818]);
    check("東京タワーへ行く", &[1879, 1755, 1709, 30262, 30265, 30201, 1945, 1653]);
    check("Ω≈ç√ ﬁne İstanbul ΣΑΣ", &[1179, 30133, 2278, 30127, 1984, 2638, 9960, 1173, 14608, 29733]);
    let scripts = [30006, 30021, 29991, 30014, 30020, 29999, 30008, 1339, 29877, 29863, 29861, 29878];
    let words = [100, 3565, 9289, 10128, 29181, 24411, 4588, 1469];
    check("😀 supercalifragilistic 한국어 हिन्दी", &[&words[..], &scripts[..]].concat());
    // One character more and a word is unknown, however well its pieces are.
    check(&format!("unaffable {}", "x".repeat(101)), &[14477, 20961, 3468, 100]);
    check(&"x".repeat(100), &[&[22038][..], &[20348; 49][..]].concat());
    // A text is data. The reference takes this for the token of that name.
    check("[SEP]x", &[1031, 19802, 1033, 1060]);
    let long: String = (0..400).map(|number| format!("word{number} ")).collect();
    let tokens = tokenizer.tokens(&long);
    assert_eq!((tokens.len(), &tokens[252..]), (256, &[10790, 2581, 2773, 102][..]));
}

#[test]
fn what_is_no_tokenizer_of_this_kind_is_not_taken_for_one() {
    let good = r###"{"normalizer": {"type": "BertNormalizer", "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "continuing_subword_prefix": "##",
                  "vocab": {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2, "un": 3, "##do": 4, "do": 5}}}"###;
    let tokenizer = Tokenizer::read(good.as_bytes()).expect("a tokenizer");
    assert_eq!(tokenizer.tokens("Do undo undone."), [0, 5, 3, 4, 2, 2, 1]);
    for (part, other) in
        [("Bert", "Bart"), ("true", "false"), ("##\"", "@@\""), ("[CLS]", "<s>"), ("4", "-4"), ("{", "")]
    {
        assert!(Tokenizer::read(good.replace(part, other).as_bytes()).is_none(), "{part}");
    }
}

#[test]
fn only_texts_of_one_length_go_together() {
    let read: Vec<Vec<u32>> = [3, 70, 3, 70, 200, 3].map(|length| vec![7; length]).to_vec();
    let many = vec![vec![7; 64]; 5];
    let told = |works: Vec<Work>| -> Vec<Vec<usize>> {
        let places = |work: Work| match work {
            Work::Embed(lot) => lot.into_iter().map(|(at, _)| at).collect(),
            Work::Read(_) => Vec::new(),
        };
        works.into_iter().map(places).collect()
    };
    assert_eq!(told(lots(read)), [vec![0, 2, 5], vec![1], vec![3], vec![4]]);
    assert_eq!(told(lots(many)), [vec![0, 1], vec![2, 3], vec![4]]);
}

const SENTENCES: [&str; 4] = [
    "The cat sat on the mat.",
    "A feline was resting on a rug.",
    "Quarterly revenue grew by twelve percent.",
    "Naïve café owners in Zürich paid 1,234.56 € — twice!",
];

/// Each pair's cosine, as onnxruntime has it.
const COSINES: [(usize, usize, f64); 6] = [
    (0, 1, 0.558_308),
    (0, 2, -0.016_645),
    (0, 3, 0.007_544),
    (1, 2, 0.000_138),
    (1, 3, -0.006_608),
    (2, 3, 0.134_564),
];

/// Where each vector begins, as onnxruntime has it.
const BEGINNINGS: [[f64; 4]; 4] = [
    [0.127_181, -0.016_011, -0.035_063, 0.055_422],
    [0.071_120, 0.057_191, 0.031_384, 0.135_245],
    [0.089_196, 0.001_791, -0.051_170, -0.067_351],
    [0.021_958, 0.064_300, 0.042_165, 0.043_157],
];

fn embedder(folder: PathBuf, threads: usize) -> LocalEmbedder {
    LocalEmbedder::new(LocalConfig { folder, threads })
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

#[tokio::test]
async fn vectors_are_those_of_the_reference() {
    let Some(folder) = folder() else { return };
    let embedder = embedder(folder, 1);
    let vectors = embedder.embed(&SENTENCES.map(str::to_owned)).await.expect("vectors");
    let is_near = |found: f64, expect: f64| (found - expect).abs() < 0.001;
    for (one, other, expect) in COSINES {
        let found = dot(&vectors[one], &vectors[other]);
        assert!(is_near(found, expect), "{one} and {other}: {found} and not {expect}");
    }
    for (vector, expect) in vectors.iter().zip(BEGINNINGS) {
        assert_eq!(Some(vector.len()), embedder.dimensions());
        assert!((dot(vector, vector) - 1.0).abs() < 1e-6);
        let begins = vector.iter().zip(expect).all(|(found, expect)| is_near(f64::from(*found), expect));
        assert!(begins, "{:?} and not {expect:?}", &vector[..4]);
    }
}

#[tokio::test]
async fn a_texts_vector_is_the_same_bits_in_every_batch_and_on_every_thread() {
    let Some(folder) = folder() else { return };
    let texts: Vec<String> = (0..24)
        .map(|number: usize| match number % 3 {
            0 => format!("Sentence number {number} is about tea."),
            1 => format!("Number {number}: {}", "and so on ".repeat(number)),
            _ => SENTENCES[number % 4].to_owned(),
        })
        .chain([String::new(), "long ".repeat(1_000)])
        .collect();
    let bits = |vectors: Vec<Vec<f32>>| -> Vec<Vec<u32>> {
        vectors.into_iter().map(|vector| vector.into_iter().map(f32::to_bits).collect()).collect()
    };
    let (one, two) = (embedder(folder.clone(), 1), embedder(folder, 2));
    let together = bits(two.embed(&texts).await.expect("vectors"));
    let mut alone = Vec::new();
    for text in &texts {
        alone.extend(bits(one.embed(std::slice::from_ref(text)).await.expect("a vector")));
    }
    assert!(alone == together, "a text has another vector in a batch");
    let backwards: Vec<String> = texts.iter().rev().cloned().collect();
    let (again, other) = tokio::join!(one.embed(&backwards), one.embed(&texts[..5]));
    let mut again = bits(again.expect("vectors"));
    again.reverse();
    assert!(
        again == together && bits(other.expect("vectors")) == together[..5],
        "a text has another vector in another order"
    );
}

#[tokio::test]
async fn without_its_files_it_says_so_and_goes_on_once_they_are_there() {
    let place = tempfile::tempdir().expect("a folder");
    let embedder = embedder(place.path().to_owned(), 1);
    let text = ["a".to_owned()];
    assert_eq!(embedder.readiness(), Readiness::Absent);
    assert_eq!(embedder.embed(&text).await, Err(Failure::of_extractor("model_absent")));
    assert_eq!(embedder.embed(&[]).await, Ok(Vec::new()));
    std::fs::write(place.path().join("model.onnx"), "not a model").expect("a file");
    assert_eq!(embedder.readiness(), Readiness::Absent);
    std::fs::write(place.path().join("tokenizer.json"), "{}").expect("a file");
    assert_eq!(embedder.readiness(), Readiness::Failing);
    assert_eq!(embedder.embed(&text).await, Err(Failure::of_extractor("model_damaged")));
    let Some(folder) = folder() else { return };
    for file in &FILES {
        std::fs::copy(folder.join(file.name), place.path().join(file.name)).expect("a copy");
    }
    assert_eq!(embedder.embed(&text).await.map(|vectors| vectors.len()), Ok(1));
    assert_eq!(embedder.readiness(), Readiness::Ready);
    // What has been read is kept.
    std::fs::remove_file(place.path().join("model.onnx")).expect("a file less");
    assert_eq!(embedder.readiness(), Readiness::Ready);
    // What was changed without changing its length is found out when it is read.
    let other = tempfile::tempdir().expect("a folder");
    let mut bytes = FILES[0].read(&folder).expect("the model");
    bytes[1_000_000] ^= 1;
    std::fs::write(other.path().join("model.onnx"), bytes).expect("a file");
    std::fs::copy(folder.join("tokenizer.json"), other.path().join("tokenizer.json")).expect("a copy");
    let changed = self::embedder(other.path().to_owned(), 1);
    assert_eq!(changed.readiness(), Readiness::Ready);
    assert_eq!(changed.embed(&text).await, Err(Failure::of_extractor("model_damaged")));
    assert_eq!(changed.readiness(), Readiness::Failing);
}
