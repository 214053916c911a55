use clap::{Args, ValueEnum};
use hongyan_wechat::{ErrCode, ErrInfo};

use super::output;
use crate::failure::Failure;

/// What an errcode means.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The errcode, such as 47003; or words to search for
    #[arg(required = true, allow_negative_numbers = true)]
    what: Vec<String>,
    /// The language; by LANG when left out
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Zh,
    En,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        let lang = self.lang.unwrap_or_else(language_of_environment);
        let words = self.what.join(" ");
        if let Ok(code) = words.parse::<i64>() {
            let info = ErrCode(code).info().ok_or_else(|| {
                Failure::new(format!(
                    "{code} is not in the catalogue: a new code of WeChat's; such an answer is taken as final"
                ))
            })?;
            return if self.json {
                output::json(info)
            } else {
                output::text(&tell(info, lang))
            };
        }
        let found: Vec<_> = ErrCode::search(&words).collect();
        if self.json {
            return output::json(&found);
        }
        let rows = found
            .iter()
            .map(|info| {
                let meaning = match lang {
                    Language::Zh => info.meaning_zh,
                    Language::En => info.meaning_en,
                };
                vec![
                    info.code.to_string(),
                    info.errmsg.to_owned(),
                    meaning.to_owned(),
                ]
            })
            .collect();
        if found.is_empty() {
            return Err(Failure::new(format!(
                "nothing in the catalogue has {words:?}"
            )));
        }
        output::table(&["errcode", "errmsg", "meaning"], rows, "")
    }
}

fn tell(info: &ErrInfo, lang: Language) -> String {
    let helps = retry_helps(info, lang);
    match lang {
        Language::En => format!(
            "{} {}\n  Meaning:     {}\n  What to do:  {}\n  Does a retry help?  {helps}",
            info.code, info.errmsg, info.meaning_en, info.fix_en
        ),
        Language::Zh => format!(
            "{} {}\n  含义：{}\n  怎么办：{}\n  重试有用吗？{helps}",
            info.code, info.errmsg, info.meaning_zh, info.fix_zh
        ),
    }
}

fn retry_helps(info: &ErrInfo, lang: Language) -> &'static str {
    use hongyan_wechat::Retry;
    let (en, zh) = match info.retry {
        Retry::Never => ("No.", "没有用。"),
        Retry::RefreshToken => (
            "Yes, once, with a new access token (Hongyan does it).",
            "有用：换新令牌后重试一次（鸿雁会自动做）。",
        ),
        Retry::Backoff => (
            "Yes, later (Hongyan does it).",
            "有用：稍后重试（鸿雁会自动做）。",
        ),
        Retry::QuotaReset => (
            "Yes, after the allowance starts again (Hongyan waits for it).",
            "额度重置后有用（鸿雁会等到那时）。",
        ),
        Retry::FixInput => ("Only after the request is corrected.", "改正请求后才有用。"),
        Retry::FixAccount => (
            "Only after the account's settings are corrected.",
            "改正账号设置后才有用。",
        ),
    };
    match lang {
        Language::En => en,
        Language::Zh => zh,
    }
}

fn language_of_environment() -> Language {
    let chinese = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .is_some_and(|value| value.starts_with("zh"));
    if chinese { Language::Zh } else { Language::En }
}
