//! Media an account uploaded: what is known about each, and its bytes (pages
//! "新增临时素材", "新增永久素材").

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::clock::DAY_MS;

/// How long a temporary medium is kept.
pub(crate) const KEPT_MS: i64 = 3 * DAY_MS;
/// Expired media are cleared away so often at most.
const CLEARING_MS: i64 = 60 * 60 * 1000;

/// What a medium is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MediaKind {
    Image,
    Voice,
    Video,
    Thumb,
}

impl MediaKind {
    /// The kind of a `type` parameter.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "image" => Self::Image,
            "voice" => Self::Voice,
            "video" => Self::Video,
            "thumb" => Self::Thumb,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileType {
    Png,
    Jpeg,
    Gif,
    Bmp,
    Amr,
    Mp3,
    Wma,
    Wav,
    Mp4,
}

impl FileType {
    /// Media type and ending of a name.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Png => ("image/png", "png"),
            Self::Jpeg => ("image/jpeg", "jpg"),
            Self::Gif => ("image/gif", "gif"),
            Self::Bmp => ("image/bmp", "bmp"),
            Self::Amr => ("audio/amr", "amr"),
            Self::Mp3 => ("audio/mpeg", "mp3"),
            Self::Wma => ("audio/x-ms-wma", "wma"),
            Self::Wav => ("audio/wav", "wav"),
            Self::Mp4 => ("video/mp4", "mp4"),
        }
    }
}

/// One medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Medium {
    pub(crate) media_id: String,
    pub(crate) kind: MediaKind,
    pub(crate) file_type: FileType,
    /// In the library, or kept for three days.
    pub(crate) permanent: bool,
    /// Name of the file as it was uploaded.
    pub(crate) name: String,
    pub(crate) at: i64,
    /// Of videos in the library.
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) introduction: String,
}

impl Medium {
    fn is_alive(&self, now: i64) -> bool {
        self.permanent || now - self.at < KEPT_MS
    }
}

/// The media of an account.
#[derive(Debug, Default)]
pub(crate) struct Media {
    temporary: HashMap<String, Medium>,
    library: IndexMap<String, Medium>,
    cleared_at: i64,
}

impl Media {
    pub(crate) fn add(&mut self, medium: Medium) {
        let id = medium.media_id.clone();
        if medium.permanent {
            self.library.insert(id, medium);
        } else {
            self.temporary.insert(id, medium);
        }
    }

    pub(crate) fn remove(&mut self, media_id: &str) {
        self.library.shift_remove(media_id);
    }

    /// A medium that exists now.
    pub(crate) fn get(&self, media_id: &str, now: i64) -> Option<&Medium> {
        let known = self.temporary.get(media_id);
        known
            .or_else(|| self.library.get(media_id))
            .filter(|medium| medium.is_alive(now))
    }

    /// What a medium of the library is.
    pub(crate) fn kind_in_library(&self, media_id: &str) -> Option<MediaKind> {
        self.library.get(media_id).map(|medium| medium.kind)
    }

    /// The library, newest last.
    pub(crate) fn library(&self) -> impl DoubleEndedIterator<Item = &Medium> {
        self.library.values()
    }

    /// Forgets what has expired and tells the ids, once in a while.
    pub(crate) fn clear_expired(&mut self, now: i64) -> Vec<String> {
        if now - self.cleared_at < CLEARING_MS {
            return Vec::new();
        }
        self.cleared_at = now;
        let gone = self.temporary.extract_if(|_, medium| !medium.is_alive(now));
        gone.map(|(id, _)| id).collect()
    }

    /// What a snapshot must keep.
    pub(crate) fn living(&self, now: i64) -> impl Iterator<Item = &Medium> {
        let temporary = self.temporary.values();
        temporary
            .chain(self.library.values())
            .filter(move |medium| medium.is_alive(now))
    }
}

/// The bytes of media by id: files beside the journal, or memory.
#[derive(Debug)]
pub(crate) enum Blobs {
    Memory(Mutex<HashMap<String, Bytes>>),
    Dir(PathBuf),
}

impl Blobs {
    pub(crate) fn new(data_dir: Option<&Path>) -> Self {
        match data_dir {
            None => Self::Memory(Mutex::default()),
            Some(dir) => Self::Dir(dir.join("media")),
        }
    }

    /// Keeps the bytes of a medium. Ids are made of letters, digits, `-` and
    /// `_`, and so are names of files.
    pub(crate) fn put(&self, media_id: &str, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(all) => {
                let bytes = Bytes::copy_from_slice(bytes);
                all.lock().insert(media_id.to_owned(), bytes);
                Ok(())
            }
            Self::Dir(dir) => {
                std::fs::create_dir_all(dir)?;
                std::fs::write(dir.join(media_id), bytes)
            }
        }
    }

    /// The bytes of a medium that is known.
    pub(crate) fn get(&self, media_id: &str) -> io::Result<Bytes> {
        match self {
            Self::Memory(all) => {
                let bytes = all.lock().get(media_id).cloned();
                Ok(bytes.ok_or(io::ErrorKind::NotFound)?)
            }
            Self::Dir(dir) => Ok(std::fs::read(dir.join(media_id))?.into()),
        }
    }

    /// Drops bytes nobody can ask for any more; a file that stays is no harm.
    pub(crate) fn drop_all(&self, media_ids: &[String]) {
        for id in media_ids {
            match self {
                Self::Memory(all) => drop(all.lock().remove(id)),
                Self::Dir(dir) => drop(std::fs::remove_file(dir.join(id))),
            }
        }
    }
}
