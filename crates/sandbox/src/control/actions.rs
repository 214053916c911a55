//! What people do on their phones.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Deserializer};

use super::problem::Problem;
use super::read;
use crate::{Action, ActionOutcome, Choices, PopupScene, Sandbox};

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Body {
    Follow {
        appid: String,
        #[serde(default, deserialize_with = "optional_word")]
        scene: Option<String>,
    },
    Unfollow {
        appid: String,
    },
    Block {
        appid: String,
    },
    Unblock {
        appid: String,
    },
    Scan {
        appid: String,
        #[serde(default, deserialize_with = "optional_word")]
        scene: Option<String>,
        #[serde(default)]
        ticket: Option<String>,
    },
    MenuClick {
        appid: String,
        key: String,
    },
    MenuView {
        appid: String,
        url: String,
    },
    MenuTap {
        appid: String,
        name: String,
        #[serde(default)]
        scanned: String,
    },
    MessageMenu {
        appid: String,
        #[serde(deserialize_with = "word")]
        id: String,
        content: String,
    },
    SendText {
        appid: String,
        content: String,
    },
    SendImage {
        appid: String,
        #[serde(default)]
        media_id: Option<String>,
        #[serde(default)]
        pic_url: Option<String>,
    },
    SendVoice {
        appid: String,
        #[serde(default)]
        media_id: Option<String>,
        #[serde(default)]
        recognition: Option<String>,
    },
    SendLocation {
        appid: String,
        #[serde(deserialize_with = "word")]
        latitude: String,
        #[serde(deserialize_with = "word")]
        longitude: String,
        #[serde(default)]
        label: String,
    },
    SendLink {
        appid: String,
        title: String,
        #[serde(default)]
        description: String,
        url: String,
    },
    EnterSession {
        appid: String,
        #[serde(default)]
        session_from: String,
    },
    Login {
        appid: String,
    },
    SubscribePopup {
        appid: String,
        results: Choices,
        #[serde(default)]
        popup_scene: Option<u8>,
    },
    SubscribeSetting {
        appid: String,
        results: Choices,
    },
    SubscribeOnce {
        appid: String,
        template_id: String,
        scene: u32,
    },
}

impl Body {
    fn action(self) -> Result<(String, Action), Problem> {
        Ok(match self {
            Self::Follow { appid, scene } => match scene {
                Some(scene) => (appid, Action::FollowByCode { scene }),
                None => (appid, Action::Follow),
            },
            Self::Unfollow { appid } => (appid, Action::Unfollow),
            Self::Block { appid } => (appid, Action::Block),
            Self::Unblock { appid } => (appid, Action::Unblock),
            Self::Scan {
                appid,
                scene,
                ticket,
            } => match (scene, ticket) {
                (Some(scene), None) => (appid, Action::Scan { scene }),
                (None, Some(ticket)) => (appid, Action::ScanTicket { ticket }),
                _ => {
                    return Err(Problem::invalid(
                        "scan needs either the scene or the ticket of a code".into(),
                    ));
                }
            },
            Self::MenuTap {
                appid,
                name,
                scanned,
            } => (appid, Action::MenuTap { name, scanned }),
            Self::MessageMenu { appid, id, content } => {
                (appid, Action::MessageMenu { id, content })
            }
            Self::MenuClick { appid, key } => (appid, Action::MenuClick { key }),
            Self::MenuView { appid, url } => (appid, Action::MenuView { url }),
            Self::SendText { appid, content } => (appid, Action::SendText { content }),
            Self::SendImage {
                appid,
                media_id,
                pic_url,
            } => (appid, Action::SendImage { media_id, pic_url }),
            Self::SendVoice {
                appid,
                media_id,
                recognition,
            } => {
                let action = Action::SendVoice {
                    media_id,
                    recognition,
                };
                (appid, action)
            }
            Self::SendLocation {
                appid,
                latitude,
                longitude,
                label,
            } => {
                let action = Action::SendLocation {
                    latitude,
                    longitude,
                    label,
                };
                (appid, action)
            }
            Self::SendLink {
                appid,
                title,
                description,
                url,
            } => {
                let action = Action::SendLink {
                    title,
                    description,
                    url,
                };
                (appid, action)
            }
            Self::EnterSession {
                appid,
                session_from,
            } => (appid, Action::EnterSession { session_from }),
            Self::Login { appid } => (appid, Action::Login),
            Self::SubscribePopup {
                appid,
                results,
                popup_scene,
            } => {
                let scene = match popup_scene {
                    None | Some(0) => return Ok((appid, Action::SubscribePopup(results))),
                    Some(1) => PopupScene::WebPage,
                    Some(2) => PopupScene::Article,
                    Some(_) => {
                        return Err(Problem::invalid(
                            "popup_scene: 1 is a web page, 2 an article; mini programs have none"
                                .into(),
                        ));
                    }
                };
                let choices = results;
                (appid, Action::SubscribePopupIn { scene, choices })
            }
            Self::SubscribeSetting { appid, results } => (appid, Action::SubscribeSetting(results)),
            Self::SubscribeOnce {
                appid,
                template_id,
                scene,
            } => (appid, Action::SubscribeOnce { template_id, scene }),
        })
    }
}

/// Carries an action out and waits for what the account's server answers. Who
/// hangs up meanwhile does not undo the action, so its push goes on without them.
pub(super) async fn act(
    State(sandbox): State<Sandbox>,
    Path(person): Path<String>,
    body: Bytes,
) -> Result<Json<ActionOutcome>, Problem> {
    let (appid, action) = read::<Body>(&body)?.action()?;
    let acting = tokio::spawn(async move { sandbox.perform(&person, &appid, &action).await });
    match acting.await {
        Ok(outcome) => Ok(Json(outcome?)),
        Err(error) => Err(Problem::broken_off(&error)),
    }
}

/// A text, or a number as people write scenes and degrees.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Number(serde_json::Number),
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        match word {
            Word::Text(text) => text,
            Word::Number(number) => number.to_string(),
        }
    }
}

fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Word::deserialize(deserializer).map(Into::into)
}

fn optional_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let word = Option::<Word>::deserialize(deserializer)?;
    Ok(word.map(Into::into))
}
