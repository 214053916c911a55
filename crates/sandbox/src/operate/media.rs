//! Pictures and files that anybody may fetch.

use std::io;

use bytes::Bytes;

use super::ControlError;
use crate::Sandbox;
use crate::clock::rfc3339;
use crate::event::Event;
use crate::model::{Action, CodeView};
use crate::state::account::Account;
use crate::state::media::{FileType, MediaKind, Medium};
use crate::state::qr::QrCode;

/// The picture on everybody's phone: one grey dot.
const PICTURE: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xb0\xb0\xb0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// What everybody says: a twentieth of a second of silence.
const VOICE: &[u8] = b"#!AMR\n\x7c";

impl Sandbox {
    /// An action that sends a picture or a voice with the id of its medium, and
    /// the change that keeps the medium for the account as WeChat does.
    pub(super) fn with_medium(
        &self,
        account: &Account,
        action: &Action,
    ) -> io::Result<(Action, Option<Event>)> {
        let mut action = action.clone();
        let (id, kind, file_type, bytes) = match &mut action {
            Action::SendImage { media_id, .. } => {
                (media_id, MediaKind::Image, FileType::Gif, PICTURE)
            }
            Action::SendVoice { media_id, .. } => {
                (media_id, MediaKind::Voice, FileType::Amr, VOICE)
            }
            _ => return Ok((action, None)),
        };
        // One that was named is the business of whoever named it.
        if id.is_some() {
            return Ok((action, None));
        }
        let media_id = self.world.ids.media_id();
        self.world.blobs.put(&media_id, bytes)?;
        *id = Some(media_id.clone());
        let medium = Medium {
            media_id,
            kind,
            file_type,
            permanent: false,
            name: String::new(),
            at: self.world.clock.now_ms(),
            title: String::new(),
            introduction: String::new(),
        };
        let appid = account.appid.to_string();
        Ok((action, Some(Event::Media { appid, medium })))
    }

    /// A medium by its id, with its media type; `None` for an unknown or expired
    /// one. Pictures of articles have ids too, which their addresses tell.
    pub(crate) fn medium(&self, media_id: &str) -> Option<(&'static str, Bytes)> {
        let world = &self.world;
        let now = world.clock.now_ms();
        let accounts = world.accounts.read().list.clone();
        let file_type = accounts.iter().find_map(|account| {
            let book = account.book.lock();
            book.media.get(media_id, now).map(|medium| medium.file_type)
        });
        if file_type.is_none() && !is_article_image(media_id) {
            return None;
        }
        let bytes = world.blobs.get(media_id).ok()?;
        let mime = file_type.map(|file_type| file_type.words().0);
        let guessed = if bytes.starts_with(b"\x89PNG") {
            "image/png"
        } else {
            "image/jpeg"
        };
        Some((mime.unwrap_or(guessed), bytes))
    }

    /// What the QR code of a ticket says; `None` for an unknown or expired one.
    pub(crate) fn qr_url(&self, ticket: &str) -> Option<String> {
        let now = self.world.clock.now_ms();
        let accounts = self.world.accounts.read().list.clone();
        accounts.iter().find_map(|account| {
            let book = account.book.lock();
            let code = book.codes.by_ticket(ticket)?;
            (!code.has_expired(now)).then(|| code.url.clone())
        })
    }
}

/// Codes listed, lest a list become endless.
const CODES: usize = 100;

impl Sandbox {
    /// QR codes of an account that can still be scanned or lately could, at most
    /// a hundred, in the order of their scenes.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown account.
    pub fn codes(&self, appid: &str) -> Result<Vec<CodeView>, ControlError> {
        let account = self.account(appid)?;
        let now = self.world.clock.now_ms();
        let book = account.book.lock();
        let mut codes = book.codes.living(now);
        codes.sort_by(|one, other| one.scene.cmp(&other.scene));
        let view = |code: &QrCode| CodeView {
            ticket: code.ticket.clone(),
            scene: code.scene.clone(),
            expires_at: code.expires_at.map(rfc3339),
            expired: code.has_expired(now),
        };
        Ok(codes.into_iter().take(CODES).map(view).collect())
    }
}

/// Ids become names of files, so others than our own must not get through.
fn is_article_image(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    id.starts_with("article-") && id.bytes().all(plain)
}
