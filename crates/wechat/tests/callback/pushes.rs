//! One push of every kind, laid out as WeChat lays it out, with what it says.

use hongyan_wechat::{
    AppId, MsgId, OpenId, TemplateId,
    callback::{
        InboundBody, InboundEvent, InboundMessage, PopupChoice, ScanCode, SubscribeChange,
        SubscribeSent, SubscribeStatus, TemplateSendStatus,
    },
};

pub(crate) const TO: &str = "gh_5b7e21c09d44";
pub(crate) const FROM: &str = "oK3mZ8tVw2QyB6nRj1XcF9hLpGdU";
pub(crate) const CREATE_TIME: i64 = 1_770_000_123;

/// A body, its name in a failure, and what it says.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) body: String,
    pub(crate) says: InboundBody,
}

const MEDIA: &str = "wQz5-Rk8vYt2XnLb7McJd4HsGf1Pa9UeKo3Ti6BxNyV0ZqWjErCuSlDhAgIpFmT_";
const THUMB: &str = "T_mFpIgAhDlSuCrEjWqZ0VyNxB6iT3oKeU9aP1fGsH4dJcM7bLnX2tYv8kR-5zQw";
const ORDER: &str = "b7Qk2ZxVn9LwTsE4RhYc5UaJd1Mf8GiOtKv3Np6BqXo";
const ALERT: &str = "e4SrUv7IoA2gL5nTbX9qZj3KeP0mCu6VfRd1Wy8HsMx";
const MINI: &str = "wx31c7f0a9d25e8b64";

fn id() -> Option<MsgId> {
    Some(MsgId(24_999_000_111_222_333))
}

fn person() -> OpenId {
    OpenId::parse("oN5pX2rTz9KwQ7cVb4MjY1hGfLdS").unwrap()
}

fn template(id: &str) -> TemplateId {
    TemplateId::parse(id).unwrap()
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn cdata(name: &str, text: &str) -> String {
    format!("<{name}><![CDATA[{text}]]></{name}>\n")
}

/// Every closing tag but the last is followed by a line feed, opening tags by nothing.
fn xml(kind: &str, rest: &str) -> String {
    format!(
        "<xml>{}{}<CreateTime>{CREATE_TIME}</CreateTime>\n{}{rest}</xml>",
        cdata("ToUserName", TO),
        cdata("FromUserName", FROM),
        cdata("MsgType", kind),
    )
}

fn json(kind: &str, rest: &str) -> String {
    format!(
        r#"{{"ToUserName":"{TO}","FromUserName":"{FROM}","CreateTime":{CREATE_TIME},"MsgType":"{kind}",{rest}}}"#
    )
}

fn message(form: &str, kind: &str, body: String, says: InboundMessage) -> Sample {
    Sample {
        name: format!("{form} {kind}"),
        body,
        says: InboundBody::Message(says),
    }
}

fn xml_message(kind: &str, rest: &str, says: InboundMessage) -> Sample {
    message("xml", kind, xml(kind, rest), says)
}

fn json_message(kind: &str, rest: &str, says: InboundMessage) -> Sample {
    message("json", kind, json(kind, rest), says)
}

fn xml_event(name: &str, rest: &str, says: InboundEvent) -> Sample {
    Sample {
        name: format!("xml {name}"),
        body: xml("event", &format!("{}{rest}", cdata("Event", name))),
        says: InboundBody::Event(says),
    }
}

fn json_event(name: &str, rest: &str, says: InboundEvent) -> Sample {
    Sample {
        name: format!("json {name}"),
        body: json("event", &format!(r#""Event":"{name}",{rest}"#)),
        says: InboundBody::Event(says),
    }
}

/// All of them.
pub(crate) fn samples() -> Vec<Sample> {
    [
        xml_messages(),
        xml_follow_events(),
        xml_menu_events(),
        xml_result_events(),
        xml_consent_events(),
        xml_platform_events(),
        json_pushes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn xml_messages() -> Vec<Sample> {
    let id_element = "<MsgId>24999000111222333</MsgId>\n";
    let media = cdata("MediaId", MEDIA);
    let thumb = cdata("ThumbMediaId", THUMB);
    vec![
        xml_message(
            "text",
            &format!("{}{id_element}", cdata("Content", "几点开门? 🕘")),
            InboundMessage::Text {
                content: text("几点开门? 🕘"),
                bizmsgmenuid: None,
                msg_id: id(),
            },
        ),
        xml_message(
            "text",
            &format!(
                "{}{id_element}<bizmsgmenuid>203</bizmsgmenuid>\n",
                cdata("Content", "满意")
            ),
            InboundMessage::Text {
                content: text("满意"),
                bizmsgmenuid: Some(text("203")),
                msg_id: id(),
            },
        ),
        // The id stands before the media here.
        xml_message(
            "image",
            &format!(
                "{}{id_element}{media}",
                cdata("PicUrl", "http://pic.example/a?b=1&c=2")
            ),
            InboundMessage::Image {
                pic_url: text("http://pic.example/a?b=1&c=2"),
                media_id: text(MEDIA),
                msg_id: id(),
            },
        ),
        xml_message(
            "voice",
            &format!(
                "{media}{}{id_element}{}",
                cdata("Format", "amr"),
                cdata("Recognition", "下周三下午")
            ),
            InboundMessage::Voice {
                media_id: text(MEDIA),
                format: text("amr"),
                recognition: Some(text("下周三下午")),
                msg_id: id(),
            },
        ),
        // Recognition is there and empty where nothing was understood.
        xml_message(
            "voice",
            &format!(
                "{media}{}{id_element}{}",
                cdata("Format", "speex"),
                cdata("Recognition", "")
            ),
            InboundMessage::Voice {
                media_id: text(MEDIA),
                format: text("speex"),
                recognition: None,
                msg_id: id(),
            },
        ),
        xml_message(
            "video",
            &format!("{media}{thumb}{id_element}"),
            InboundMessage::Video {
                media_id: text(MEDIA),
                thumb_media_id: text(THUMB),
                msg_id: id(),
            },
        ),
        xml_message(
            "shortvideo",
            &format!("{media}{thumb}{id_element}"),
            InboundMessage::ShortVideo {
                media_id: text(MEDIA),
                thumb_media_id: text(THUMB),
                msg_id: id(),
            },
        ),
        xml_message(
            "location",
            &format!(
                "<Location_X>30.274151</Location_X>\n<Location_Y>120.155150</Location_Y>\n\
                 <Scale>17</Scale>\n{}{id_element}",
                cdata("Label", "西湖区龙井路1号")
            ),
            InboundMessage::Location {
                latitude: text("30.274151"),
                longitude: text("120.155150"),
                scale: text("17"),
                label: text("西湖区龙井路1号"),
                msg_id: id(),
            },
        ),
        xml_message(
            "link",
            &format!(
                "{}{}{}{id_element}",
                cdata("Title", "一篇文章"),
                cdata("Description", "讲了一些事"),
                cdata("Url", "https://page.example/s?a=1&b=2#c")
            ),
            InboundMessage::Link {
                title: text("一篇文章"),
                description: text("讲了一些事"),
                url: text("https://page.example/s?a=1&b=2#c"),
                msg_id: id(),
            },
        ),
        xml_message(
            "miniprogrampage",
            &format!(
                "{id_element}{}{}{}{}{thumb}",
                cdata("Title", "我的订单"),
                cdata("AppId", MINI),
                cdata("PagePath", "pages/order.html?no=7"),
                cdata("ThumbUrl", "http://pic.example/t")
            ),
            page(),
        ),
        xml_message(
            "hologram",
            id_element,
            InboundMessage::Other {
                kind: text("hologram"),
                msg_id: id(),
            },
        ),
    ]
}

fn page() -> InboundMessage {
    InboundMessage::MiniProgramPage {
        title: text("我的订单"),
        appid: text(MINI),
        page_path: text("pages/order.html?no=7"),
        thumb_url: text("http://pic.example/t"),
        thumb_media_id: text(THUMB),
        msg_id: id(),
    }
}

fn xml_follow_events() -> Vec<Sample> {
    let ticket = cdata("Ticket", "gRt9AbCdEfGh1234567890");
    vec![
        xml_event(
            "subscribe",
            &cdata("EventKey", ""),
            InboundEvent::Subscribe {
                scene: None,
                ticket: None,
                key: String::new(),
            },
        ),
        xml_event(
            "subscribe",
            &format!("{}{ticket}", cdata("EventKey", "qrscene_spring_fair")),
            InboundEvent::Subscribe {
                scene: Some(text("spring_fair")),
                ticket: Some(text("gRt9AbCdEfGh1234567890")),
                key: text("qrscene_spring_fair"),
            },
        ),
        xml_event(
            "unsubscribe",
            &cdata("EventKey", ""),
            InboundEvent::Unsubscribe,
        ),
        xml_event(
            "SCAN",
            &format!("{}{ticket}", cdata("EventKey", "spring_fair")),
            InboundEvent::Scan {
                scene: text("spring_fair"),
                ticket: Some(text("gRt9AbCdEfGh1234567890")),
            },
        ),
        xml_event(
            "LOCATION",
            "<Latitude>30.274151</Latitude>\n<Longitude>120.155150</Longitude>\n\
             <Precision>65.000000</Precision>\n",
            InboundEvent::Location {
                latitude: text("30.274151"),
                longitude: text("120.155150"),
                precision: text("65.000000"),
            },
        ),
    ]
}

fn xml_menu_events() -> Vec<Sample> {
    let scan = |kind: &str, result: &str| {
        format!(
            "{}<ScanCodeInfo>{}{}</ScanCodeInfo>\n",
            cdata("EventKey", "SCAN_IT"),
            cdata("ScanType", kind),
            cdata("ScanResult", result)
        )
    };
    let scanned = |kind: &str, result: &str| ScanCode {
        key: text("SCAN_IT"),
        scan_type: text(kind),
        result: text(result),
    };
    let pictures = format!(
        "{}<SendPicsInfo><Count>2</Count>\n<PicList><item>{}</item>\n<item>{}</item>\n</PicList>\n</SendPicsInfo>\n",
        cdata("EventKey", "PHOTO"),
        cdata("PicMd5Sum", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
        cdata("PicMd5Sum", "00112233445566778899aabbccddeeff"),
    );
    let key = || text("PHOTO");
    vec![
        xml_event(
            "CLICK",
            &cdata("EventKey", "HOURS"),
            InboundEvent::Click { key: text("HOURS") },
        ),
        xml_event(
            "VIEW",
            &format!(
                "{}<MenuId>417</MenuId>\n",
                cdata("EventKey", "https://shop.example/?x=1&y=2")
            ),
            InboundEvent::View {
                url: text("https://shop.example/?x=1&y=2"),
                menu_id: Some(text("417")),
            },
        ),
        xml_event(
            "view_miniprogram",
            &format!("{}<MenuId>417</MenuId>\n", cdata("EventKey", "pages/home")),
            InboundEvent::ViewMiniProgram {
                path: text("pages/home"),
                menu_id: Some(text("417")),
            },
        ),
        xml_event(
            "scancode_push",
            &scan("qrcode", "https://door.example/?n=1&m=2"),
            InboundEvent::ScanCodePush(scanned("qrcode", "https://door.example/?n=1&m=2")),
        ),
        xml_event(
            "scancode_waitmsg",
            &scan("barcode", "EAN_13,4006381333931"),
            InboundEvent::ScanCodeWaitMsg(scanned("barcode", "EAN_13,4006381333931")),
        ),
        xml_event(
            "pic_sysphoto",
            &pictures,
            InboundEvent::PicSysPhoto { key: key() },
        ),
        xml_event(
            "pic_photo_or_album",
            &pictures,
            InboundEvent::PicPhotoOrAlbum { key: key() },
        ),
        xml_event(
            "pic_weixin",
            &pictures,
            InboundEvent::PicWeixin { key: key() },
        ),
        xml_event(
            "location_select",
            &format!(
                "{}<SendLocationInfo>{}{}{}{}{}</SendLocationInfo>\n",
                cdata("EventKey", "WHERE"),
                cdata("Location_X", "30.27415084838867"),
                cdata("Location_Y", "120.15515136718750"),
                cdata("Scale", "16"),
                cdata("Label", "西湖区龙井路1号"),
                cdata("Poiname", "茶馆"),
            ),
            InboundEvent::LocationSelect { key: text("WHERE") },
        ),
    ]
}

fn xml_result_events() -> Vec<Sample> {
    let sent = |status: &str| {
        format!(
            "<MsgID>3311000222333444555</MsgID>\n{}",
            cdata("Status", status)
        )
    };
    let finished = |status| InboundEvent::TemplateSendJobFinish {
        msgid: MsgId(3_311_000_222_333_444_555),
        status,
    };
    vec![
        xml_event(
            "TEMPLATESENDJOBFINISH",
            &sent("success"),
            finished(TemplateSendStatus::Success),
        ),
        xml_event(
            "TEMPLATESENDJOBFINISH",
            &sent("failed:user block"),
            finished(TemplateSendStatus::UserBlock),
        ),
        xml_event(
            "TEMPLATESENDJOBFINISH",
            &sent("failed: system failed"),
            finished(TemplateSendStatus::SystemFailed),
        ),
        xml_event(
            "MASSSENDJOBFINISH",
            &format!(
                "<MsgID>1000004711</MsgID>\n{}<TotalCount>50</TotalCount>\n<FilterCount>40</FilterCount>\n\
                 <SentCount>39</SentCount>\n<ErrorCount>1</ErrorCount>\n\
                 <CopyrightCheckResult><Count>2</Count>\n<ResultList><item><ArticleIdx>1</ArticleIdx>\n\
                 <AuditState>2</AuditState>\n</item>\n<item><ArticleIdx>2</ArticleIdx>\n\
                 <AuditState>1</AuditState>\n</item>\n</ResultList>\n<CheckState>2</CheckState>\n\
                 </CopyrightCheckResult>\n<ArticleUrlResult><Count>0</Count>\n<ResultList></ResultList>\n\
                 </ArticleUrlResult>\n",
                cdata("Status", "send success")
            ),
            InboundEvent::MassSendJobFinish {
                msgid: MsgId(1_000_004_711),
                status: text("send success"),
                total_count: Some(50),
                filter_count: Some(40),
                sent_count: Some(39),
                error_count: Some(1),
            },
        ),
        xml_event(
            "kf_create_session",
            &cdata("KfAccount", "li@shop"),
            InboundEvent::KfCreateSession {
                kf_account: text("li@shop"),
            },
        ),
        xml_event(
            "kf_close_session",
            &cdata("KfAccount", "li@shop"),
            InboundEvent::KfCloseSession {
                kf_account: text("li@shop"),
            },
        ),
        xml_event(
            "kf_switch_session",
            &format!(
                "{}{}",
                cdata("FromKfAccount", "li@shop"),
                cdata("ToKfAccount", "wu@shop")
            ),
            InboundEvent::KfSwitchSession {
                from: text("li@shop"),
                to: text("wu@shop"),
            },
        ),
    ]
}

fn choice(id: &str, status: SubscribeStatus, scene: i64) -> PopupChoice {
    PopupChoice {
        template_id: template(id),
        status,
        popup_scene: Some(scene),
    }
}

fn change() -> InboundEvent {
    InboundEvent::SubscribeMsgChange(vec![SubscribeChange {
        template_id: template(ORDER),
        status: SubscribeStatus::Reject,
    }])
}

fn sent() -> InboundEvent {
    InboundEvent::SubscribeMsgSent(vec![SubscribeSent {
        template_id: template(ORDER),
        msgid: MsgId(3_311_000_222_333_444_555),
        error_code: 0,
        error_status: text("success"),
    }])
}

fn xml_consent_events() -> Vec<Sample> {
    let entry = |id: &str, status: &str, rest: &str| {
        format!(
            "<List>{}{}{rest}</List>\n",
            cdata("TemplateId", id),
            cdata("SubscribeStatusString", status)
        )
    };
    vec![
        xml_event(
            "subscribe_msg_popup_event",
            &format!(
                "<SubscribeMsgPopupEvent>{}</SubscribeMsgPopupEvent>\n",
                entry(ORDER, "accept", "<PopupScene>0</PopupScene>\n")
            ),
            InboundEvent::SubscribeMsgPopup(vec![choice(ORDER, SubscribeStatus::Accept, 0)]),
        ),
        xml_event(
            "subscribe_msg_popup_event",
            &format!(
                "<SubscribeMsgPopupEvent>\n{}{}</SubscribeMsgPopupEvent>\n",
                entry(ORDER, "accept", "<PopupScene>2</PopupScene>\n"),
                entry(ALERT, "reject", "<PopupScene>2</PopupScene>\n")
            ),
            InboundEvent::SubscribeMsgPopup(vec![
                choice(ORDER, SubscribeStatus::Accept, 2),
                choice(ALERT, SubscribeStatus::Reject, 2),
            ]),
        ),
        xml_event(
            "subscribe_msg_change_event",
            &format!(
                "<SubscribeMsgChangeEvent>{}</SubscribeMsgChangeEvent>\n",
                entry(ORDER, "reject", "")
            ),
            change(),
        ),
        xml_event(
            "subscribe_msg_sent_event",
            &format!(
                "<SubscribeMsgSentEvent><List>{}<MsgID>3311000222333444555</MsgID>\n\
                 <ErrorCode>0</ErrorCode>\n{}</List>\n</SubscribeMsgSentEvent>\n",
                cdata("TemplateId", ORDER),
                cdata("ErrorStatus", "success")
            ),
            sent(),
        ),
    ]
}

fn xml_platform_events() -> Vec<Sample> {
    let concerned = format!(
        "{}{}",
        cdata("OpenID", person().as_str()),
        cdata("AppID", MINI)
    );
    let appid = || Some(AppId::parse(MINI).unwrap());
    vec![
        xml_event(
            "user_enter_tempsession",
            &cdata("SessionFrom", r#"{"order":"42"}"#),
            InboundEvent::UserEnterTempSession {
                session_from: text(r#"{"order":"42"}"#),
            },
        ),
        xml_event(
            "user_info_modified",
            &concerned,
            InboundEvent::UserInfoModified {
                openid: person(),
                appid: appid(),
            },
        ),
        xml_event(
            "user_authorization_revoke",
            &format!("{concerned}{}", cdata("RevokeInfo", "13")),
            InboundEvent::UserAuthorizationRevoke {
                openid: person(),
                appid: appid(),
                revoke_info: text("13"),
            },
        ),
        xml_event(
            "user_authorization_cancellation",
            &concerned,
            InboundEvent::UserAuthorizationCancellation {
                openid: person(),
                appid: appid(),
            },
        ),
        xml_event(
            "debug_demo",
            &cdata("debug_str", "ping"),
            InboundEvent::DebugDemo {
                debug_str: text("ping"),
            },
        ),
        xml_event(
            "weapp_audit_success",
            "<SuccTime>1770000100</SuccTime>\n",
            InboundEvent::Other(text("weapp_audit_success")),
        ),
        xml_event(
            "weapp_audit_fail",
            &format!(
                "{}<FailTime>1770000100</FailTime>\n<ScreenShot>m1|m2</ScreenShot>\n",
                cdata("Reason", "1:信息不全:<br>(1):见截图<br>")
            ),
            InboundEvent::Other(text("weapp_audit_fail")),
        ),
        xml_event(
            "weapp_audit_delay",
            &format!(
                "{}<DelayTime>1770000100</DelayTime>\n",
                cdata("Reason", "需要更多时间")
            ),
            InboundEvent::Other(text("weapp_audit_delay")),
        ),
    ]
}

fn json_pushes() -> Vec<Sample> {
    let id_field = r#""MsgId":24999000111222333"#;
    let popup = |id: &str, status: &str| {
        format!(r#"{{"PopupScene":"0","SubscribeStatusString":"{status}","TemplateId":"{id}"}}"#)
    };
    let accepted = popup(ORDER, "accept");
    let rejected = popup(ALERT, "reject");
    let one = || InboundEvent::SubscribeMsgPopup(vec![choice(ORDER, SubscribeStatus::Accept, 0)]);
    vec![
        json_message(
            "text",
            &format!(r#""Content":"有货吗 🙂",{id_field}"#),
            InboundMessage::Text {
                content: text("有货吗 🙂"),
                bizmsgmenuid: None,
                msg_id: id(),
            },
        ),
        // Documents show numbers as text, too.
        json_message(
            "text",
            r#""Content":"x","MsgId":"24999000111222333""#,
            InboundMessage::Text {
                content: text("x"),
                bizmsgmenuid: None,
                msg_id: id(),
            },
        ),
        json_message(
            "image",
            &format!(r#""PicUrl":"http://pic.example/a","MediaId":"{MEDIA}",{id_field}"#),
            InboundMessage::Image {
                pic_url: text("http://pic.example/a"),
                media_id: text(MEDIA),
                msg_id: id(),
            },
        ),
        json_message(
            "miniprogrampage",
            &format!(
                r#"{id_field},"Title":"我的订单","AppId":"{MINI}","PagePath":"pages/order.html?no=7","ThumbUrl":"http://pic.example/t","ThumbMediaId":"{THUMB}""#
            ),
            page(),
        ),
        json_event(
            "user_enter_tempsession",
            r#""SessionFrom":"order_42""#,
            InboundEvent::UserEnterTempSession {
                session_from: text("order_42"),
            },
        ),
        json_event(
            "subscribe_msg_popup_event",
            &format!(r#""List":{accepted}"#),
            one(),
        ),
        json_event(
            "subscribe_msg_popup_event",
            &format!(r#""List":[{accepted}]"#),
            one(),
        ),
        json_event(
            "subscribe_msg_popup_event",
            &format!(r#""List":[{accepted},{rejected}]"#),
            InboundEvent::SubscribeMsgPopup(vec![
                choice(ORDER, SubscribeStatus::Accept, 0),
                choice(ALERT, SubscribeStatus::Reject, 0),
            ]),
        ),
        json_event(
            "subscribe_msg_change_event",
            &format!(r#""List":{{"SubscribeStatusString":"reject","TemplateId":"{ORDER}"}}"#),
            change(),
        ),
        json_event(
            "subscribe_msg_sent_event",
            &format!(
                r#""List":{{"ErrorCode":"0","ErrorStatus":"success","MsgID":"3311000222333444555","TemplateId":"{ORDER}"}}"#
            ),
            sent(),
        ),
        json_event(
            "user_authorization_revoke",
            &format!(
                r#""OpenID":"{}","AppID":"{MINI}","RevokeInfo":"13""#,
                person()
            ),
            InboundEvent::UserAuthorizationRevoke {
                openid: person(),
                appid: Some(AppId::parse(MINI).unwrap()),
                revoke_info: text("13"),
            },
        ),
        json_event(
            "debug_demo",
            r#""debug_str":"ping""#,
            InboundEvent::DebugDemo {
                debug_str: text("ping"),
            },
        ),
        json_event(
            "wxa_media_check",
            r#""appid":"wx31c7f0a9d25e8b64","trace_id":"698013bb-1-2","version":2,"detail":[{"errcode":0,"label":100,"prob":90.5}],"result":{"suggest":"pass","label":100}"#,
            InboundEvent::Other(text("wxa_media_check")),
        ),
    ]
}
