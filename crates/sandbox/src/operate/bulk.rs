//! People in bulk.

use super::ControlError;
use crate::Sandbox;
use crate::event::Event;
use crate::ids::bulk;
use crate::model::{BulkView, MessageKind, NewBulk};
use crate::state::account::Book;

/// Bulk people an account may have.
const BULK_LIMIT: u32 = 10_000_000;

impl Sandbox {
    /// Makes so many followers in bulk; see [`Sandbox::add_bulk`].
    ///
    /// # Errors
    /// As [`Sandbox::add_bulk`].
    pub fn add_bulk_people(&self, appid: &str, count: u32) -> Result<BulkView, ControlError> {
        self.add_bulk(appid, NewBulk::new(count))
    }

    /// Makes people in bulk who exist only as numbers until somebody acts on
    /// one by its openid. They have no [`PersonView`](crate::PersonView); those
    /// of the same number at accounts of one open-platform account have the
    /// same unionid.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown account or template;
    /// [`ControlError::Invalid`] for none at all, more than ten million, or a
    /// template that needs no consent of that kind.
    pub fn add_bulk(&self, appid: &str, new: NewBulk) -> Result<BulkView, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        let mut book = account.book.lock();
        check_consents(&book, &new)?;
        let NewBulk {
            count,
            follows,
            accepts,
        } = new;
        let from = book.bulk.count();
        let total = from
            .checked_add(count)
            .filter(|total| count > 0 && *total <= BULK_LIMIT)
            .ok_or_else(|| {
                ControlError::Invalid(format!("count must be 1 to {BULK_LIMIT} in all"))
            })?;
        let event = Event::Bulk {
            appid: appid.to_owned(),
            count: total,
            follows,
            at: self.world.clock.now_ms(),
            accepts,
        };
        self.world.commit_in(&account, &mut book, &event)?;
        let base = self.world.config.public_url.as_deref().unwrap_or_default();
        let base = base.trim_end_matches('/');
        Ok(BulkView {
            openids_url: format!(
                "{base}/sandbox/v1/bulk/people/{appid}/openids?from={from}&count={count}"
            ),
            count,
            total,
        })
    }

    /// Openids of bulk people by number, `None` for an unknown account.
    pub fn bulk_openids(
        &self,
        appid: &str,
        from: u32,
        count: u32,
    ) -> Option<impl Iterator<Item = String> + Send + 'static> {
        let account = self.world.account(appid)?;
        let total = account.book.lock().bulk.count();
        let to = from.saturating_add(count).min(total);
        Some((from..to).map(move |index| bulk::openid(&account.appid, index)))
    }

    /// Unionids of bulk people by number; `None` for an unknown account or one
    /// that is bound to no open-platform account.
    pub fn bulk_unionids(
        &self,
        appid: &str,
        from: u32,
        count: u32,
    ) -> Option<impl Iterator<Item = String> + Send + 'static> {
        let account = self.world.account(appid)?;
        let platform = account.settings.read().open_platform.clone()?;
        let total = account.book.lock().bulk.count();
        let to = from.saturating_add(count).min(total);
        Some((from..to).map(move |index| bulk::unionid(&platform, index)))
    }
}

fn check_consents(book: &Book, new: &NewBulk) -> Result<(), ControlError> {
    for template_id in new.accepts.keys() {
        let template = book
            .template(template_id)
            .ok_or_else(|| ControlError::NotFound {
                what: "template",
                id: template_id.clone(),
            })?;
        let kind = template.source.kind;
        if !matches!(kind, MessageKind::Subscribe | MessageKind::Notification) {
            return Err(ControlError::Invalid(format!(
                "accepts: template {template_id} needs no consent of this kind"
            )));
        }
    }
    Ok(())
}
