//! What persons said about purposes, and what is left of erased values, as every load's frame brings it.

use memoryscope_domain::govern::{ErasedValues, Facts};
use memoryscope_domain::memory::SubjectRef;
use memoryscope_engine::port::{Load, Rights};
use tokio_postgres::Row;

use super::apply::boxed;
use super::error::Failure;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::prepare::ConsentRow;
use crate::common::row;

/// Where its columns begin in a frame.
const COLUMN: usize = 6;

/// The values of a frame for it.
pub(super) fn values(rights: &Rights) -> Vec<Value<'static>> {
    let mut persons: Vec<Bytes<16>> = rights.persons.iter().map(|person| Bytes(person.0)).collect();
    persons.dedup();
    let digests: Vec<Bytes<32>> =
        rights.digests.iter().filter(|_| rights.erased).map(|digest| Bytes(digest.hash().0)).collect();
    let tenant = Bytes(SubjectRef::TENANT.0);
    vec![Box::new(persons), Box::new(rights.erased), Box::new(tenant), Box::new(digests)]
}

/// Facts that hold it, and nothing else yet.
pub(super) fn facts(row: &Row, load: &Load) -> Result<Facts, Failure> {
    let (subjects, documents): (Vec<&[u8]>, Vec<&str>) = (row.try_get(COLUMN)?, row.try_get(COLUMN + 1)?);
    let consents = subjects.into_iter().zip(documents);
    let consents = consents.map(|(subject, document)| row::consents(subject, document, load));
    let consents = consents.collect::<Result<_, _>>()?;
    let key: Option<&[u8]> = row.try_get(COLUMN + 2)?;
    let key = key.map(row::audit_key).transpose()?;
    let known: Vec<&[u8]> = row.try_get(COLUMN + 4)?;
    let known = known.into_iter().map(row::digest).collect::<Result<_, _>>()?;
    let erased = ErasedValues { key, any: row.try_get(COLUMN + 3)?, known };
    Ok(Facts { consents, suppressed: erased, ..Facts::default() })
}

const KEEP_CONSENT: &str = "
    INSERT INTO consents (tenant, subject, version, document) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant, subject) DO UPDATE SET version = excluded.version, document = excluded.document";

/// In the place of what the person said before.
pub(super) fn keep_consent<'a>(tenant: &'a str, consent: &'a ConsentRow) -> Call<'a> {
    let subject = boxed(Bytes(consent.subject.0));
    Call::new(
        KEEP_CONSENT,
        vec![boxed(tenant), subject, boxed(consent.version), boxed(consent.document.as_str())],
    )
}
