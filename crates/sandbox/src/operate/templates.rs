//! Templates of accounts.

use std::sync::Arc;

use super::ControlError;
use super::accounts::{check_id, set};
use crate::Sandbox;
use crate::event::Event;
use crate::model::{AccountKind, MessageKind, NewTemplate, TemplatePatch, TemplateView};
use crate::state::account::Account;
use crate::state::template::{Template, TemplateSource};

/// Longest title and content of a template, in bytes.
const TEXT_LIMIT: usize = 4096;

impl Sandbox {
    /// Makes a template.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown account,
    /// [`ControlError::Invalid`] for a kind the account cannot have or a
    /// content without parameters, [`ControlError::Exists`] for a known id.
    pub fn add_template(
        &self,
        appid: &str,
        new: NewTemplate,
    ) -> Result<TemplateView, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        check_template(&account, &new)?;
        let template_id = new
            .template_id
            .unwrap_or_else(|| self.world.ids.template_id());
        check_id("template_id", &template_id)?;
        let mut book = account.book.lock();
        if book.templates.contains_key(template_id.as_str()) {
            return Err(ControlError::Exists(format!(
                "template {template_id} exists"
            )));
        }
        let has_one = |template: &Arc<Template>| template.source.kind == MessageKind::OneTime;
        if new.kind == MessageKind::OneTime && book.living_templates().any(has_one) {
            return Err(ControlError::Exists(
                "the account has its one-time template; there is only one".into(),
            ));
        }
        let subscription = match new.kind {
            MessageKind::Template | MessageKind::CustomerService => None,
            MessageKind::Subscribe | MessageKind::Notification | MessageKind::OneTime => {
                Some(new.subscription.unwrap_or_default())
            }
        };
        let mut source = TemplateSource {
            template_id,
            kind: new.kind,
            title: new.title,
            content: new.content,
            example: new.example.unwrap_or_default(),
            subscription,
            enum_values: new.enum_values,
            industries: None,
            deleted: false,
        };
        let template = compiled(&source)?;
        if new.kind == MessageKind::Template && template.is_free() {
            source.industries = book.industry.map(|set| (set.primary, set.secondary));
        }
        let event = Event::Template {
            appid: appid.to_owned(),
            template: source,
        };
        self.world.commit_in(&account, &mut book, &event)?;
        Ok(template.view())
    }

    /// Changes a template under the feet of its users, as WeChat does.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Invalid`] for a content
    /// without parameters.
    pub fn update_template(
        &self,
        appid: &str,
        template_id: &str,
        patch: TemplatePatch,
    ) -> Result<TemplateView, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        let mut book = account.book.lock();
        let known = book.template(template_id);
        let known = known.ok_or_else(|| no_template(template_id))?;
        let mut source = known.source.clone();
        let TemplatePatch {
            title,
            content,
            example,
            enum_values,
        } = patch;
        set(&mut source.title, title);
        set(&mut source.content, content);
        set(&mut source.example, example);
        set(&mut source.enum_values, enum_values);
        let template = compiled(&source)?;
        let event = Event::Template {
            appid: appid.to_owned(),
            template: source,
        };
        self.world.commit_in(&account, &mut book, &event)?;
        Ok(template.view())
    }

    /// Deletes a template; sends with it get 40037 from then on.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub fn delete_template(&self, appid: &str, template_id: &str) -> Result<(), ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        let mut book = account.book.lock();
        book.template(template_id)
            .ok_or_else(|| no_template(template_id))?;
        let event = Event::TemplateGone {
            appid: appid.to_owned(),
            template_id: template_id.to_owned(),
        };
        self.world.commit_in(&account, &mut book, &event)?;
        Ok(())
    }
}

fn no_template(template_id: &str) -> ControlError {
    ControlError::NotFound {
        what: "template",
        id: template_id.to_owned(),
    }
}

/// The template, if its words make sense.
fn compiled(source: &TemplateSource) -> Result<Template, ControlError> {
    let TemplateSource { title, content, .. } = source;
    if title.is_empty() || title.len() > TEXT_LIMIT || content.len() > TEXT_LIMIT {
        return Err(ControlError::Invalid(format!(
            "title must not be empty; title and content may have {TEXT_LIMIT} bytes each"
        )));
    }
    let template = Template::new(source.clone());
    if template.keywords.is_empty() {
        return Err(ControlError::Invalid(
            "content needs at least one parameter such as {{thing1.DATA}}".into(),
        ));
    }
    Ok(template)
}

fn check_template(account: &Account, new: &NewTemplate) -> Result<(), ControlError> {
    let fits = match new.kind {
        MessageKind::Template | MessageKind::Notification | MessageKind::OneTime => {
            account.kind == AccountKind::OfficialAccount
        }
        MessageKind::Subscribe => account.kind == AccountKind::MiniProgram,
        MessageKind::CustomerService => {
            return Err(ControlError::Invalid(
                "customer-service messages have no templates".into(),
            ));
        }
    };
    if !fits {
        return Err(ControlError::Invalid(
            "kind subscribe belongs to mini programs; template, notification and one_time to \
             official accounts"
                .into(),
        ));
    }
    if new.kind == MessageKind::Template && new.subscription.is_some() {
        return Err(ControlError::Invalid(
            "subscription belongs to the kinds subscribe, notification and one_time".into(),
        ));
    }
    Ok(())
}
