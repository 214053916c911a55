//! The append-only file behind a persistent sandbox, and its stand-in in memory.
//!
//! One line per change, each written by one `write` before the answer goes
//! out: what was answered survives the end of the process by any signal. It is
//! not synced to disk, so a power failure may lose the last seconds. A line
//! torn by the end of the process is cut off at the next start.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::event::{Event, FORMAT};
use crate::shelf::{Shelf, Taken};

/// Why a sandbox could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be used.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the directory open.
    #[error("{path} is in use by another sandbox; stop it or choose another directory")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// A line in the middle of the journal makes no sense.
    #[error("{path} line {line} is damaged: {reason}; move the file away to start anew")]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Line number from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The journal was written by a newer version.
    #[error("{path} has format {found}, this version reads up to {FORMAT}; use a newer version")]
    TooNew {
        /// The journal.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

/// Where a delivery line can be read again.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File { file: Arc<File>, at: u64, len: u32 },
    Memory(Option<Taken>),
}

/// Where lines go.
#[derive(Debug)]
pub(crate) enum Journal {
    /// Lines of state are forgotten, deliveries kept.
    Memory { deliveries: Shelf },
    /// Everything is in the file.
    File {
        file: Arc<File>,
        len: u64,
        _lock: File,
    },
}

const FILE_NAME: &str = "sandbox.journal";
const LOCK_NAME: &str = "sandbox.lock";

impl Journal {
    pub(crate) fn in_memory() -> Self {
        Self::Memory {
            deliveries: Shelf::default(),
        }
    }

    /// Opens or makes the journal in the directory and hands every whole line
    /// with its offset to `each`.
    pub(crate) fn open(
        dir: &Path,
        each: impl FnMut(&[u8], u64) -> Result<(), LineError>,
    ) -> Result<Self, OpenError> {
        std::fs::create_dir_all(dir).map_err(io_at(dir))?;
        let lock = lock(&dir.join(LOCK_NAME))?;
        let path = dir.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(io_at(&path))?;
        let len = replay(&mut file, &path, each)?;
        let mut journal = Self::File {
            file: Arc::new(file),
            len,
            _lock: lock,
        };
        if len == 0 {
            journal
                .append(&line(&Event::Header { version: FORMAT }))
                .map_err(io_at(&path))?;
        }
        Ok(journal)
    }

    /// Starts the file that will replace the journal of the directory.
    pub(crate) fn begin_rewrite(dir: &Path) -> Result<Rewrite, OpenError> {
        let path = dir.join(format!("{FILE_NAME}.new"));
        let file = File::create(&path).map_err(io_at(&path))?;
        let mut rewrite = Rewrite {
            out: io::BufWriter::new(file),
            path,
            len: 0,
        };
        rewrite.push(&line(&Event::Header { version: FORMAT }))?;
        Ok(rewrite)
    }

    /// Puts the finished file in the journal's place.
    pub(crate) fn replace(&mut self, dir: &Path, rewrite: Rewrite) -> Result<(), OpenError> {
        let Self::File { file, len, .. } = self else {
            return Ok(());
        };
        let Rewrite {
            out,
            path: new_path,
            len: new_len,
        } = rewrite;
        let finished = out.into_inner().map_err(|error| OpenError::Io {
            path: new_path.clone(),
            source: error.into_error(),
        })?;
        finished.sync_all().map_err(io_at(&new_path))?;
        let path = dir.join(FILE_NAME);
        std::fs::rename(&new_path, &path).map_err(io_at(&path))?;
        let reopened = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(io_at(&path))?;
        *file = Arc::new(reopened);
        *len = new_len;
        Ok(())
    }

    /// Bytes in the file; 0 in memory.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory { .. } => 0,
            Self::File { len, .. } => *len,
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// Writes one line that ends in a line feed.
    pub(crate) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let Self::File { file, len, .. } = self else {
            return Ok(());
        };
        let mut writer: &File = file;
        if let Err(error) = writer.write_all(line) {
            // Half a line would damage what follows; an answer of failure must
            // leave no trace.
            let _ = file.set_len(*len);
            return Err(error);
        }
        *len += line.len() as u64;
        Ok(())
    }

    /// Writes a delivery's line and tells where it is: an offset in the file,
    /// a number in memory.
    pub(crate) fn append_delivery(&mut self, line: &[u8]) -> io::Result<u64> {
        match self {
            Self::Memory { deliveries } => Ok(deliveries.push(line)),
            Self::File { len, .. } => {
                let at = *len;
                self.append(line)?;
                Ok(at)
            }
        }
    }

    /// The place of a delivery line for reading without the journal's lock.
    pub(crate) fn place(&self, at: u64, len: u32) -> Place {
        match self {
            Self::File { file, .. } => Place::File {
                file: Arc::clone(file),
                at,
                len,
            },
            Self::Memory { deliveries } => Place::Memory(deliveries.take(at)),
        }
    }
}

impl Place {
    /// The line with its line feed.
    pub(crate) fn read(&self) -> io::Result<Bytes> {
        match self {
            Self::Memory(line) => {
                let line = line.as_ref().ok_or(io::ErrorKind::NotFound)?;
                Ok(line.line()?)
            }
            Self::File { file, at, len } => {
                let mut line = vec![0; *len as usize];
                file.read_exact_at(&mut line, *at)?;
                Ok(line.into())
            }
        }
    }
}

/// A journal being written anew.
#[derive(Debug)]
pub(crate) struct Rewrite {
    out: io::BufWriter<File>,
    path: PathBuf,
    len: u64,
}

impl Rewrite {
    /// Adds a line and tells its offset.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<u64, OpenError> {
        self.out.write_all(line).map_err(io_at(&self.path))?;
        let at = self.len;
        self.len += line.len() as u64;
        Ok(at)
    }
}

/// Why a line was not understood.
#[derive(Debug)]
pub(crate) enum LineError {
    Damaged(String),
    TooNew(u32),
}

/// A state change as its line.
pub(crate) fn line(event: &Event) -> Vec<u8> {
    // Plain structs and strings always serialise.
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    line
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(io_at(path))?;
    match fs4::fs_std::FileExt::try_lock_exclusive(&file) {
        Ok(true) => Ok(file),
        Ok(false) => Err(OpenError::InUse {
            path: path.to_owned(),
        }),
        Err(source) => Err(OpenError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Reads all lines, cuts off a torn last one, and gives the good length.
fn replay(
    file: &mut File,
    path: &Path,
    mut each: impl FnMut(&[u8], u64) -> Result<(), LineError>,
) -> Result<u64, OpenError> {
    let mut good = 0;
    let mut number = 0;
    let mut line = Vec::new();
    let mut reader = BufReader::with_capacity(1 << 20, &*file);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(io_at(path))? as u64;
        number += 1;
        if read == 0 {
            break;
        }
        if line.last() != Some(&b'\n') {
            let header = self::line(&Event::Header { version: FORMAT });
            if good == 0 && !header.starts_with(&line) {
                let reason = "it is not a sandbox journal".to_owned();
                return Err(OpenError::Damaged {
                    path: path.to_owned(),
                    line: number,
                    reason,
                });
            }
            break;
        }
        match each(&line, good) {
            Ok(()) => good += read,
            Err(LineError::TooNew(found)) => {
                return Err(OpenError::TooNew {
                    path: path.to_owned(),
                    found,
                });
            }
            Err(LineError::Damaged(reason)) => {
                return Err(OpenError::Damaged {
                    path: path.to_owned(),
                    line: number,
                    reason,
                });
            }
        }
    }
    drop(reader);
    file.set_len(good).map_err(io_at(path))?;
    file.seek(SeekFrom::End(0)).map_err(io_at(path))?;
    Ok(good)
}
