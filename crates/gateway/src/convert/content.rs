//! What a message says, read by its kind.

use hongyan_api as api;
use hongyan_domain::message::{
    Content, CustomerServiceContent, Data, Language, MiniProgramLink, MiniProgramState,
    NotificationContent, OneTimeContent, SubscribeContent, TemplateContent, Value,
};
use hongyan_domain::template::Violation;
use hongyan_wechat::{AppId, TemplateId};

use super::limits::bad_id;
use super::message;
use super::shape::child;
use crate::extract::invalid;

/// Largest scene of a one-time subscription (通过 API 推送订阅模板消息).
const LARGEST_SCENE: u16 = 10_000;

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

/// Reads what a message says; whether WeChat would take it is checked later.
pub(super) fn read(request: api::NewMessage, wrong: &mut Vec<Violation>) -> Option<Content> {
    refuse_foreign(&request, wrong);
    let kind = request.kind;
    if kind == api::Kind::CustomerService {
        let Some(body) = request.content else {
            wrong.push(missing("content"));
            return None;
        };
        return Some(Content::CustomerService(CustomerServiceContent { body }));
    }
    let miniprogram = request
        .miniprogram
        .and_then(|link| mini_program_link(link, wrong));
    let data = data(request.data.unwrap_or_default());
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
            if request.title.is_none() {
                wrong.push(missing("title"));
            }
            Some(Content::OneTime(OneTimeContent {
                template_id: template_id?,
                // Where it is wrong the rest is still to be checked.
                scene: scene.unwrap_or_default(),
                title: request.title?,
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

fn data(data: api::Data) -> Data {
    data.into_iter()
        .map(|(key, value)| {
            let value = match value {
                api::SlotValue::Text(value) => Value { value, color: None },
                api::SlotValue::Styled(api::StyledValue { value, color }) => Value { value, color },
            };
            (key, value)
        })
        .collect()
}

fn mini_program_link(
    link: api::MiniProgramLink,
    wrong: &mut Vec<Violation>,
) -> Option<MiniProgramLink> {
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
