//! Tickets for the browser side.

use std::borrow::Cow;

use http::Method;
use serde::Deserialize;

use crate::{Call, JsTicket, lenient};

/// A ticket for WeChat's script in the browser ("获取jsapi_ticket").
///
/// Keep it for its whole life: the daily quota is small.
#[derive(Debug, Clone, Copy)]
pub struct GetTicket {
    /// What it is for.
    pub kind: TicketKind,
}

/// What a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketKind {
    /// Signing pages; see [`crate::jssdk`].
    JsApi,
    /// Cards.
    WxCard,
}

/// A ticket and its remaining life.
#[derive(Debug, Clone, Deserialize)]
pub struct IssuedTicket {
    /// The ticket.
    pub ticket: JsTicket,
    /// Remaining life in seconds, 7200 today.
    #[serde(deserialize_with = "lenient::number")]
    pub expires_in: u32,
}

impl Call for GetTicket {
    type Reply = IssuedTicket;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/ticket/getticket";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let kind = match self.kind {
            TicketKind::JsApi => "jsapi",
            TicketKind::WxCard => "wx_card",
        };
        vec![("type", Cow::Borrowed(kind))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn names_its_kind_and_hides_the_ticket() {
        for (kind, name) in [
            (TicketKind::JsApi, "jsapi"),
            (TicketKind::WxCard, "wx_card"),
        ] {
            let reply =
                r#"{"errcode":0,"errmsg":"ok","ticket":"bxLdikRXVbTPdHSM","expires_in":7200}"#;
            let (wire, reply) = exchange(&GetTicket { kind }, reply);
            assert_eq!(wire.method, Method::GET);
            assert_eq!(
                wire.target,
                format!("/cgi-bin/ticket/getticket?access_token=TOKEN&type={name}")
            );
            let issued = reply.unwrap();
            assert_eq!(issued.ticket.expose(), "bxLdikRXVbTPdHSM");
            assert_eq!(issued.expires_in, 7200);
            assert!(!format!("{issued:?}").contains("bxLd"));
        }
    }

    #[test]
    fn reports_a_refusal() {
        let call = GetTicket {
            kind: TicketKind::JsApi,
        };
        let reply = r#"{"errcode":42001,"errmsg":"access_token expired rid: 6-a-b"}"#;
        assert_eq!(refusal(&call, reply), 42001);
    }
}
