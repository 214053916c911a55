//! Receipts: WeChat's later word on a send (pages "模板消息", "订阅通知",
//! "订阅消息").

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::body::{Entries, Field, Push};
use super::outbox::Job;
use crate::model::MessageKind;
use crate::outcome::ReceiptStatus;
use crate::state::World;
use crate::state::account::{Account, Settings};
use crate::state::ledger::Written;

/// What is reported about one send.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    /// Position of the account.
    account: u32,
    openid: Box<str>,
    kind: MessageKind,
    template_id: Box<str>,
    msgid: u64,
    status: Option<ReceiptStatus>,
}

impl World {
    /// Queues the receipt of a send that took effect, as the account's rules
    /// for receipts want it. Costs one look at the settings where there is no
    /// callback.
    pub(crate) fn report(
        &self,
        account: &Account,
        kind: MessageKind,
        openid: &str,
        template_id: &str,
        written: Written,
        blocked: bool,
    ) {
        let rules = {
            let settings: &Settings = &account.settings.read();
            if settings.callback.is_none() || !has_receipt(kind) {
                return;
            }
            settings.receipts
        };
        if rules.drop_probability > 0.0 && self.ids.chance() < rules.drop_probability {
            return;
        }
        let user_block =
            (blocked && kind == MessageKind::Template).then_some(ReceiptStatus::UserBlock);
        let receipt = Receipt {
            account: account.index,
            openid: openid.into(),
            kind,
            template_id: template_id.into(),
            msgid: written.msgid,
            status: rules.status.or(user_block),
        };
        let due =
            (rules.delay_ms > 0).then(|| Instant::now() + Duration::from_millis(rules.delay_ms));
        if rules.duplicate {
            self.enqueue(due, Job::Receipt(receipt.clone()));
        }
        self.enqueue(due, Job::Receipt(receipt));
    }

    /// The event of a receipt; `None` where its account is gone.
    pub(super) fn receipt_push(&self, receipt: &Receipt) -> Option<(Arc<Account>, Push)> {
        let account = self.account_at(receipt.account)?;
        let created = self.clock.now_ms().div_euclid(1000);
        Some((account, receipt.push(created)))
    }
}

fn has_receipt(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Template | MessageKind::Subscribe | MessageKind::Notification => true,
        MessageKind::OneTime | MessageKind::CustomerService => false,
    }
}

impl Receipt {
    fn push(&self, created: i64) -> Push {
        if self.kind == MessageKind::Template {
            // The blank behind the second colon is WeChat's.
            let status = match self.status {
                None => "success",
                Some(ReceiptStatus::UserBlock) => "failed:user block",
                Some(ReceiptStatus::SystemFailed) => "failed: system failed",
            };
            let fields = vec![
                ("MsgID", Field::Whole(self.msgid)),
                ("Status", Field::Text(status.to_owned())),
            ];
            return Push::event(&self.openid, created, "TEMPLATESENDJOBFINISH", fields);
        }
        // The numbers of failures are not documented.
        let (code, status) = match self.status {
            None => ("0", "success"),
            Some(ReceiptStatus::UserBlock) => ("43101", "user refuse to accept the msg"),
            Some(ReceiptStatus::SystemFailed) => ("-1", "system failed"),
        };
        let entry = vec![
            ("TemplateId", Field::Text(self.template_id.to_string())),
            ("MsgID", Field::Bare(self.msgid.to_string())),
            ("ErrorCode", Field::Bare(code.to_owned())),
            ("ErrorStatus", Field::Text(status.to_owned())),
        ];
        let mut push = Push::event(
            &self.openid,
            created,
            "subscribe_msg_sent_event",
            Vec::new(),
        );
        push.entries = Some(Entries {
            wrapper: "SubscribeMsgSentEvent",
            list: vec![entry],
        });
        push
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CallbackFormat;

    fn receipt(kind: MessageKind, status: Option<ReceiptStatus>) -> String {
        let receipt = Receipt {
            account: 0,
            openid: "o1".into(),
            kind,
            template_id: "T".into(),
            msgid: 3_298_014_475_620_483_072,
            status,
        };
        receipt.push(5).plain("gh_1", CallbackFormat::Xml)
    }

    #[test]
    fn template_messages_have_an_event_of_their_own() {
        let text = receipt(MessageKind::Template, Some(ReceiptStatus::UserBlock));
        assert!(text.ends_with(
            "<Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event>\n\
             <MsgID>3298014475620483072</MsgID>\n\
             <Status><![CDATA[failed:user block]]></Status>\n</xml>"
        ));
        assert!(receipt(MessageKind::Template, None).contains("[success]"));
        let failed = receipt(MessageKind::Template, Some(ReceiptStatus::SystemFailed));
        assert!(failed.contains("[failed: system failed]"));
    }

    #[test]
    fn subscribe_messages_and_notifications_share_one() {
        let text = receipt(MessageKind::Notification, None);
        assert!(text.ends_with(
            "<SubscribeMsgSentEvent><List><TemplateId><![CDATA[T]]></TemplateId>\n\
             <MsgID>3298014475620483072</MsgID>\n\
             <ErrorCode>0</ErrorCode>\n\
             <ErrorStatus><![CDATA[success]]></ErrorStatus>\n\
             </List>\n</SubscribeMsgSentEvent>\n</xml>"
        ));
    }
}
