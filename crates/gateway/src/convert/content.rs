//! What a message says, read by its kind.

use hongyan_api as api;
use hongyan_domain::account::AccountKind;
use hongyan_domain::message::{
    Content, Data, Language, MiniProgramLink, MiniProgramState, NotificationContent,
    OneTimeContent, SubscribeContent, TemplateContent, Value,
};
use hongyan_domain::template::Violation;
use hongyan_wechat::{AppId, TemplateId};

use super::limits::{self, bad_id};
use super::shape::child;
use super::{customer_service, message};
use crate::extract::invalid;

/// Largest scene of a one-time subscription (通过 API 推送订阅模板消息).
const LARGEST_SCENE: u16 = 10_000;

/// Longest heading of a one-time subscription, in characters; 40062 beyond.
const LONGEST_TITLE: usize = 15;

/// Longest text of a one-time subscription, in characters.
const LONGEST_CONTENT: usize = 200;

/// The one slot of a one-time subscription.
const ONE_SLOT: &str = "content";

/// The fields that mean something to messages of a kind.
fn fields_of(kind: api::Kind) -> &'static [&'static str] {
    match kind {
        api::Kind::Template => &["template_id", "data", "url", "miniprogram"],
        api::Kind::Subscribe => &["template_id", "data", "page", "miniprogram_state", "lang"],
        api::Kind::Notification => &[
            "template_id",
            "data",
            "page",
            "miniprogram",
            "miniprogram_state",
            "lang",
        ],
        api::Kind::OneTime => &[
            "template_id",
            "data",
            "url",
            "miniprogram",
            "scene",
            "title",
        ],
        api::Kind::CustomerService => &["content"],
    }
}

/// Reads what a message says; an account of this kind is to send it.
pub(super) fn read(
    request: api::NewMessage,
    account: AccountKind,
    wrong: &mut Vec<Violation>,
) -> Option<Content> {
    refuse_foreign(&request, wrong);
    let kind = request.kind;
    if kind == api::Kind::CustomerService {
        let Some(body) = request.content else {
            wrong.push(missing("content"));
            return None;
        };
        let content = customer_service::check(body, account, wrong);
        return Some(Content::CustomerService(content));
    }
    let miniprogram = request
        .miniprogram
        .and_then(|link| mini_program_link(link, wrong));
    let data = data(request.data.unwrap_or_default(), wrong);
    let template_id = template_id(request.template_id.as_deref(), wrong);
    let miniprogram_state = request.miniprogram_state.map(mini_program_state);
    let lang = request.lang.map(language);
    match kind {
        api::Kind::Template => Some(Content::Template(TemplateContent {
            template_id: template_id?,
            data,
            url: request.url,
            miniprogram,
        })),
        api::Kind::Subscribe => Some(Content::Subscribe(SubscribeContent {
            template_id: template_id?,
            data,
            page: request.page,
            miniprogram_state,
            lang,
        })),
        api::Kind::Notification => Some(Content::Notification(NotificationContent {
            template_id: template_id?,
            data,
            page: request.page,
            miniprogram,
            miniprogram_state,
            lang,
        })),
        api::Kind::OneTime => {
            let scene = scene(request.scene, wrong);
            let title = title(request.title, wrong);
            one_slot(&data, wrong);
            Some(Content::OneTime(OneTimeContent {
                template_id: template_id?,
                scene: scene?,
                title: title?,
                data,
                url: request.url,
                miniprogram,
            }))
        }
        api::Kind::CustomerService => None,
    }
}

fn refuse_foreign(request: &api::NewMessage, wrong: &mut Vec<Violation>) {
    let kind = message::word(request.kind);
    let given = [
        ("template_id", request.template_id.is_some()),
        ("data", request.data.is_some()),
        ("url", request.url.is_some()),
        ("miniprogram", request.miniprogram.is_some()),
        ("page", request.page.is_some()),
        ("miniprogram_state", request.miniprogram_state.is_some()),
        ("lang", request.lang.is_some()),
        ("scene", request.scene.is_some()),
        ("title", request.title.is_some()),
        ("content", request.content.is_some()),
    ];
    for (name, given) in given {
        if given && !fields_of(request.kind).contains(&name) {
            wrong.push(invalid(
                child("", name),
                "not_for_kind",
                format!("{name} has no meaning for the kind {kind}; leave it out"),
                format!("{kind} 消息没有 {name}，请去掉"),
            ));
        }
    }
}

fn missing(name: &str) -> Violation {
    invalid(
        child("", name),
        "missing",
        format!("{name} is missing"),
        format!("缺少 {name}"),
    )
}

fn template_id(text: Option<&str>, wrong: &mut Vec<Violation>) -> Option<TemplateId> {
    match text.map(str::parse) {
        Some(Ok(id)) => Some(id),
        Some(Err(error)) => {
            wrong.push(bad_id("/template_id", &error));
            None
        }
        None => {
            wrong.push(missing("template_id"));
            None
        }
    }
}

fn scene(given: Option<u32>, wrong: &mut Vec<Violation>) -> Option<u16> {
    let Some(given) = given else {
        wrong.push(missing("scene"));
        return None;
    };
    let scene = u16::try_from(given)
        .ok()
        .filter(|scene| *scene <= LARGEST_SCENE);
    if scene.is_none() {
        wrong.push(invalid(
            "/scene",
            "range",
            format!("a scene is a whole number from 0 to {LARGEST_SCENE}"),
            format!("scene 应为 0 到 {LARGEST_SCENE} 的整数"),
        ));
    }
    scene
}

fn title(given: Option<String>, wrong: &mut Vec<Violation>) -> Option<String> {
    let Some(title) = given else {
        wrong.push(missing("title"));
        return None;
    };
    let length = title.chars().count();
    if title.trim().is_empty() {
        wrong.push(invalid("/title", "empty", "the title is empty", "标题为空"));
    }
    if length > LONGEST_TITLE {
        wrong.push(invalid(
            "/title",
            "too_long",
            format!("the title has {length} characters, allowed are {LONGEST_TITLE}"),
            format!("标题有 {length} 个字，最多 {LONGEST_TITLE} 个"),
        ));
    }
    if title.chars().any(char::is_control) {
        wrong.push(invalid(
            "/title",
            "control_character",
            "the title has control characters",
            "标题含有控制字符",
        ));
    }
    Some(title)
}

/// Checks the data of a one-time subscription, whose template WeChat lists nowhere.
fn one_slot(data: &Data, wrong: &mut Vec<Violation>) {
    let at = child("/data", ONE_SLOT);
    match data.get(ONE_SLOT) {
        None => wrong.push(invalid(
            at,
            "missing",
            "a one_time message has one slot, content, and it is missing",
            "one_time 消息只有一个字段 content，现缺少",
        )),
        Some(value) => {
            let length = value.value.chars().count();
            let at = child(&at, "value");
            if value.value.trim().is_empty() {
                wrong.push(invalid(at, "empty", "the text is empty", "文本为空"));
            } else if length > LONGEST_CONTENT {
                wrong.push(invalid(
                    at,
                    "too_long",
                    format!("the text has {length} characters, allowed are {LONGEST_CONTENT}"),
                    format!("文本有 {length} 个字，最多 {LONGEST_CONTENT} 个"),
                ));
            }
        }
    }
    for key in data.keys().filter(|key| *key != ONE_SLOT) {
        wrong.push(invalid(
            child("/data", key),
            "unknown_key",
            "a one_time message has one slot, content",
            "one_time 消息只有一个字段 content",
        ));
    }
}

fn data(data: api::Data, wrong: &mut Vec<Violation>) -> Data {
    data.into_iter()
        .map(|(key, value)| {
            let value = match value {
                api::SlotValue::Text(value) => Value { value, color: None },
                api::SlotValue::Styled(api::StyledValue { value, color }) => {
                    if color
                        .as_deref()
                        .is_some_and(|color| !limits::is_color(color))
                    {
                        wrong.push(invalid(
                            format!("{}/color", child("/data", &key)),
                            "form",
                            "a color is # and six hexadecimal digits, such as #173177",
                            "颜色应为 # 加六位十六进制数字，如 #173177",
                        ));
                    }
                    Value { value, color }
                }
            };
            (key, value)
        })
        .collect()
}

fn mini_program_link(
    link: api::MiniProgramLink,
    wrong: &mut Vec<Violation>,
) -> Option<MiniProgramLink> {
    if let Some(page) = &link.pagepath {
        limits::page("/miniprogram/pagepath", page, wrong);
    }
    match link.appid.parse::<AppId>() {
        Ok(appid) => Some(MiniProgramLink {
            appid,
            pagepath: link.pagepath,
        }),
        Err(error) => {
            wrong.push(bad_id("/miniprogram/appid", &error));
            None
        }
    }
}

fn mini_program_state(state: api::MiniProgramState) -> MiniProgramState {
    match state {
        api::MiniProgramState::Developer => MiniProgramState::Developer,
        api::MiniProgramState::Trial => MiniProgramState::Trial,
        api::MiniProgramState::Formal => MiniProgramState::Formal,
    }
}

fn language(language: api::Language) -> Language {
    match language {
        api::Language::ZhCn => Language::ZhCn,
        api::Language::EnUs => Language::EnUs,
        api::Language::ZhHk => Language::ZhHk,
        api::Language::ZhTw => Language::ZhTw,
    }
}
