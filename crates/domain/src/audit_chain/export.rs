//! The export: JSON Lines that an offline verifier needs nothing else for.
//!
//! A header, then the checkpoints, then the entries, so that one pass in constant memory verifies it. Every
//! line is in canonical form, so every changed byte is found. `docs/audit.md` describes the members.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::checkpoint::{CheckpointChain, SignedCheckpoint, Trust};
use super::hash::{Hash32, Head, push_hex};
use super::json::ObjectWriter;
use super::keys::Private;
use super::parse::Record;
use super::verify::{Reason, Row, Verification, Verifier};
use crate::ids::TenantId;

/// The name and version of the export's format.
pub const EXPORT_FORMAT: &str = "memoryscope-audit-export-v1";

/// The first line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportHeader {
    /// Whose chain.
    pub tenant: TenantId,
    /// The chain's head; an export holds all entries up to it, so its place is also their number.
    pub head: Head,
    /// How many checkpoints follow.
    pub checkpoints: u64,
}

impl ExportHeader {
    /// The line, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        let mut object = ObjectWriter::with_capacity(256);
        object.whole("checkpoints", self.checkpoints);
        object.whole("entries", self.head.seq.0);
        object.text("format", EXPORT_FORMAT);
        object.raw("head", |out| {
            let mut head = ObjectWriter::with_capacity(96);
            head.plain("hash", |out| push_hex(out, &self.head.hash.0));
            head.whole("seq", self.head.seq.0);
            out.push_str(&head.finish());
        });
        object.text("tenant", self.tenant.as_str());
        object.finish()
    }

    /// Reads the line.
    fn parse(line: &str) -> Option<Self> {
        let wire: HeaderWire = serde_json::from_str(line).ok()?;
        let header = Self { tenant: wire.tenant, head: wire.head, checkpoints: wire.checkpoints };
        (wire.entries == wire.head.seq.0 && wire.format == EXPORT_FORMAT && header.line() == line)
            .then_some(header)
    }
}

/// The line of an entry, without its end. The private text is left out unless someone asked for it.
#[must_use]
pub fn entry_line(row: &Row<'_>, private: Option<&Private>) -> String {
    let beside = private.map_or(0, |private| private.as_str().len() + 64);
    let mut object = ObjectWriter::with_capacity(row.text.len() + 192 + beside);
    object.raw("entry", |out| out.push_str(row.text));
    object.plain("hash", |out| push_hex(out, &row.hash.0));
    object.plain("prev_hash", |out| push_hex(out, &row.prev_hash.0));
    if let Some(private) = private {
        object.text("private", private.as_str());
    }
    object.finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderWire<'a> {
    checkpoints: u64,
    entries: u64,
    #[serde(borrow)]
    format: Cow<'a, str>,
    head: Head,
    tenant: TenantId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryWire<'a> {
    #[serde(borrow)]
    entry: &'a RawValue,
    hash: Hash32,
    prev_hash: Hash32,
    private: Option<String>,
}

/// An entry of an export that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedEntry {
    /// What it says.
    pub record: Record,
    /// The private text, where the export holds it.
    pub private: Option<Private>,
}

/// Walks an export, line by line.
#[derive(Debug)]
pub struct ExportVerifier {
    trust: Trust,
    kept_elsewhere: Vec<SignedCheckpoint>,
    state: State,
}

#[derive(Debug)]
enum State {
    Header,
    Checkpoints {
        verifier: Verifier,
        chain: CheckpointChain,
        left: u64,
    },
    Entries {
        verifier: Verifier,
    },
    /// The header cannot be read, so nothing can.
    Headless,
}

impl ExportVerifier {
    /// Before the first line. `kept_elsewhere` are checkpoints that did not travel with the export; those of
    /// other tenants are passed over.
    #[must_use]
    pub const fn new(trust: Trust, kept_elsewhere: Vec<SignedCheckpoint>) -> Self {
        Self { trust, kept_elsewhere, state: State::Header }
    }

    /// Takes the next line, without its end; gives back the entry if it is one and in order.
    pub fn push_line(&mut self, line: &[u8]) -> Option<ExportedEntry> {
        let line = std::str::from_utf8(line).ok();
        match &mut self.state {
            State::Header => {
                self.state = self.begin(line);
                None
            }
            State::Checkpoints { verifier, chain, left } => {
                match line.and_then(|line| SignedCheckpoint::parse(line).ok().filter(|it| it.text() == line))
                {
                    Some(signed) => take_checkpoint(verifier, chain, &signed),
                    None => verifier.refuse_next(Reason::MalformedLine),
                }
                *left -= 1;
                if *left == 0 {
                    self.state = State::Entries { verifier: verifier.clone() };
                }
                None
            }
            State::Entries { verifier } => take_entry(verifier, line),
            State::Headless => None,
        }
    }

    /// The walk over the entries, to check private texts with; `None` until the checkpoints are read.
    pub const fn verifier(&mut self) -> Option<&mut Verifier> {
        match &mut self.state {
            State::Entries { verifier } => Some(verifier),
            _ => None,
        }
    }

    /// Ends the walk.
    #[must_use]
    pub fn finish(self) -> Verification {
        match self.state {
            State::Entries { verifier } => verifier.finish(),
            State::Checkpoints { mut verifier, .. } => {
                verifier.refuse_next(Reason::MalformedLine);
                verifier.finish()
            }
            State::Header | State::Headless => {
                let mut verifier = Verifier::new(TenantId::default_tenant());
                verifier.refuse_next(Reason::MalformedLine);
                verifier.finish()
            }
        }
    }

    /// Walks a whole export that is in memory. The last line's end may be missing.
    #[must_use]
    pub fn verify(mut self, export: &[u8]) -> Verification {
        for line in export.strip_suffix(b"\n").unwrap_or(export).split(|byte| *byte == b'\n') {
            self.push_line(line);
        }
        self.finish()
    }

    fn begin(&self, line: Option<&str>) -> State {
        let Some(header) = line.and_then(ExportHeader::parse) else {
            return State::Headless;
        };
        let mut verifier = Verifier::new(header.tenant.clone());
        verifier.expect_head(header.head);
        for signed in self.kept_elsewhere.iter().filter(|it| it.checkpoint.tenant == header.tenant) {
            match signed.verify(&self.trust) {
                Ok(checkpoint) => verifier.expect(checkpoint, signed.public_key),
                Err(_) => {
                    verifier.refuse_checkpoint(signed.checkpoint.head.seq, Reason::CheckpointInvalid);
                }
            }
        }
        match header.checkpoints {
            0 => State::Entries { verifier },
            left => {
                let chain = CheckpointChain::new(header.tenant, self.trust.clone());
                State::Checkpoints { verifier, chain, left }
            }
        }
    }
}

/// Holds the walk to the next of a tenant's checkpoints, or says what is wrong with it.
pub(super) fn take_checkpoint(
    verifier: &mut Verifier,
    chain: &mut CheckpointChain,
    signed: &SignedCheckpoint,
) {
    match chain.push(signed) {
        Ok(checkpoint) => verifier.expect(checkpoint, signed.public_key),
        Err(_) => verifier.refuse_checkpoint(signed.checkpoint.head.seq, Reason::CheckpointInvalid),
    }
}

fn take_entry(verifier: &mut Verifier, line: Option<&str>) -> Option<ExportedEntry> {
    let parsed = line.and_then(|line| {
        let wire: EntryWire<'_> = serde_json::from_str(line).ok()?;
        let private = wire.private.map(Private::from_stored);
        let text = wire.entry.get();
        let record = Record::parse(text).ok();
        let seq = record.as_ref().map(|record| record.seq).or_else(|| place_in(text))?;
        let row = Row { seq, prev_hash: wire.prev_hash, hash: wire.hash, text };
        (entry_line(&row, private.as_ref()) == line).then_some((row, record, private))
    });
    let Some((row, record, private)) = parsed else {
        verifier.refuse_next(Reason::MalformedLine);
        return None;
    };
    let record = verifier.push_parsed(&row, record)?;
    verifier.check_private(&record, private.as_ref(), None);
    Some(ExportedEntry { record, private })
}

/// The place that a text claims which is no entry, read without trusting the rest.
fn place_in(text: &str) -> Option<super::hash::Seq> {
    #[derive(Deserialize)]
    struct Place {
        seq: super::hash::Seq,
    }
    serde_json::from_str::<Place>(text).ok().map(|place| place.seq)
}
