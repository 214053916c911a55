//! The refusals of WeChat that this sandbox gives, with their texts.
//!
//! Texts come from the error catalogue of the reference; programs must decide
//! on the number alone.

use std::borrow::Cow;

/// One business error: a number and its text, without the `rid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    pub(crate) text: Cow<'static, str>,
}

/// What an API handler gives back: the JSON of the success, or a refusal.
pub(crate) type Outcome = Result<Vec<u8>, Refusal>;

impl Refusal {
    const fn new(code: i32, text: &'static str) -> Self {
        Self {
            code,
            text: Cow::Borrowed(text),
        }
    }

    /// The refusal of that number with the catalogue's text.
    pub(crate) fn of(code: i32) -> Self {
        CATALOGUE
            .iter()
            .find(|known| known.code == code)
            .cloned()
            .unwrap_or(Self {
                code,
                text: Cow::Borrowed("unknown error"),
            })
    }

    /// The same number with another text.
    pub(crate) fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = text.into();
        self
    }

    /// 47003 for a keyword.
    pub(crate) fn keyword(text: String) -> Self {
        Self {
            code: 47003,
            text: Cow::Owned(text),
        }
    }

    /// The JSON body with the `rid` appended the way `cgi-bin` does, or with
    /// the comma that `sns` puts before it.
    pub(crate) fn body(&self, rid: &str, comma: bool) -> Vec<u8> {
        let mut body = format!("{{\"errcode\":{},\"errmsg\":", self.code).into_bytes();
        let comma = if comma { "," } else { "" };
        let text = format!("{}{comma} rid: {rid}", self.text);
        // A string always serialises, and a Vec always takes it.
        let _ = serde_json::to_writer(&mut body, &text);
        body.push(b'}');
        body
    }
}

/// `{"errcode":0,"errmsg":"ok"}`.
pub(crate) fn ok() -> Outcome {
    Ok(br#"{"errcode":0,"errmsg":"ok"}"#.to_vec())
}

macro_rules! catalogue {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        $(pub(crate) const $name: Refusal = Refusal::new($code, $text);)*
        const CATALOGUE: &[Refusal] = &[$($name),*];
    };
}

catalogue! {
    SYSTEM = -1, "system error";
    NEWTMPL_NOT_FOUND = 404, "404 not found";
    NEWTMPL_PARAMETER = 20002, "参数错误";
    INVALID_CREDENTIAL = 40001, "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r";
    INVALID_GRANT_TYPE = 40002, "invalid grant_type";
    INVALID_OPENID = 40003, "invalid openid";
    INVALID_MEDIA_TYPE = 40004, "invalid media type";
    INVALID_FILE_TYPE = 40005, "invalid file type";
    INVALID_MEDIA = 40007, "invalid media_id";
    INVALID_MESSAGE_TYPE = 40008, "invalid message type";
    INVALID_IMAGE_SIZE = 40009, "invalid image size";
    INVALID_VOICE_SIZE = 40010, "invalid voice size";
    INVALID_VIDEO_SIZE = 40011, "invalid video size";
    INVALID_THUMB_SIZE = 40012, "invalid thumb size";
    INVALID_APPID = 40013, "invalid appid";
    INVALID_TOKEN = 40014, "invalid access_token";
    BUTTON_COUNT = 40016, "invalid button size";
    BUTTON_TYPE = 40017, "invalid button type";
    BUTTON_NAME = 40018, "invalid button name size";
    BUTTON_KEY = 40019, "invalid button key size";
    BUTTON_URL = 40020, "invalid button url size";
    MENU_DEPTH = 40022, "invalid sub_menu level";
    SUB_BUTTON_COUNT = 40023, "invalid sub button size";
    SUB_BUTTON_TYPE = 40024, "invalid sub button type";
    SUB_BUTTON_NAME = 40025, "invalid sub button name size";
    SUB_BUTTON_KEY = 40026, "invalid sub button key size";
    SUB_BUTTON_URL = 40027, "invalid sub button url size";
    INVALID_CODE = 40029, "invalid code";
    INVALID_REFRESH_TOKEN = 40030, "invalid refresh_token";
    OPENID_LIST_SIZE = 40032, "invalid openid list size";
    INVALID_CHARSET = 40033, "invalid charset. please check your request, if include \\uxxxx will create fail!";
    ARGS_SIZE = 40035, "invalid args size";
    INVALID_TEMPLATE = 40037, "invalid template_id";
    INVALID_URL_SIZE = 40039, "invalid url size";
    ACTION_NAME = 40052, "invalid action name";
    ACTION_INFO = 40053, "invalid action info, please check document";
    SUB_BUTTON_DOMAIN = 40054, "invalid sub button url domain";
    BUTTON_DOMAIN = 40055, "invalid button url domain";
    INVALID_TITLE_SIZE = 40062, "invalid title size";
    INVALID_URL = 40066, "invalid url";
    INVALID_REMARK = 40092, "invalid remark name";
    INVALID_ARGS = 40097, "invalid args";
    INVALID_INDUSTRY = 40102, "invalid industry id";
    BUTTON_MEDIA = 40117, "invalid button media_id size";
    SUB_BUTTON_MEDIA = 40118, "invalid sub button media_id size";
    NOT_AN_ARTICLE = 40121, "invalid media type in view_limited";
    INVALID_SECRET = 40125, "invalid appsecret";
    NOT_MATERIAL = 40128, "invalid media id! must be uploaded by api(cgi-bin/material/add_material)";
    CODE_USED = 40163, "code been used";
    IP_NOT_ALLOWED = 40164, "invalid ip, not in whitelist";
    INVALID_PAGEPATH = 40165, "invalid weapp pagepath";
    INVALID_WEAPP = 40166, "invalid weapp appid";
    INVALID_ACCOUNT_TYPE = 40200, "invalid account type";
    CHECK_NO_URL = 40201, "invalid url";
    CHECK_ACTION = 40202, "invalid action";
    CHECK_OPERATOR = 40203, "invalid check_operator";
    CODE_BLOCKED = 40226, "code blocked";
    DUPLICATE = 40241, "The message is duplicate in 60 seconds";
    SECRET_FROZEN = 40243, "appsecret is frozen";
    INVALID_KEYWORDS = 40246, "invalid keyword_name_list";
    NEED_CATEGORY_TEMPLATE = 40247, "need new category template";
    MARKETING = 40249, "template message has marketing content";
    BAD_REQUEST = 40400, "HTTP Bad Request";
    TOKEN_MISSING = 41001, "access_token missing";
    APPID_MISSING = 41002, "appid missing";
    REFRESH_TOKEN_MISSING = 41003, "refresh_token missing";
    SECRET_MISSING = 41004, "appsecret missing";
    MEDIA_DATA_MISSING = 41005, "media data missing";
    MEDIA_ID_MISSING = 41006, "media_id missing";
    CODE_MISSING = 41008, "missing code";
    OPENID_MISSING = 41009, "missing openid";
    INVALID_PAGE = 41030, "invalid page";
    TOKEN_EXPIRED = 42001, "access_token expired";
    REFRESH_TOKEN_EXPIRED = 42002, "refresh_token expired";
    CODE_EXPIRED = 42003, "code expired";
    REQUIRE_GET = 43001, "require GET method";
    REQUIRE_POST = 43002, "require POST method";
    REQUIRE_SUBSCRIBE = 43004, "require subscribe";
    BLACKLISTED = 43019, "require remove blacklist";
    INDUSTRY_TOO_OFTEN = 43100, "change template too frequently";
    REFUSED_BY_USER = 43101, "user refuse to accept the msg";
    SUBSCRIBE_BANNED = 43107, "subscribe message is banned";
    CONCURRENT_SENDS = 43108, "Cannot make concurrent calls to the same OpenID, please try again";
    TEMPLATE_RESTRICTED = 43116, "template is restricted";
    TOO_FREQUENT = 43117, "Sending messages to this openid too frequently,please try later";
    EMPTY_MEDIA = 44001, "empty media data";
    EMPTY_BODY = 44002, "empty post data";
    EMPTY_NEWS = 44003, "empty news data";
    EMPTY_CONTENT = 44004, "empty content";
    MEDIA_TOO_LARGE = 45001, "media size out of limit";
    TOO_LARGE = 45002, "content size out of limit";
    PLAYTIME = 45007, "playtime out of limit";
    TOO_MANY_ARTICLES = 45008, "article size out of limit";
    DAILY_QUOTA = 45009, "reach max api daily quota limit";
    MINUTE_QUOTA = 45011, "api minute-quota reach limit, must slower, retry next minute";
    OUT_OF_TIME = 45015, "response out of time limit or subscription is canceled";
    TOO_MANY_TEMPLATES = 45026, "template num exceeds limit";
    TOO_MANY_CODES = 45029, "qrcode count out of limit";
    LIBRARY_FULL = 45034, "media file count is out of limit";
    OUT_OF_COUNT = 45047, "out of response count limit";
    TOO_MANY_TAGS = 45056, "too many tag now, no need to add new";
    TAG_TOO_LARGE = 45057, "can't delete the tag that has too many fans";
    BUILT_IN_TAG = 45058, "can't modify sys tag";
    TOO_MANY_TAGS_OF_ONE = 45059, "can not tagging one user too much";
    WEAPP_IN_MENU = 45064, "no permission to use weapp in menu";
    INVALID_COMMAND = 45072, "invalid command";
    NOT_LIVELY = 45080, "need sending message to user, or recving message from user in the last 30 seconds before typing";
    TYPING_ALREADY = 45081, "you are already typing";
    RETIRED_FORM_MESSAGE = 45103, "This API has been unsupported";
    RETIRED_UNIFORM = 45109, "This API has been unsupported. For more details, please view https://developers.weixin.qq.com/community/develop/doc/000ae8d6348af08e7030bc2546bc01?blockType=1";
    INVALID_TAG_NAME = 45157, "invalid tag name";
    TAG_NAME_TOO_LONG = 45158, "tag name too long";
    INVALID_TAG = 45159, "invalid tag id";
    SENSITIVE = 45168, "hit sensitive words";
    NO_MENU = 46003, "menu no exist";
    DATA_FORMAT = 47001, "data format error";
    UNICODE_ESCAPES = 47002, "data format error, do NOT use json unicode encode (\\uxxxx\\uxxxx), please use utf8 encoded text!";
    ARGUMENT_INVALID = 47003, "argument invalid!";
    UNAUTHORIZED = 48001, "api unauthorized";
    USER_BLOCKS = 48002, "user block receive message";
    API_FORBIDDEN = 48004, "api forbidden for irregularities, view detail on mp.weixin.qq.com";
    MATERIAL_IN_USE = 48005, "forbid to delete material used by auto-reply or menu";
    CLEAR_QUOTA_USED_UP = 48006, "forbid to clear quota because of reaching the limit";
    USER_LIMITED = 50002, "user limited";
    TOKEN_FORBIDDEN = 50004, "get access_token is forbidden";
    ACCOUNT_FROZEN = 50007, "account is frozen";
    INVALID_ARTICLE = 53600, "Article ID 无效";
    NOT_CONDITIONAL = 65301, "this menu is not conditionalmenu";
    NO_SUCH_USER = 65302, "no such user";
    NO_DEFAULT_MENU = 65303, "there is no selfmenu, please create selfmenu first";
    RULE_EMPTY = 65304, "match rule empty";
    CONDITIONAL_EMPTY = 65307, "conditional menu is empty";
    NOT_A_FAN = 65315, "not fans";
    MENU_DOMAINS = 65316, "domain count reach limit";
    RULE_PRIVACY = 65320, "match rule violates privacy";
    RID_NOT_FOUND = 76001, "rid not found";
    RID_MALFORMED = 76002, "rid is error";
    RID_FOREIGN = 76003, "could not query this rid,no permission";
    RID_TOO_OLD = 76004, "rid time is error";
    CGI_PATH_UNKNOWN = 76021, "cgi_path not found, please check";
    CGI_PATH_FORBIDDEN = 76022, "could not use this cgi_path，no permission";
    INVALID_SIG_METHOD = 87008, "invalid sig_method";
    INVALID_SIGNATURE = 87009, "invalid signature";
    IP_UNCONFIRMED = 89503, "api unauthorized, this ip is waiting for the confirmation of the administrator";
    NEWTMPL_BAD_INPUT = 200002, "入参错误";
    NEWTMPL_FULL = 200012, "私有模板数已达上限";
    NEWTMPL_TID = 200014, "模版 tid 参数错误";
    NEWTMPL_START = 200016, "start 参数错误";
    NEWTMPL_LIMIT = 200017, "limit 参数错误";
    NEWTMPL_IDS_MISSING = 200018, "类目 ids 缺失";
    NEWTMPL_IDS = 200019, "类目 ids 不合法";
    NEWTMPL_KEYWORDS = 200020, "关键词列表 kidList 参数错误";
    NEWTMPL_SCENE = 200021, "场景描述 sceneDesc 参数错误";
    NEWTMPL_EXISTS = 200022, "相同标题和关键字的模板已存在";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_json_with_the_rid_behind_one_blank() {
        let refusal = INVALID_OPENID.with_text("a \"quote\"");
        assert_eq!(
            String::from_utf8(refusal.body("1-2-3", false)).unwrap(),
            r#"{"errcode":40003,"errmsg":"a \"quote\" rid: 1-2-3"}"#
        );
        let sns = String::from_utf8(INVALID_CODE.body("1-2-3", true)).unwrap();
        assert_eq!(
            sns,
            r#"{"errcode":40029,"errmsg":"invalid code, rid: 1-2-3"}"#
        );
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = CATALOGUE.iter().map(|known| known.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CATALOGUE.len());
        assert_eq!(Refusal::of(45009), DAILY_QUOTA);
        assert_eq!(Refusal::of(12345).code, 12345);
    }
}
