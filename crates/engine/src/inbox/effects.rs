//! What follows from a callback.

use hongyan_domain::AccountId;
use hongyan_domain::account::AccountKind;
use hongyan_domain::callback::{Effect, NewReceipt};
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::contact::{Follow, Sighting};
use hongyan_domain::grant::{Answer, Consent, GrantKey, Source, WindowCause};
use hongyan_domain::template::Subscription;
use hongyan_wechat::callback::{Inbound, InboundBody, InboundEvent, TemplateSendStatus};
use hongyan_wechat::{OpenId, TemplateId};
use jiff::Timestamp;

/// `ErrorCode` of a message that arrived (订阅消息, `subscribe_msg_sent_event`).
const SENT: i64 = 0;

/// When the thing happened that a callback tells of.
pub(super) fn happened_at(inbound: &Inbound) -> Timestamp {
    from_millisecond(inbound.create_time.saturating_mul(1000))
}

/// The templates a callback tells consents to.
pub(super) fn templates(inbound: &Inbound) -> Vec<&TemplateId> {
    match &inbound.body {
        InboundBody::Event(InboundEvent::SubscribeMsgPopup(choices)) => {
            choices.iter().map(|choice| &choice.template_id).collect()
        }
        InboundBody::Event(InboundEvent::SubscribeMsgChange(changes)) => {
            changes.iter().map(|change| &change.template_id).collect()
        }
        InboundBody::Event(_) | InboundBody::Message(_) => Vec::new(),
    }
}

/// What follows from a callback to this account. `subscription` tells how long
/// consents to a template last.
pub(super) fn effects(
    account: AccountId,
    kind: AccountKind,
    inbound: &Inbound,
    subscription: impl Fn(&TemplateId) -> Option<Subscription>,
) -> Vec<Effect> {
    let at = happened_at(inbound);
    let person = &inbound.from;
    let opened = |cause| Effect::Opened {
        openid: person.clone(),
        cause,
        at,
    };
    let begins = begins_to_follow(inbound);
    let seen = |follow, scene: Option<&str>| {
        Effect::Seen(Sighting {
            follow,
            follow_is_implied: follow == Some(Follow::Following) && !begins,
            scene: scene.map(str::to_owned),
            ..Sighting::of(person.clone(), at)
        })
    };
    let consent = |template_id: &TemplateId, word: &str, source| {
        Answer::of(word).map(|answer| {
            Effect::Answered(Consent {
                key: GrantKey {
                    account,
                    openid: person.clone(),
                    template_id: template_id.clone(),
                    scene: None,
                },
                answer,
                source,
                subscription: subscription(template_id),
                at,
            })
        })
    };
    let official = kind == AccountKind::OfficialAccount;
    let event = match &inbound.body {
        InboundBody::Message(_) => {
            // Who writes to an official account follows it.
            let follow = official.then_some(Follow::Following);
            return vec![seen(follow, None), opened(WindowCause::Message)];
        }
        InboundBody::Event(event) => event,
    };
    match event {
        InboundEvent::Subscribe { scene, .. } => {
            let scanned = scene.as_deref().map(|scene| scanned(scene, true));
            let mut effects = vec![
                seen(Some(Follow::Following), scene.as_deref()),
                opened(WindowCause::Follow),
            ];
            effects.extend(scanned);
            effects
        }
        InboundEvent::Unsubscribe => vec![seen(Some(Follow::Unfollowed), None)],
        InboundEvent::Scan { scene, .. } => vec![
            seen(Some(Follow::Following), Some(scene)),
            opened(WindowCause::Scan),
            scanned(scene, false),
        ],
        InboundEvent::Click { .. }
        | InboundEvent::ScanCodePush(_)
        | InboundEvent::ScanCodeWaitMsg(_) => {
            vec![
                seen(Some(Follow::Following), None),
                opened(WindowCause::MenuTap),
            ]
        }
        InboundEvent::View { .. }
        | InboundEvent::ViewMiniProgram { .. }
        | InboundEvent::Location { .. }
        | InboundEvent::PicSysPhoto { .. }
        | InboundEvent::PicPhotoOrAlbum { .. }
        | InboundEvent::PicWeixin { .. }
        | InboundEvent::LocationSelect { .. } => vec![seen(Some(Follow::Following), None)],
        InboundEvent::UserEnterTempSession { .. } => {
            vec![seen(None, None), opened(WindowCause::Enter)]
        }
        InboundEvent::SubscribeMsgPopup(choices) => std::iter::once(seen(None, None))
            .chain(choices.iter().filter_map(|choice| {
                consent(&choice.template_id, choice.status.as_str(), Source::Event)
            }))
            .collect(),
        InboundEvent::SubscribeMsgChange(changes) => std::iter::once(seen(None, None))
            .chain(changes.iter().filter_map(|change| {
                consent(&change.template_id, change.status.as_str(), Source::Change)
            }))
            .collect(),
        InboundEvent::TemplateSendJobFinish { msgid, status } => {
            vec![Effect::Receipt(NewReceipt {
                msgid: *msgid,
                openid: person.clone(),
                template_id: None,
                delivered: *status == TemplateSendStatus::Success,
                status: status.as_str().to_owned(),
                at,
            })]
        }
        InboundEvent::SubscribeMsgSent(sent) => sent
            .iter()
            .map(|one| {
                let delivered = one.error_code == SENT;
                let status = if delivered {
                    one.error_status.clone()
                } else {
                    format!("{} ({})", one.error_status, one.error_code)
                };
                Effect::Receipt(NewReceipt {
                    msgid: one.msgid,
                    openid: person.clone(),
                    template_id: Some(one.template_id.clone()),
                    delivered,
                    status,
                    at,
                })
            })
            .collect(),
        // The sender is the platform; the person is named inside.
        InboundEvent::UserAuthorizationCancellation { openid, .. } => vec![forgotten(openid)],
        InboundEvent::UserInfoModified { .. }
        | InboundEvent::UserAuthorizationRevoke { .. }
        | InboundEvent::MassSendJobFinish { .. }
        | InboundEvent::DebugDemo { .. }
        | InboundEvent::KfCreateSession { .. }
        | InboundEvent::KfCloseSession { .. }
        | InboundEvent::KfSwitchSession { .. }
        | InboundEvent::Other(_) => Vec::new(),
    }
}

fn forgotten(openid: &OpenId) -> Effect {
    Effect::Forgotten {
        openid: openid.clone(),
    }
}

fn scanned(scene: &str, followed: bool) -> Effect {
    Effect::Scanned {
        scene: scene.to_owned(),
        followed,
    }
}

/// Whether a person began to follow.
pub(super) fn begins_to_follow(inbound: &Inbound) -> bool {
    matches!(
        inbound.body,
        InboundBody::Event(InboundEvent::Subscribe { .. })
    )
}

/// Whether a person waits for an answer to this.
pub(super) fn wants_answer(inbound: &Inbound) -> bool {
    match &inbound.body {
        InboundBody::Message(_) => true,
        InboundBody::Event(event) => matches!(
            event,
            InboundEvent::Subscribe { .. }
                | InboundEvent::Scan { .. }
                | InboundEvent::Click { .. }
                | InboundEvent::ScanCodeWaitMsg(_)
                | InboundEvent::UserEnterTempSession { .. }
        ),
    }
}
