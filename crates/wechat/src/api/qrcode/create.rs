use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, json, lenient};

/// What a code tells when it is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrScene<'a> {
    /// A number from 1 on; permanent codes end at 100,000.
    Number(u32),
    /// 1 to 64 characters.
    Text(&'a str),
}

/// How long a code works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrLife {
    /// For a while: whole seconds, at most 30 days.
    For(Duration),
    /// For ever; an account has at most 100,000 of these (45029), and none can be taken back.
    Permanent,
}

/// Makes a code. 40053 for a scene that WeChat does not take. 100,000 a day.
#[derive(Debug, Clone, Copy)]
pub struct CreateQrCode<'a> {
    /// What it tells.
    pub scene: QrScene<'a>,
    /// How long it works.
    pub life: QrLife,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_seconds: Option<u64>,
    action_name: &'static str,
    action_info: ActionInfo<'a>,
}

#[derive(Serialize)]
struct ActionInfo<'a> {
    scene: SceneWire<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum SceneWire<'a> {
    SceneId(u32),
    SceneStr(&'a str),
}

/// A code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CreatedQrCode {
    /// What fetches the picture, see [`picture_url`](super::picture_url).
    pub ticket: String,
    /// How long it works, in seconds; absent for permanent codes.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub expire_seconds: Option<u64>,
    /// What the picture holds, to render it oneself.
    #[serde(default)]
    pub url: String,
}

impl Call for CreateQrCode<'_> {
    type Reply = CreatedQrCode;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/qrcode/create";

    fn body(&self) -> Body {
        let (expire_seconds, action_name) = match (self.life, self.scene) {
            (QrLife::For(life), QrScene::Number(_)) => (Some(life.as_secs()), "QR_SCENE"),
            (QrLife::For(life), QrScene::Text(_)) => (Some(life.as_secs()), "QR_STR_SCENE"),
            (QrLife::Permanent, QrScene::Number(_)) => (None, "QR_LIMIT_SCENE"),
            (QrLife::Permanent, QrScene::Text(_)) => (None, "QR_LIMIT_STR_SCENE"),
        };
        json(&Wire {
            expire_seconds,
            action_name,
            action_info: ActionInfo {
                scene: match self.scene {
                    QrScene::Number(number) => SceneWire::SceneId(number),
                    QrScene::Text(text) => SceneWire::SceneStr(text),
                },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::{answer, exchange, refusal};

    fn written(scene: QrScene<'_>, life: QrLife) -> Value {
        let call = CreateQrCode { scene, life };
        let (wire, reply) = exchange(
            &call,
            r#"{"ticket":"gQ==","url":"http://weixin.qq.com/q/x"}"#,
        );
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/qrcode/create?access_token=TOKEN");
        assert_eq!(reply.unwrap().expire_seconds, None);
        wire.json()
    }

    #[test]
    fn scene_and_life_choose_the_action() {
        let week = QrLife::For(Duration::from_secs(604_800));
        assert_eq!(
            written(QrScene::Number(123), week),
            json!({"expire_seconds": 604_800, "action_name": "QR_SCENE",
                   "action_info": {"scene": {"scene_id": 123}}})
        );
        assert_eq!(
            written(QrScene::Text("shop-7"), week),
            json!({"expire_seconds": 604_800, "action_name": "QR_STR_SCENE",
                   "action_info": {"scene": {"scene_str": "shop-7"}}})
        );
        assert_eq!(
            written(QrScene::Number(123), QrLife::Permanent),
            json!({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 123}}})
        );
        assert_eq!(
            written(QrScene::Text("shop-7"), QrLife::Permanent),
            json!({"action_name": "QR_LIMIT_STR_SCENE",
                   "action_info": {"scene": {"scene_str": "shop-7"}}})
        );
    }

    #[test]
    fn reads_the_life() {
        let call = CreateQrCode {
            scene: QrScene::Number(1),
            life: QrLife::For(Duration::from_secs(60)),
        };
        let reply = r#"{"ticket":"gQ==","expire_seconds":60,"url":"http://weixin.qq.com/q/x"}"#;
        assert_eq!(answer(&call, reply).unwrap().expire_seconds, Some(60));
        let refused = r#"{"errcode":40053,"errmsg":"invalid action info"}"#;
        assert_eq!(refusal(&call, refused), 40053);
    }
}
