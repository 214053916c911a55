//! Codes people scan: made at WeChat, kept with what became of their scans.

use std::time::Duration;

use hongyan_domain::account::Account;
use hongyan_domain::clock::after;
use hongyan_domain::port::{Page, StoreError};
use hongyan_domain::qrcode::QrCode;
use hongyan_domain::template::Violation;
use hongyan_wechat::api::qrcode::{CreateQrCode, QrLife, QrScene, picture_url};

use crate::Engine;
use crate::ask::{ManageError, official};

/// The longest a temporary code lives (生成带参数的二维码).
pub const LONGEST_QRCODE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The shortest a caller may want; WeChat names no bound.
const SHORTEST: Duration = Duration::from_secs(60);

/// The largest number of a permanent code.
const LARGEST_PERMANENT: u32 = 100_000;

/// The longest scene, in characters.
const LONGEST_SCENE: usize = 64;

/// The longest name of a code, in characters.
const LONGEST_NAME: usize = 64;

/// A code as its caller wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQrCode {
    /// The scene: a number from 1 on, or 1 to 64 characters.
    pub scene: String,
    /// What people call it.
    pub name: Option<String>,
    /// How long it lives; absent = for ever.
    pub life: Option<Duration>,
}

impl NewQrCode {
    fn violations(&self) -> Vec<Violation> {
        let mut wrong = Vec::new();
        let mut add = |pointer: &str, rule, message: String, message_zh: String| {
            wrong.push(Violation {
                pointer: pointer.to_owned(),
                rule,
                message,
                message_zh,
            });
        };
        let fits = |text: &str, most| {
            (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        if !fits(&self.scene, LONGEST_SCENE) || self.scene.trim() != self.scene {
            add(
                "/scene",
                "length",
                format!(
                    "a scene has 1 to {LONGEST_SCENE} characters, without blanks around it and without control characters"
                ),
                format!("scene 为 1 到 {LONGEST_SCENE} 个字符，首尾无空格且不含控制字符"),
            );
        }
        if self
            .name
            .as_ref()
            .is_some_and(|name| !fits(name, LONGEST_NAME))
        {
            add(
                "/name",
                "length",
                format!("a name has 1 to {LONGEST_NAME} characters"),
                format!("name 为 1 到 {LONGEST_NAME} 个字符"),
            );
        }
        if self
            .life
            .is_some_and(|life| !(SHORTEST..=LONGEST_QRCODE).contains(&life))
        {
            let (least, most) = (SHORTEST.as_secs(), LONGEST_QRCODE.as_secs());
            add(
                "/expires_in_seconds",
                "range",
                format!("a temporary code lives {least} to {most} seconds (30 days)"),
                format!("临时二维码有效期为 {least} 到 {most} 秒（30 天）"),
            );
        }
        wrong
    }

    /// Numbers travel as numbers where WeChat has room for them; what a scan tells is
    /// the same text either way.
    fn wire_scene(&self) -> QrScene<'_> {
        let most = if self.life.is_some() {
            u32::MAX
        } else {
            LARGEST_PERMANENT
        };
        match self.scene.parse::<u32>() {
            Ok(number) if (1..=most).contains(&number) && number.to_string() == self.scene => {
                QrScene::Number(number)
            }
            _ => QrScene::Text(&self.scene),
        }
    }
}

impl Engine {
    /// Makes a code at WeChat and keeps it; one of the same scene is replaced and its
    /// counts go on.
    ///
    /// # Errors
    /// What is wrong with it; WeChat's refusals.
    pub async fn make_qrcode(
        &self,
        account: &Account,
        new: NewQrCode,
    ) -> Result<QrCode, ManageError> {
        official(account)?;
        let wrong = new.violations();
        if !wrong.is_empty() {
            return Err(ManageError::Invalid(wrong));
        }
        let call = CreateQrCode {
            scene: new.wire_scene(),
            life: new.life.map_or(QrLife::Permanent, QrLife::For),
        };
        let made = self.ask_wechat(account, &call).await?;
        let now = self.clock.now();
        let code = QrCode {
            account: account.id,
            ticket: made.ticket,
            url: made.url,
            expires_at: new.life.map(|wanted| {
                let told = made.expire_seconds.map(Duration::from_secs);
                after(now, told.unwrap_or(wanted))
            }),
            scene: new.scene,
            name: new.name,
            created_at: now,
            scans: 0,
            follows: 0,
        };
        tracing::info!(account = %account.name(), scene = %code.scene, "a code was made");
        Ok(self.store.keep_qrcode(&code).await?)
    }

    /// An account's codes, by scene.
    ///
    /// # Errors
    /// Storage's.
    pub async fn qrcodes(
        &self,
        account: &Account,
        page: &Page<String>,
    ) -> Result<Vec<QrCode>, StoreError> {
        self.store.qrcodes(account.id, page).await
    }

    /// Forgets a code; people can go on scanning it. Whether there was one.
    ///
    /// # Errors
    /// Storage's.
    pub async fn forget_qrcode(&self, account: &Account, scene: &str) -> Result<bool, StoreError> {
        self.store.forget_qrcode(account.id, scene).await
    }

    /// Where a code's picture is, for everybody (通过ticket换取二维码).
    #[must_use]
    pub fn qrcode_picture(&self, code: &QrCode) -> String {
        picture_url(&self.wechat.bases().mp, &code.ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(scene: &str, life: Option<u64>) -> NewQrCode {
        NewQrCode {
            scene: scene.to_owned(),
            name: None,
            life: life.map(Duration::from_secs),
        }
    }

    #[test]
    fn numbers_travel_as_numbers_where_they_fit() {
        let day = Some(86_400);
        assert_eq!(code("123", day).wire_scene(), QrScene::Number(123));
        assert_eq!(
            code("4294967295", day).wire_scene(),
            QrScene::Number(u32::MAX)
        );
        assert_eq!(code("100001", None).wire_scene(), QrScene::Text("100001"));
        for text in ["0", "007", "+7", "4294967296", "shop-7"] {
            assert_eq!(code(text, day).wire_scene(), QrScene::Text(text));
        }
    }

    #[test]
    fn what_wechat_would_refuse_is_said_before() {
        assert!(code(&"x".repeat(64), None).violations().is_empty());
        for (scene, life) in [
            ("", None),
            (" a", None),
            ("a\n", None),
            ("a", Some(59)),
            ("a", Some(2_592_001)),
        ] {
            assert_eq!(
                code(scene, life).violations().len(),
                1,
                "{scene:?} {life:?}"
            );
        }
        assert_eq!(code(&"x".repeat(65), None).violations()[0].rule, "length");
    }
}
