//! Backups: what all of them have in common, and the files that they are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use memoryscope_domain::audit_chain::Verification;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::port::StoreError;
use sha2::{Digest as _, Sha256};

/// Bytes that are copied or hashed at a time.
const PIECE_BYTES: usize = 1 << 20;

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of so many are copied or read.
    Bytes(u64, u64),
    /// So many bytes are written, and nobody knows of how many.
    Written(u64),
    /// The whole structure of the file is compared with itself.
    Structure,
    /// The chain of one more tenant is walked: which, counted from 1, and of how many.
    Chain(usize, usize),
}

/// What a copy is, found by looking through all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How large it is.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// The schema's version.
    pub schema: u32,
    /// Every tenant that has a chain, and what a walk of it found.
    pub chains: Vec<(TenantId, Verification)>,
}

impl Checked {
    /// The first chain that does not hold.
    #[must_use]
    pub fn broken(&self) -> Option<&(TenantId, Verification)> {
        self.chains.iter().find(|(_, found)| !found.ok)
    }
}

/// Length and SHA-256 of a file.
pub(crate) fn digest(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(u64, String), StoreError> {
    hash_into(path, &mut io::sink(), progress).map_err(|why| failed("read", path, why))
}

/// Copies a file's bytes, and answers how many they were and their SHA-256.
pub(crate) fn hash_into(
    path: &Path,
    to: &mut dyn io::Write,
    progress: &mut dyn FnMut(Progress),
) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let total = file.metadata()?.len();
    let (mut hash, mut done) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
        to.write_all(&piece[..count])?;
        done += count as u64;
        progress(Progress::Bytes(done, total));
    }
    let digits = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((done, digits))
}

/// A new file that only its owner may read.
pub(crate) fn create_private(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|why| failed("make", path, why))
}

/// Makes a file durable.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|why| failed("write", path, why))
}

/// Gives a whole file its name: after this it is there, also after a power cut.
///
/// # Errors
/// When the folder cannot be written to.
pub fn put_in_place(whole: &Path, name: &Path) -> Result<(), StoreError> {
    fs::rename(whole, name).map_err(|why| failed("make", name, why))?;
    let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync(folder.unwrap_or(Path::new(".")))
}

/// The same where nothing of that name may be: who comes second is refused.
///
/// # Errors
/// When there is such a file, or the folder cannot be written to.
pub fn put_in_new_place(whole: &Path, name: &Path) -> Result<(), StoreError> {
    fs::hard_link(whole, name).map_err(|why| failed("make", name, why))?;
    fs::remove_file(whole).map_err(|why| failed("remove", whole, why))?;
    let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync(folder.unwrap_or(Path::new(".")))
}

/// A backup that was made before so many values were erased, which the database that it is to replace knows of.
pub(crate) fn brings_back(count: usize) -> StoreError {
    StoreError::Unavailable(format!(
        "the backup was made before {count} values were erased that are known in its place, and would bring them back: \
         restore it to another place, and erase there what was erased since"
    ))
}

/// The file of that name with something behind it.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

pub(crate) fn failed(what: &str, path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("cannot {what} {}: {why}", path.display()))
}
