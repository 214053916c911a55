//! Kinds of messages that WeChat has withdrawn.

/// A kind that programs may still ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetiredKind {
    /// What people call it: ours first, then WeChat's own.
    names: &'static [&'static str],
    title: &'static str,
    title_zh: &'static str,
    /// Since when WeChat answers with `errcode`.
    since: &'static str,
    errcode: u32,
    /// What to use in its place.
    successor: &'static str,
    successor_zh: &'static str,
}

/// Sources: the pages of wxopen/template/send and wxopen/template/uniform_send.
const RETIRED: [RetiredKind; 2] = [
    RetiredKind {
        names: &[
            "mini_program_template",
            "wxopen_template",
            "wxopen_template_send",
            "weapp_template",
        ],
        title: "the mini program's template message (wxopen/template/send)",
        title_zh: "小程序模板消息（wxopen/template/send）",
        since: "2020-01-10",
        errcode: 45103,
        successor: "send the kind \"subscribe\" with a subscribe template, after the person accepted it in wx.requestSubscribeMessage",
        successor_zh: "请改用“subscribe”（订阅消息），并先由用户在 wx.requestSubscribeMessage 中同意",
    },
    RetiredKind {
        names: &["uniform_message", "uniform_send", "uniform"],
        title: "the uniform service message (wxopen/template/uniform_send)",
        title_zh: "统一服务消息（wxopen/template/uniform_send）",
        since: "2023-09-20",
        errcode: 45109,
        successor: "send the kind \"template\" by the official account to the person's openid there (to.unionid finds it), or the kind \"subscribe\" by the mini program",
        successor_zh: "请改由公众号发送“template”（用 to.unionid 可找到对方在公众号的 openid），或由小程序发送“subscribe”",
    },
];

impl RetiredKind {
    /// The withdrawn kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        RETIRED.into_iter().find(|kind| kind.names.contains(&name))
    }

    /// Why it cannot be sent and what replaced it, in English.
    #[must_use]
    pub fn sentence(self) -> String {
        let Self {
            title,
            since,
            errcode,
            successor,
            ..
        } = self;
        format!("WeChat withdrew {title} on {since} and answers {errcode}; {successor}")
    }

    /// The same in Chinese.
    #[must_use]
    pub fn sentence_zh(self) -> String {
        let Self {
            title_zh,
            since,
            errcode,
            successor_zh,
            ..
        } = self;
        format!("微信已于 {since} 下线{title_zh}，调用返回 {errcode}；{successor_zh}")
    }
}
