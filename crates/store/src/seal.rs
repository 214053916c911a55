//! Sealing secrets at rest: AES-256-GCM (NIST SP 800-38D) under a key that lies
//! in a file of its own, so that a copy of the database alone gives nothing
//! away.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// Bytes of the nonce. Nonces are random; SP 800-38D (8.3) allows 2^32 of them
/// under one key, which at a million a day lasts eleven years.
const NONCE_BYTES: usize = 12;
/// Leads every sealed value, so that the way of sealing can change one day.
const VERSION: u8 = 1;

/// Where a sealed value is kept. It is bound to that place: moved to another
/// row or column it can no longer be opened.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// What names the row.
    pub row: &'a [u8],
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        [self.table.as_bytes(), self.column.as_bytes(), self.row].join(&0)
    }
}

/// A stored value cannot be opened: another key, another place, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value cannot be opened with this key")]
pub struct Unsealable;

/// Why there is no key to seal with. A key file is never changed or replaced.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file is there but cannot be read.
    #[error(
        "the key file {path} cannot be read ({source}); let this user read it or name another in [secrets] key_file",
        path = path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "the key file {path} does not hold a key (64 hexadecimal digits); restore it from a backup or name another in [secrets] key_file",
        path = path.display()
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// There is no file, and it cannot be made.
    #[error(
        "the key file {path} cannot be created ({source}); check that its directory exists and that this user may write there",
        path = path.display()
    )]
    CannotCreate {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// Seals and opens secrets. Does not show its key.
#[derive(Clone)]
pub struct Seal {
    cipher: Aes256Gcm,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal([redacted])")
    }
}

impl Seal {
    /// A seal with this key.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.into()),
        }
    }

    /// The seal of a key file: 64 hexadecimal digits and a line's end. If there
    /// is no file, one with a random key is made, readable by its owner only. A
    /// file that others can read is used, with a warning in the log.
    ///
    /// # Errors
    /// [`SealError`]; a file that is there is never written to.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        match load(path) {
            Err(SealError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                match create(path) {
                    // Another process was faster: its key is the key.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(path),
                    Err(source) => Err(SealError::CannotCreate {
                        path: path.to_owned(),
                        source,
                    }),
                    Ok(key) => Ok(Self::new(&key)),
                }
            }
            loaded => loaded,
        }
    }

    /// Seals `plain` for `place`: version, nonce, then ciphertext with tag.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(io::Error::from)?;
        let payload = Payload {
            msg: plain,
            aad: &place.associated_data(),
        };
        let sealed = self
            .cipher
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| io::Error::other("the value is too long to be sealed"))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Seal::seal`] made for the same place.
    ///
    /// # Errors
    /// [`Unsealable`] for another key, another place or a damaged value.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let (&version, rest) = sealed.split_first().ok_or(Unsealable)?;
        let (nonce, msg) = rest.split_at_checked(NONCE_BYTES).ok_or(Unsealable)?;
        if version != VERSION {
            return Err(Unsealable);
        }
        let payload = Payload {
            msg,
            aad: &place.associated_data(),
        };
        self.cipher
            .decrypt(Nonce::from_slice(nonce), payload)
            .map_err(|_| Unsealable)
    }
}

fn load(path: &Path) -> Result<Seal, SealError> {
    let text = fs::read(path).map_err(|source| SealError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let mut key = [0; KEY_BYTES];
    hex::decode_to_slice(text.trim_ascii(), &mut key).map_err(|_| SealError::NotAKey {
        path: path.to_owned(),
    })?;
    warn_if_open_to_others(path);
    Ok(Seal::new(&key))
}

/// Writes a random key beside `path` and then links it there: the file appears
/// whole or not at all, and never in the place of another.
fn create(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let (mut key, mut suffix) = ([0; KEY_BYTES], [0; 8]);
    getrandom::fill(&mut key).map_err(io::Error::from)?;
    getrandom::fill(&mut suffix).map_err(io::Error::from)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", hex::encode(suffix)));
    let draft = PathBuf::from(draft);
    let written = write_new(&draft, &format!("{}\n", hex::encode(key)))
        .and_then(|()| fs::hard_link(&draft, path));
    // The draft may be missing when it could not be made; what counts is above.
    let _ = fs::remove_file(&draft);
    written?;
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(key)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn warn_if_open_to_others(path: &Path) {
    #[cfg(unix)]
    if let Ok(found) = fs::metadata(path) {
        let mode = std::os::unix::fs::MetadataExt::mode(&found) & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(
                path = %path.display(),
                mode = format_args!("{mode:04o}"),
                "the key file is open to other users of this machine; set its mode to 0600"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        table: "account",
        column: "secret",
        row: b"1",
    };

    #[test]
    fn opens_what_it_sealed_and_only_in_its_place() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal(PLACE, b"hush").unwrap();
        assert_eq!(seal.open(PLACE, &sealed).unwrap(), b"hush");
        assert_eq!(
            seal.open(Place { row: b"2", ..PLACE }, &sealed),
            Err(Unsealable)
        );
        assert_eq!(
            seal.open(
                Place {
                    column: "token",
                    ..PLACE
                },
                &sealed
            ),
            Err(Unsealable)
        );
        assert_eq!(Seal::new(&[8; 32]).open(PLACE, &sealed), Err(Unsealable));
        for cut in [0, 1, 12, sealed.len() - 1] {
            assert_eq!(seal.open(PLACE, &sealed[..cut]), Err(Unsealable));
        }
    }

    #[test]
    fn seals_the_same_differently_each_time() {
        let seal = Seal::new(&[7; 32]);
        assert_ne!(
            seal.seal(PLACE, b"hush").unwrap(),
            seal.seal(PLACE, b"hush").unwrap()
        );
    }

    #[test]
    fn a_key_file_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hongyan.key");
        let sealed = Seal::load_or_create(&path)
            .unwrap()
            .seal(PLACE, b"hush")
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), 65);
        let again = Seal::load_or_create(&path).unwrap();
        assert_eq!(again.open(PLACE, &sealed).unwrap(), b"hush");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "no draft is left"
        );
        assert!(!format!("{again:?}").contains(text.trim()));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_key_file_is_its_owners_alone() {
        use std::os::unix::fs::MetadataExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hongyan.key");
        Seal::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hongyan.key");
        let (short, no_hex) = ("ab".repeat(31), "zz".repeat(32));
        for garbled in ["", "secret", &short, &no_hex] {
            fs::write(&path, garbled).unwrap();
            let error = Seal::load_or_create(&path).unwrap_err();
            assert!(matches!(error, SealError::NotAKey { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), garbled);
        }
        let folder = Seal::load_or_create(directory.path()).unwrap_err();
        assert!(matches!(folder, SealError::Unreadable { .. }), "{folder}");
        let nowhere = Seal::load_or_create(&directory.path().join("no/key")).unwrap_err();
        assert!(
            matches!(nowhere, SealError::CannotCreate { .. }),
            "{nowhere}"
        );
    }
}
