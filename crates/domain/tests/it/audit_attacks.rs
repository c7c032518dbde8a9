//! Every attack on a log that the chain promises to find, at many places: none missed, no false alarm.

use memoryscope_domain::audit_chain::{
    Broken, Checkpoint, CheckpointChain, CheckpointKey, Entry, Hash32, InvalidCheckpoint, Reason, Row, Seq,
    SignedCheckpoint, Trust, Verification, Verifier, link, split_view,
};
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;

use crate::audit_support::{Numbers, checkpoints, draft, head_of, log, signer, tenant};

/// How long the attacked logs are.
const LENGTH: usize = 16;

fn walk(tenant: &TenantId, log: &[Entry], kept_elsewhere: &[Checkpoint]) -> Verification {
    let mut verifier = Verifier::new(tenant.clone());
    for checkpoint in kept_elsewhere {
        verifier.expect(checkpoint, signer().public());
    }
    for entry in log {
        verifier.push(&entry.into());
    }
    verifier.finish()
}

fn broken(verification: &Verification) -> Option<(u64, Reason)> {
    verification.first_broken.map(|Broken { seq, reason }| (seq.0, reason))
}

/// Hashes everything from `from` on anew, as an operator could who has the store but no checkpoint key.
fn rehash(log: &mut [Entry], from: usize) {
    for at in from..log.len() {
        let head = head_of(&log[..at]);
        let draft = log[at].parse().expect("an entry").draft;
        log[at] = link(&head, &draft);
    }
}

#[derive(Debug, Clone, Copy)]
enum Attack {
    EditText,
    EditHash,
    EditPrevHash,
    DeleteInTheMiddle,
    InsertForged,
    InsertLinked,
    Reorder,
    Duplicate,
    MoveFromOtherTenant,
    Renumber,
}

const ATTACKS: [Attack; 10] = [
    Attack::EditText,
    Attack::EditHash,
    Attack::EditPrevHash,
    Attack::DeleteInTheMiddle,
    Attack::InsertForged,
    Attack::InsertLinked,
    Attack::Reorder,
    Attack::Duplicate,
    Attack::MoveFromOtherTenant,
    Attack::Renumber,
];

/// Does it somewhere, and says where the verifier has to find it, and as what.
fn attack(log: &mut Vec<Entry>, attack: Attack, numbers: &mut Numbers) -> (u64, Vec<Reason>) {
    let at = numbers.below(log.len() - 1);
    let place = at as u64 + 1;
    match attack {
        Attack::EditText => {
            let text = &mut log[at].text;
            let cut = numbers.below(text.len());
            let cut = (0..=cut).rev().find(|cut| text.is_char_boundary(*cut)).unwrap_or(0);
            text.insert(cut, '1');
            // The digit may have fallen into the tenant's name.
            (place, vec![Reason::Edited, Reason::WrongTenant])
        }
        Attack::EditHash => {
            log[at].hash.0[numbers.below(32)] ^= 1 << numbers.below(8);
            (place, vec![Reason::Edited])
        }
        Attack::EditPrevHash => {
            log[at].prev_hash.0[numbers.below(32)] ^= 1 << numbers.below(8);
            (place, vec![Reason::WrongPrev])
        }
        Attack::DeleteInTheMiddle => {
            log.remove(at);
            (place, vec![Reason::Gap])
        }
        Attack::InsertForged => {
            let mut forged = log[at].clone();
            forged.text = forged.text.replace("MEMORY_", "POLICY_");
            log.insert(at, forged);
            (place, vec![Reason::Edited])
        }
        Attack::InsertLinked => {
            let forged = link(&head_of(&log[..at]), &draft(&tenant("t_log"), numbers));
            log.insert(at, forged);
            (place + 1, vec![Reason::Duplicate])
        }
        Attack::Reorder => {
            let other = at + 1 + numbers.below(log.len() - at - 1);
            log.swap(at, other);
            (place, vec![Reason::Reordered])
        }
        Attack::Duplicate => {
            let twin = log[at].clone();
            let to = at + 1 + numbers.below(log.len() - at);
            log.insert(to, twin);
            (to as u64 + 1, vec![if to == at + 1 { Reason::Duplicate } else { Reason::Reordered }])
        }
        Attack::MoveFromOtherTenant => {
            let foreign = self::log(&tenant("t_other"), LENGTH, numbers.next());
            log[at] = foreign[at].clone();
            (place, vec![Reason::WrongTenant])
        }
        Attack::Renumber => {
            log.remove(at);
            for entry in &mut log[at..] {
                entry.seq.0 -= 1;
            }
            (place, vec![Reason::WrongPrev])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_attack_is_found_where_it_is(seed in any::<u64>()) {
        let tenant = tenant("t_log");
        let honest = log(&tenant, LENGTH, seed);
        prop_assert_eq!(broken(&walk(&tenant, &honest, &[])), None, "a false alarm");
        for kind in ATTACKS {
            let mut attacked = honest.clone();
            let (place, reasons) = attack(&mut attacked, kind, &mut Numbers(seed));
            let found = broken(&walk(&tenant, &attacked, &[]));
            prop_assert!(
                found.is_some_and(|(seq, reason)| seq == place && reasons.contains(&reason)),
                "{kind:?} at {place}: {found:?}",
            );
        }
    }
}

/// What a checkpoint says of the head of this log.
fn statement(tenant: &TenantId, log: &[Entry]) -> Checkpoint {
    let time = Timestamp::from_unix_micros(1_767_225_600_000_000);
    Checkpoint { tenant: tenant.clone(), head: head_of(log), time, prev_checkpoint: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_checkpoint_kept_elsewhere_finds_what_a_chain_cannot(seed in any::<u64>()) {
        let tenant = tenant("t_log");
        let honest = log(&tenant, LENGTH, seed);
        let mut numbers = Numbers(seed);
        let signed_at = 1 + numbers.below(LENGTH);
        let kept = [statement(&tenant, &honest[..signed_at])];
        let honest_walk = walk(&tenant, &honest, &kept);
        prop_assert!(honest_walk.ok);
        prop_assert_eq!(honest_walk.checkpoints, 1);

        // A tail cut off before the checkpoint; after it, nobody can tell.
        let cut = numbers.below(LENGTH);
        let found = broken(&walk(&tenant, &honest[..cut], &kept));
        let expected = (cut < signed_at).then_some((cut as u64 + 1, Reason::CutTail));
        prop_assert_eq!(found, expected);

        // One entry changed and the rest hashed anew.
        let at = numbers.below(LENGTH);
        let mut rewritten = honest.clone();
        let mut forged = rewritten[at].parse().expect("an entry").draft;
        forged.as_of.0 += 1;
        rewritten[at] = link(&head_of(&rewritten[..at]), &forged);
        rehash(&mut rewritten, at + 1);
        prop_assert!(walk(&tenant, &rewritten, &[]).ok, "a chain alone cannot tell");
        let found = broken(&walk(&tenant, &rewritten, &kept));
        let expected = (at < signed_at).then_some((signed_at as u64, Reason::CheckpointDiffers));
        prop_assert_eq!(found, expected);

        // Two readers were shown two histories; each kept a checkpoint.
        let both = [statement(&tenant, &honest), statement(&tenant, &rewritten)];
        prop_assert!(split_view(&both[0], &both[1]));
        prop_assert!(!split_view(&both[0], &both[0]));
        prop_assert_eq!(broken(&walk(&tenant, &honest, &both)), Some((LENGTH as u64, Reason::SplitView)));
    }
}

#[test]
fn a_checkpoint_counts_only_with_its_signature() {
    let tenant = tenant("t_log");
    let log = log(&tenant, 3, 1);
    let signed = signer().sign(statement(&tenant, &log));
    let trust = Trust::Keys(vec![signer().public()]);
    assert_eq!(signed.verify(&trust), Ok(&signed.checkpoint));
    assert_eq!(SignedCheckpoint::parse(&format!("{}\n", signed.text())), Ok(signed.clone()));

    let resigned = CheckpointKey::from_bytes(&[10; 32]).sign(signed.checkpoint.clone());
    assert_eq!(resigned.verify(&Trust::AnyKey), Ok(&signed.checkpoint));
    assert_eq!(resigned.verify(&trust), Err(InvalidCheckpoint::UntrustedKey));

    let mut renamed = resigned;
    renamed.public_key = signer().public();
    assert_eq!(renamed.verify(&trust), Err(InvalidCheckpoint::Signature));

    // Any flipped bit of the line is found: either it is no checkpoint any more, or the signature is wrong.
    let line = signed.text().into_bytes();
    for bit in (0..8 * line.len()).step_by(7) {
        let mut flipped = line.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let parsed = String::from_utf8(flipped).ok().and_then(|line| SignedCheckpoint::parse(&line).ok());
        assert!(parsed.is_none_or(|parsed| parsed.verify(&trust).is_err()), "bit {bit}");
    }
}

#[test]
fn checkpoints_are_a_chain_too() {
    let tenant_a = tenant("t_a");
    let log = log(&tenant_a, 9, 1);
    let signed = checkpoints(&tenant_a, &log, &[0, 3, 3, 9]);
    let walk = |signed: &[&SignedCheckpoint]| {
        let mut chain = CheckpointChain::new(tenant("t_a"), Trust::AnyKey);
        signed.iter().try_for_each(|signed| chain.push(signed).map(|_| ()))
    };
    assert_eq!(walk(&[&signed[0], &signed[1], &signed[2], &signed[3]]), Ok(()));
    assert_eq!(walk(&[&signed[1]]), Err(InvalidCheckpoint::Unlinked));
    assert_eq!(walk(&[&signed[0], &signed[2]]), Err(InvalidCheckpoint::Unlinked));
    assert_eq!(walk(&[&signed[0], &signed[0]]), Err(InvalidCheckpoint::Unlinked));

    let mut back = statement(&tenant_a, &log[..2]);
    back.prev_checkpoint = Some(signed[1].checkpoint.hash());
    assert_eq!(walk(&[&signed[0], &signed[1], &signer().sign(back)]), Err(InvalidCheckpoint::Backwards));
    let foreign = signer().sign(statement(&tenant("t_b"), &log[..2]));
    assert_eq!(walk(&[&foreign]), Err(InvalidCheckpoint::OtherTenant));
}

#[test]
fn every_flipped_bit_of_a_log_is_found_where_it_is() {
    let tenant = tenant("t_log");
    // A thousand entries would be eight million walks; here every bit of a short log, and one bit in a
    // thousand of a long one.
    for (entries, step) in [(3, 1), (1_000, 997)] {
        let honest = log(&tenant, entries, 1);
        let mut bit = 0;
        for at in 0..entries {
            let bits = 8 * (honest[at].text.len() + 64 + 8);
            while bit < bits {
                let place = at as u64 + 1;
                let found = walk_from(&tenant, &honest, at, |entry| flip(entry, bit));
                assert_eq!(found, Some(place), "bit {bit} of entry {place}");
                bit += step;
            }
            bit -= bits;
        }
    }
}

/// Walks from the entry before the changed one, whose head the walk before it vouches for.
fn walk_from(
    tenant: &TenantId,
    honest: &[Entry],
    at: usize,
    change: impl Fn(&mut Entry) -> bool,
) -> Option<u64> {
    let mut changed = honest[at].clone();
    if !change(&mut changed) {
        // No longer UTF-8: no store or export can hand it over as a text.
        return Some(at as u64 + 1);
    }
    let mut verifier = Verifier::resume(tenant.clone(), head_of(&honest[..at]));
    verifier.push(&(&changed).into());
    if let Some(after) = honest.get(at + 1) {
        verifier.push(&after.into());
    }
    broken(&verifier.finish()).map(|(seq, _)| seq)
}

/// Flips a bit of the text, the hashes or the place. False if the text is no text any more.
fn flip(entry: &mut Entry, bit: usize) -> bool {
    let (byte, mask) = (bit / 8, 1 << (bit % 8));
    let text = entry.text.len();
    if byte >= text + 64 {
        entry.seq.0 ^= 1 << (bit - 8 * (text + 64));
    } else if byte >= text + 32 {
        entry.prev_hash.0[byte - text - 32] ^= mask;
    } else if byte >= text {
        entry.hash.0[byte - text] ^= mask;
    } else {
        let mut bytes = std::mem::take(&mut entry.text).into_bytes();
        bytes[byte] ^= mask;
        match String::from_utf8(bytes) {
            Ok(text) => entry.text = text,
            Err(_) => return false,
        }
    }
    true
}

#[test]
fn a_right_hash_does_not_make_an_entry() {
    let tenant_a = tenant("t_a");
    let honest = log(&tenant_a, 1, 1).remove(0);
    let found = |text: &str, seq: u64| {
        let hash = Hash32::of(&[b"memoryscope-audit-v1\0", &[0; 32][..], text.as_bytes()].concat());
        let mut verifier = Verifier::new(tenant("t_a"));
        verifier.push(&Row { seq: Seq(seq), prev_hash: Hash32::ZERO, hash, text });
        broken(&verifier.finish())
    };
    assert_eq!(found(&honest.text, 1), None);
    let cases = [
        (honest.text.replace(",\"v\":1", ", \"v\":1"), Reason::NotCanonical),
        (honest.text.replace("\"v\":1", "\"v\":2"), Reason::Unreadable),
        (honest.text.replace("\"seq\":1", "\"seq\":2"), Reason::Edited),
        (log(&tenant("t_b"), 1, 1).remove(0).text, Reason::WrongTenant),
        ("{}".to_owned(), Reason::Unreadable),
        (String::new(), Reason::Unreadable),
    ];
    for (text, reason) in cases {
        assert_eq!(found(&text, 1), Some((1, reason)), "{text}");
    }
}

#[test]
fn the_empty_chain_is_in_order() {
    let verification = walk(&tenant("t_log"), &[], &[]);
    assert!(verification.ok);
    let json = serde_json::to_value(&verification).expect("serialises");
    assert_eq!(json["entries"], 0);
    assert_eq!(json["first_broken_seq"], serde_json::Value::Null);
}
