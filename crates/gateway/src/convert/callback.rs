//! Callbacks as the API shows them. Their query stays inside: with it others could
//! make callbacks of their own, for in plaintext mode its signature says nothing
//! about the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hongyan_api as api;
use hongyan_domain::callback::{Callback, ForwardState, Mode};

/// A callback without its body.
pub(crate) fn listed(callback: Callback, account: &str) -> api::Callback {
    api::Callback {
        id: callback.id.to_string(),
        account: account.to_owned(),
        received_at: callback.received_at,
        created_at: callback.created_at,
        openid: callback.openid.map(|id| id.to_string()),
        msg_type: callback.msg_type,
        event: callback.event,
        event_key: callback.event_key,
        mode: match callback.mode {
            Mode::Plain => api::CallbackMode::Plain,
            Mode::Compatible => api::CallbackMode::Compatible,
            Mode::Safe => api::CallbackMode::Safe,
        },
        text: callback.text,
        reply: callback.reply,
        repeats: callback.repeats,
    }
}

/// A callback with its body and where it went.
pub(crate) fn whole(
    callback: Callback,
    forwards: Vec<ForwardState>,
    account: &str,
) -> api::CallbackDetail {
    let (body, body_encoding) = match std::str::from_utf8(&callback.body) {
        Ok(text) => (text.to_owned(), api::BodyEncoding::Utf8),
        Err(_) => (STANDARD.encode(&callback.body), api::BodyEncoding::Base64),
    };
    api::CallbackDetail {
        content_type: callback.content_type.clone(),
        body,
        body_encoding,
        forwards: forwards
            .into_iter()
            .map(|forward| api::Forward {
                url: forward.url,
                attempts: forward.attempts,
                due_at: forward.due_at,
                status: forward.status,
                error: forward.error,
            })
            .collect(),
        callback: listed(callback, account),
    }
}
