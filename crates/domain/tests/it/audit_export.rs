//! The export's format is fixed, and two verifiers that share no code say the same of every export.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use memoryscope_domain::audit_chain::{
    CheckpointKey, Entry, ExportVerifier, Hash32, Private, SignedCheckpoint, Trust, Verification, entry_line,
    link,
};
use serde_json::json;

use crate::audit_support::{Numbers, checkpoints, draft, export, head_of, key, log, signer, tenant};

/// The fixed export: 12 entries, 3 checkpoints.
fn golden() -> (Vec<Entry>, Vec<SignedCheckpoint>, String) {
    let tenant = tenant("t_golden");
    let log = log(&tenant, 12, 2026);
    let checkpoints = checkpoints(&tenant, &log, &[4, 8, 11]);
    let text = export(&tenant, &log, &checkpoints);
    (log, checkpoints, text)
}

fn verify(export: &[u8], trust: &Trust, kept_elsewhere: &[SignedCheckpoint]) -> Verification {
    ExportVerifier::new(trust.clone(), kept_elsewhere.to_vec()).verify(export)
}

fn trust() -> Trust {
    Trust::Keys(vec![signer().public()])
}

#[test]
fn the_format_does_not_drift() {
    let (.., text) = golden();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/audit_export.golden.jsonl");
    let wanted = std::fs::read_to_string(&file).expect("the golden file");
    assert_eq!(text, wanted, "exports already written must stay verifiable: make a v2 instead");
    let verification = verify(wanted.as_bytes(), &trust(), &[]);
    assert!(verification.ok, "{verification:?}");
    assert_eq!((verification.entries, verification.checkpoints), (12, 3));
}

#[test]
fn private_texts_travel_only_when_asked_for() {
    let tenant = tenant("t_a");
    let private = Private::of(json!({"domain": "food"}).as_object().expect("an object"));
    let mut draft = draft(&tenant, &mut Numbers(1));
    draft.private_digest = Some(key().private(&private));
    let entry = link(&Default::default(), &draft);
    let header =
        export(&tenant, std::slice::from_ref(&entry), &[]).lines().next().expect("a header").to_owned();
    let with = format!("{header}\n{}\n", entry_line(&(&entry).into(), Some(&private)));

    let mut walk = ExportVerifier::new(Trust::AnyKey, Vec::new());
    let mut entries = with.lines().filter_map(|line| walk.push_line(line.as_bytes()));
    let exported = entries.next().expect("one entry");
    assert_eq!(exported.private, Some(private.clone()));
    assert!(!export(&tenant, std::slice::from_ref(&entry), &[]).contains("food"));

    // Not the text that was written: seen by who has the key, and by anyone where the entry never had one.
    let verifier = walk.verifier().expect("among the entries");
    verifier.check_private(&exported.record, Some(&Private::from_stored("{}".to_owned())), Some(&key()));
    assert!(!walk.finish().ok);
    draft.private_digest = None;
    let bare = link(&Default::default(), &draft);
    let header =
        export(&tenant, std::slice::from_ref(&bare), &[]).lines().next().expect("a header").to_owned();
    let smuggled = format!("{header}\n{}\n", entry_line(&(&bare).into(), Some(&private)));
    assert!(!verify(smuggled.as_bytes(), &Trust::AnyKey, &[]).ok);
    let answers = ask_python(&[with.into_bytes(), smuggled.into_bytes()], &[]);
    assert!(answers[0].starts_with("ok "), "{}", answers[0]);
    assert!(answers[1].starts_with("broken seq=1 reason=private_differs "), "{}", answers[1]);
}

#[test]
fn every_flipped_bit_of_an_export_is_found() {
    let (_, kept, text) = golden();
    let text = text.into_bytes();
    // With signatures a sample, which still meets every line; without them every bit.
    let (log, ..) = golden();
    let unsigned = export(&tenant("t_golden"), &log[..2], &[]).into_bytes();
    for (text, kept, step) in [(text, &kept[2..], 97), (unsigned, &[][..], 1)] {
        for bit in (0..8 * text.len()).step_by(step) {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&flipped, &trust(), kept).ok, "bit {bit}");
        }
    }
}

/// What two verifiers have to agree on, as one line.
fn line_of(verification: &Verification) -> String {
    let mut line = match verification.first_broken {
        None => "ok".to_owned(),
        Some(broken) => format!("broken seq={} reason={}", broken.seq, family(broken.reason.name())),
    };
    let Verification { entries, head, .. } = verification;
    let _ = write!(line, " entries={entries} head={}", head.hash);
    line
}

/// A text that is not as it was written is called by one of four names, depending on what is looked at first.
fn family(reason: &str) -> &str {
    match reason {
        "not_canonical" | "unreadable" | "malformed_line" => "edited",
        other => other,
    }
}

fn python_line(answer: &str) -> String {
    let shared = answer.split(" checkpoints=").next().unwrap_or_default();
    ["not_canonical", "unreadable", "malformed_line"]
        .iter()
        .fold(shared.to_owned(), |line, reason| line.replace(&format!("reason={reason}"), "reason=edited"))
}

/// One run of the offline verifier over many exports; its line for each.
fn ask_python(exports: &[Vec<u8>], options: &[String]) -> Vec<String> {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("memoryscope-audit-{}-{}", std::process::id(), exports.len()));
    std::fs::create_dir_all(&folder).expect("a folder for the exports");
    let names: Vec<PathBuf> = (0..exports.len()).map(|n| folder.join(format!("{n}.jsonl"))).collect();
    for (name, export) in names.iter().zip(exports) {
        std::fs::write(name, export).expect("an export is written");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/verify_audit.py");
    let output = Command::new("python3").arg(script).args(options).args(&names).output();
    let output = output.expect("python3 is needed for this test");
    std::fs::remove_dir_all(&folder).expect("the folder is removed");
    let text = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<String> =
        text.lines().filter_map(|line| Some(line.split_once(": ")?.1.to_owned())).collect();
    assert_eq!(answers.len(), exports.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let all_good = answers.iter().all(|answer| answer.starts_with("ok "));
    assert_eq!(
        output.status.code(),
        Some(i32::from(!all_good)),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    answers
}

/// The hash that an entry's text ought to have, whatever the text.
fn link_by_hand(entry: &Entry) -> Hash32 {
    Hash32::of(&[b"memoryscope-audit-v1\0", &entry.prev_hash.0[..], entry.text.as_bytes()].concat())
}

/// Honest and broken exports of the golden log.
fn exports() -> Vec<Vec<u8>> {
    let (entries, signed, text) = golden();
    let tenant = tenant("t_golden");
    let mut all = vec![text.clone().into_bytes(), export(&tenant, &[], &[]).into_bytes()];
    let mut numbers = Numbers(77);
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| (lines.join("\n") + "\n").into_bytes();
    for _ in 0..15 {
        let (one, other) = (numbers.below(lines.len()), numbers.below(lines.len()));
        let mut without = lines.clone();
        without.remove(one);
        all.push(joined(&without));
        let mut twice = lines.clone();
        twice.insert(other, lines[one]);
        all.push(joined(&twice));
        let mut swapped = lines.clone();
        swapped.swap(one, other);
        all.push(joined(&swapped));
        all.push(joined(&lines[..one]));
        for _ in 0..4 {
            let mut flipped = text.clone().into_bytes();
            let bit = numbers.below(8 * flipped.len());
            flipped[bit / 8] ^= 1 << (bit % 8);
            all.push(flipped);
        }
    }
    for at in 0..entries.len() {
        let mut rewritten = entries.clone();
        let mut forged = rewritten[at].parse().expect("an entry").draft;
        forged.as_of.0 += 1;
        rewritten[at] = link(&head_of(&rewritten[..at]), &forged);
        for next in at + 1..rewritten.len() {
            rewritten[next] =
                link(&head_of(&rewritten[..next]), &entries[next].parse().expect("an entry").draft);
        }
        all.push(export(&tenant, &rewritten, &signed).into_bytes());
        all.push(export(&tenant, &rewritten, &[]).into_bytes());
        all.push(export(&tenant, &entries[..at], &signed[..2]).into_bytes());
        all.push(export(&tenant, &entries[..at], &[]).into_bytes());
        let foreign = log(&self::tenant("t_other"), entries.len(), 1);
        let mut moved = entries.clone();
        moved[at] = foreign[at].clone();
        all.push(export(&tenant, &moved, &signed).into_bytes());
        // Rightly hashed, but no entry: a member that version 1 does not know, a list that contradicts its count.
        for (from, to) in [
            ("\"v\":1", "\"v\":1,\"w\":1"),
            ("\"memory_count\":", "\"memory_count\":1"),
            ("\"v\":1", "\"v\":2"),
        ] {
            let mut odd = entries[..=at].to_vec();
            odd[at].text = odd[at].text.replacen(from, to, 1);
            odd[at].hash = link_by_hand(&odd[at]);
            all.push(export(&tenant, &odd, &[]).into_bytes());
        }
        let stranger = CheckpointKey::from_bytes(&[10; 32]).sign(signed[0].checkpoint.clone());
        all.push(export(&tenant, &entries, &[stranger]).into_bytes());
    }
    all
}

#[test]
fn two_verifiers_that_share_no_code_agree() {
    let exports = exports();
    let (_, signed, _) = golden();
    let kept = std::env::temp_dir().join(format!("memoryscope-audit-kept-{}.jsonl", std::process::id()));
    std::fs::write(&kept, signed[1].text() + "\n" + &signed[2].text() + "\n")
        .expect("checkpoints are written");
    let key = format!("--key={}", signer().public());
    let ways: [(&[SignedCheckpoint], Trust, Vec<String>); 2] = [
        (&[], Trust::AnyKey, Vec::new()),
        (&signed[1..], trust(), vec![key, format!("--checkpoint={}", kept.display())]),
    ];
    for (kept_elsewhere, trust, options) in ways {
        let answers = ask_python(&exports, &options);
        let mut broken = 0;
        for (number, (export, answer)) in exports.iter().zip(&answers).enumerate() {
            let ours = verify(export, &trust, kept_elsewhere);
            broken += u32::from(!ours.ok);
            let shown = String::from_utf8_lossy(export);
            assert_eq!(python_line(answer), line_of(&ours), "export {number} with {options:?}:\n{shown}");
        }
        assert!(broken > 140, "the exports are meant to be broken: {broken} are");
    }
    std::fs::remove_file(&kept).expect("the checkpoints are removed");
}
