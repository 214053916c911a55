//! What answers to pop-ups and settings mean for consents.

use super::ControlError;
use crate::event::Event;
use crate::model::{Choices, MessageKind, Subscription};
use crate::state::account::Book;

/// Templates one pop-up may ask for.
const POPUP_LIMIT: usize = 5;

/// The subscription of each template asked about.
pub(super) fn templates_of(
    book: &Book,
    choices: &Choices,
) -> Result<Vec<Subscription>, ControlError> {
    if choices.is_empty() {
        return Err(ControlError::Invalid(
            "results must name at least one template, as in {\"<template_id>\":\"accept\"}".into(),
        ));
    }
    choices
        .iter()
        .map(|(template_id, choice)| {
            if !choice.starts_with("accept")
                && !matches!(choice.as_str(), "reject" | "ban" | "filter")
            {
                return Err(ControlError::Invalid(format!(
                    "results: {choice:?} is no answer; use accept, reject, ban or filter"
                )));
            }
            let template = book
                .template(template_id)
                .ok_or_else(|| ControlError::NotFound {
                    what: "template",
                    id: template_id.clone(),
                })?;
            match template.source.kind {
                MessageKind::Subscribe | MessageKind::Notification => Ok(template.subscription()),
                MessageKind::Template | MessageKind::OneTime | MessageKind::CustomerService => {
                    Err(ControlError::Invalid(format!(
                        "template {template_id} needs no consent of this kind"
                    )))
                }
            }
        })
        .collect()
}

/// The pop-up's own rules: at most five templates, all of one subscription
/// (errors 20003 and 20002 of `wx.requestSubscribeMessage`).
pub(super) fn check_popup(book: &Book, choices: &Choices) -> Result<(), ControlError> {
    if choices.len() > POPUP_LIMIT {
        return Err(ControlError::Invalid(format!(
            "a pop-up asks for at most {POPUP_LIMIT} templates (20003)"
        )));
    }
    let subscriptions = templates_of(book, choices)?;
    if subscriptions.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(ControlError::Invalid(
            "one-time and long-term templates cannot be mixed in a pop-up (20002)".into(),
        ));
    }
    Ok(())
}

/// The consents after the person's answers. In a pop-up each acceptance of a
/// one-time template adds a message and a refusal takes none away; in the
/// settings a refusal ends everything.
pub(super) fn grants(
    book: &Book,
    appid: &str,
    openid: &str,
    choices: &Choices,
    popup: bool,
) -> Result<Vec<Event>, ControlError> {
    let subscriptions = templates_of(book, choices)?;
    let member = book.member(openid);
    let mut events = Vec::new();
    for ((template_id, choice), subscription) in choices.iter().zip(subscriptions) {
        let before = member
            .and_then(|member| member.grants.get(template_id.as_str()))
            .copied()
            .unwrap_or_default();
        let mut after = before;
        let accepts = choice.starts_with("accept");
        match subscription {
            Subscription::OneTime if popup && accepts => after.count += 1,
            Subscription::OneTime if !popup && !accepts => after.count = 0,
            Subscription::OneTime => {}
            Subscription::LongTerm => after.open = accepts,
        }
        if after != before {
            events.push(Event::Grant {
                appid: appid.to_owned(),
                openid: openid.to_owned(),
                template_id: template_id.clone(),
                count: after.count,
                open: after.open,
            });
        }
    }
    Ok(events)
}
