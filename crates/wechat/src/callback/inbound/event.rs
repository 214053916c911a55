use super::{
    msg_id, number, optional,
    report::{
        PopupChoice, SubscribeChange, SubscribeSent, TemplateSendStatus, entries, popup_choice,
        subscribe_change, subscribe_sent,
    },
    text,
};
use crate::{AppId, MsgId, OpenId, callback::Fields};

/// Something that happened. Names of events are compared without regard to case, which varies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundEvent {
    /// The sender follows the account now.
    Subscribe {
        /// The scene of the QR code that was scanned, without its prefix.
        scene: Option<String>,
        /// The ticket of that QR code.
        ticket: Option<String>,
        /// The `EventKey` as it came: empty, `qrscene_…`, or `last_trade_no_…` after a payment.
        key: String,
    },
    /// The sender does not follow the account any more; WeChat's rules ask to delete the person's data.
    Unsubscribe,
    /// A follower scanned a QR code.
    Scan {
        /// Its scene.
        scene: String,
        /// Its ticket.
        ticket: Option<String>,
    },
    /// Where the sender is, on entering the chat or every five seconds.
    Location {
        /// Degrees as WeChat writes them.
        latitude: String,
        /// Degrees as WeChat writes them.
        longitude: String,
        /// Metres as WeChat writes them.
        precision: String,
    },
    /// A menu item with a key was tapped.
    Click {
        /// Its key.
        key: String,
    },
    /// A menu item with a link was tapped.
    View {
        /// Its link.
        url: String,
        /// The personal menu it belongs to.
        menu_id: Option<String>,
    },
    /// A menu item with a mini program was tapped.
    ViewMiniProgram {
        /// The page.
        path: String,
        /// The personal menu it belongs to.
        menu_id: Option<String>,
    },
    /// A menu item scanned a code and showed it.
    ScanCodePush(ScanCode),
    /// A menu item scanned a code and waits for the reply.
    ScanCodeWaitMsg(ScanCode),
    /// A menu item took a picture, which follows as a message.
    PicSysPhoto {
        /// Its key.
        key: String,
    },
    /// A menu item took or chose pictures, which follow as messages.
    PicPhotoOrAlbum {
        /// Its key.
        key: String,
    },
    /// A menu item chose pictures, which follow as messages.
    PicWeixin {
        /// Its key.
        key: String,
    },
    /// A menu item chose a place, which follows as a message.
    LocationSelect {
        /// Its key.
        key: String,
    },
    /// A template message arrived or did not; the sender is its recipient.
    TemplateSendJobFinish {
        /// What the send answered.
        msgid: MsgId,
        /// How it ended.
        status: TemplateSendStatus,
    },
    /// A mass send ended.
    MassSendJobFinish {
        /// What the send answered.
        msgid: MsgId,
        /// `send success`, `send fail`, or `err(…)` with the number of a review.
        status: String,
        /// Members of the group.
        total_count: Option<u64>,
        /// Those who are left after filters.
        filter_count: Option<u64>,
        /// Those who got it.
        sent_count: Option<u64>,
        /// Those who did not.
        error_count: Option<u64>,
    },
    /// The sender answered a question for consent; one entry for each template.
    SubscribeMsgPopup(Vec<PopupChoice>),
    /// The sender changed a consent later.
    SubscribeMsgChange(Vec<SubscribeChange>),
    /// Subscribe messages arrived or did not; the sender is their recipient.
    SubscribeMsgSent(Vec<SubscribeSent>),
    /// The sender opened the customer-service chat of a mini program.
    UserEnterTempSession {
        /// Free text of the button, perhaps JSON itself.
        session_from: String,
    },
    /// The platform cleaned a person's profile.
    UserInfoModified {
        /// The person; the sender is the platform.
        openid: OpenId,
        /// The account concerned.
        appid: Option<AppId>,
    },
    /// A person took back consent to data, which must be deleted.
    UserAuthorizationRevoke {
        /// The person; the sender is the platform.
        openid: OpenId,
        /// The account concerned.
        appid: Option<AppId>,
        /// Which data, as a number of WeChat's list.
        revoke_info: String,
    },
    /// A person closed the WeChat account; all data must be deleted.
    UserAuthorizationCancellation {
        /// The person; the sender is the platform.
        openid: OpenId,
        /// The account concerned.
        appid: Option<AppId>,
    },
    /// The console's debug tool tries the URL.
    DebugDemo {
        /// What was typed there.
        debug_str: String,
    },
    /// An agent took a chat.
    KfCreateSession {
        /// The agent.
        kf_account: String,
    },
    /// An agent ended a chat.
    KfCloseSession {
        /// The agent.
        kf_account: String,
    },
    /// An agent gave a chat to another.
    KfSwitchSession {
        /// The agent before.
        from: String,
        /// The agent now.
        to: String,
    },
    /// Another event, by its name as it came; or one of the above without a field that it must have.
    Other(String),
}

/// A code scanned from a menu item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanCode {
    /// The item's key.
    pub key: String,
    /// `qrcode` or `barcode`.
    pub scan_type: String,
    /// What the code says; a bar code begins with its kind, such as `EAN_13,`.
    pub result: String,
}

impl InboundEvent {
    pub(super) fn read(name: &str, fields: &Fields) -> Self {
        let known = Self::read_known(&name.to_ascii_lowercase(), fields);
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// `None` for an unknown name, and for a known one without a field that it must have.
    fn read_known(name: &str, fields: &Fields) -> Option<Self> {
        let text = |name| text(fields, name);
        let key = || text("EventKey");
        Some(match name {
            "subscribe" => Self::Subscribe {
                scene: key().strip_prefix("qrscene_").map(str::to_owned),
                ticket: optional(fields, "Ticket"),
                key: key(),
            },
            "unsubscribe" => Self::Unsubscribe,
            "scan" => Self::Scan {
                scene: key(),
                ticket: optional(fields, "Ticket"),
            },
            "location" => Self::Location {
                latitude: text("Latitude"),
                longitude: text("Longitude"),
                precision: text("Precision"),
            },
            "click" => Self::Click { key: key() },
            "view" => Self::View {
                url: key(),
                menu_id: optional(fields, "MenuId"),
            },
            "view_miniprogram" => Self::ViewMiniProgram {
                path: key(),
                menu_id: optional(fields, "MenuId"),
            },
            "scancode_push" => Self::ScanCodePush(scan_code(fields)),
            "scancode_waitmsg" => Self::ScanCodeWaitMsg(scan_code(fields)),
            "pic_sysphoto" => Self::PicSysPhoto { key: key() },
            "pic_photo_or_album" => Self::PicPhotoOrAlbum { key: key() },
            "pic_weixin" => Self::PicWeixin { key: key() },
            "location_select" => Self::LocationSelect { key: key() },
            "templatesendjobfinish" => Self::TemplateSendJobFinish {
                msgid: msg_id(fields, "MsgID")?,
                status: TemplateSendStatus::read(&text("Status")),
            },
            "masssendjobfinish" => Self::MassSendJobFinish {
                msgid: msg_id(fields, "MsgID")?,
                status: text("Status"),
                total_count: number(fields, "TotalCount"),
                filter_count: number(fields, "FilterCount"),
                sent_count: number(fields, "SentCount"),
                error_count: number(fields, "ErrorCount"),
            },
            "subscribe_msg_popup_event" => Self::SubscribeMsgPopup(
                entries(fields, &["SubscribeMsgPopupEvent"])
                    .filter_map(popup_choice)
                    .collect(),
            ),
            "subscribe_msg_change_event" => Self::SubscribeMsgChange(
                // An old page of the documentation shows the wrapper of the other event.
                entries(
                    fields,
                    &["SubscribeMsgChangeEvent", "SubscribeMsgPopupEvent"],
                )
                .filter_map(subscribe_change)
                .collect(),
            ),
            "subscribe_msg_sent_event" => Self::SubscribeMsgSent(
                entries(fields, &["SubscribeMsgSentEvent"])
                    .filter_map(subscribe_sent)
                    .collect(),
            ),
            "user_enter_tempsession" => Self::UserEnterTempSession {
                session_from: text("SessionFrom"),
            },
            "user_info_modified" => Self::UserInfoModified {
                openid: person(fields)?,
                appid: account(fields),
            },
            "user_authorization_revoke" => Self::UserAuthorizationRevoke {
                openid: person(fields)?,
                appid: account(fields),
                revoke_info: text("RevokeInfo"),
            },
            "user_authorization_cancellation" => Self::UserAuthorizationCancellation {
                openid: person(fields)?,
                appid: account(fields),
            },
            "debug_demo" => Self::DebugDemo {
                debug_str: text("debug_str"),
            },
            "kf_create_session" => Self::KfCreateSession {
                kf_account: text("KfAccount"),
            },
            "kf_close_session" => Self::KfCloseSession {
                kf_account: text("KfAccount"),
            },
            "kf_switch_session" => Self::KfSwitchSession {
                from: text("FromKfAccount"),
                to: text("ToKfAccount"),
            },
            _ => return None,
        })
    }
}

fn scan_code(fields: &Fields) -> ScanCode {
    let info = |name| {
        let info = fields.map("ScanCodeInfo");
        info.map_or_else(String::new, |info| text(info, name))
    };
    ScanCode {
        key: text(fields, "EventKey"),
        scan_type: info("ScanType"),
        result: info("ScanResult"),
    }
}

/// The person whom an event of the platform is about. The spelling of the name varies.
fn person(fields: &Fields) -> Option<OpenId> {
    let text = fields.text("OpenID").or_else(|| fields.text("openid"))?;
    OpenId::parse(text).ok()
}

fn account(fields: &Fields) -> Option<AppId> {
    let text = fields.text("AppID").or_else(|| fields.text("appid"))?;
    AppId::parse(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TemplateId, callback::SubscribeStatus};

    fn read(name: &str, json: &str) -> InboundEvent {
        InboundEvent::read(name, &Fields::from_json(json.as_bytes()).unwrap())
    }

    #[test]
    fn names_are_compared_without_case_and_unknown_ones_kept() {
        for name in ["CLICK", "click", "Click"] {
            let event = read(name, r#"{"EventKey":"K"}"#);
            assert_eq!(
                event,
                InboundEvent::Click {
                    key: "K".to_owned()
                }
            );
        }
        assert_eq!(
            read("Later_Event", "{}"),
            InboundEvent::Other("Later_Event".to_owned())
        );
    }

    #[test]
    fn every_way_to_follow_is_told_apart() {
        for (json, scene, key) in [
            ("{}", None, ""),
            (r#"{"EventKey":""}"#, None, ""),
            (
                r#"{"EventKey":"qrscene_110","Ticket":"t"}"#,
                Some("110"),
                "qrscene_110",
            ),
            (
                r#"{"EventKey":"qrscene_qrscene_1"}"#,
                Some("qrscene_1"),
                "qrscene_qrscene_1",
            ),
            (r#"{"EventKey":"last_trade_no_4"}"#, None, "last_trade_no_4"),
        ] {
            let InboundEvent::Subscribe {
                scene: s, key: k, ..
            } = read("subscribe", json)
            else {
                panic!("{json}");
            };
            assert_eq!((s.as_deref(), k.as_str()), (scene, key));
        }
    }

    #[test]
    fn list_is_an_object_or_an_array_and_entries_that_cannot_be_read_are_left_out() {
        let entry = r#"{"TemplateId":"t1","MsgID":"3298014475620483072","ErrorCode":"0","ErrorStatus":"success"}"#;
        let sent = SubscribeSent {
            template_id: TemplateId::parse("t1").unwrap(),
            msgid: MsgId(3_298_014_475_620_483_072),
            error_code: 0,
            error_status: "success".to_owned(),
        };
        for (list, count) in [
            (entry.to_owned(), 1),
            (format!("[{entry}]"), 1),
            (format!("[{entry},{entry}]"), 2),
            (format!("[{entry},{{}},7,{{\"TemplateId\":\"t1\"}}]"), 1),
            ("[]".to_owned(), 0),
            ("\"none\"".to_owned(), 0),
        ] {
            let event = read("subscribe_msg_sent_event", &format!("{{\"List\":{list}}}"));
            assert_eq!(
                event,
                InboundEvent::SubscribeMsgSent(vec![sent.clone(); count])
            );
        }
        let refused =
            r#"{"List":{"TemplateId":"t1","MsgID":7,"ErrorCode":"?","ErrorStatus":"blocked"}}"#;
        let InboundEvent::SubscribeMsgSent(sent) = read("subscribe_msg_sent_event", refused) else {
            panic!("not read");
        };
        assert_eq!(
            (sent[0].error_code, sent[0].error_status.as_str()),
            (-1, "blocked")
        );
    }

    #[test]
    fn a_changed_consent_is_read_in_either_wrapper() {
        for wrapper in ["SubscribeMsgChangeEvent", "SubscribeMsgPopupEvent"] {
            let xml = format!(
                "<xml><{wrapper}><List><TemplateId>t1</TemplateId>\
                 <SubscribeStatusString>reject</SubscribeStatusString></List></{wrapper}></xml>"
            );
            let fields = Fields::from_xml(xml.as_bytes()).unwrap();
            assert_eq!(
                InboundEvent::read("subscribe_msg_change_event", &fields),
                InboundEvent::SubscribeMsgChange(vec![SubscribeChange {
                    template_id: TemplateId::parse("t1").unwrap(),
                    status: SubscribeStatus::Reject,
                }])
            );
        }
    }

    #[test]
    fn an_event_without_what_it_must_have_stays_accessible() {
        for name in [
            "TEMPLATESENDJOBFINISH",
            "MASSSENDJOBFINISH",
            "user_info_modified",
            "user_authorization_revoke",
            "user_authorization_cancellation",
        ] {
            let event = read(name, r#"{"MsgID":"x","OpenID":" "}"#);
            assert_eq!(event, InboundEvent::Other(name.to_owned()));
        }
        let event = read("user_info_modified", r#"{"openid":"o1","appid":"wx1"}"#);
        assert_eq!(
            event,
            InboundEvent::UserInfoModified {
                openid: OpenId::parse("o1").unwrap(),
                appid: AppId::parse("wx1").ok(),
            }
        );
    }
}
