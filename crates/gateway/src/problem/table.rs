//! The one table of problems. `docs/errors.md` and `/docs/errors` are made of it.

/// What is known about a code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The stable name.
    pub(crate) code: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// A few words.
    pub(crate) title: &'static str,
    /// What it means and what to do, in English.
    pub(crate) meaning: &'static str,
    /// The same in Chinese.
    pub(crate) meaning_zh: &'static str,
}

macro_rules! problems {
    ($($name:ident: $code:literal, $status:literal, $title:literal, $en:literal, $zh:literal;)*) => {
        /// The problems the gateway knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $(#[doc = $en] $name,)*
        }

        impl Code {
            /// All, by status.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What is known about it.
            pub(crate) fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        code: $code, status: $status, title: $title, meaning: $en, meaning_zh: $zh,
                    },)*
                }
            }
        }
    };
}

problems! {
    InvalidJson: "invalid_json", 400, "The body is not JSON",
        "The body is empty, not UTF-8, not JSON, or nested too deep. `detail` names the line and column.",
        "请求体为空、不是 UTF-8、不是 JSON，或嵌套过深。`detail` 指出行和列。";
    InvalidToml: "invalid_toml", 400, "The body is not TOML",
        "The body is not UTF-8, not TOML, or of another shape than wanted. `detail` names the line.",
        "请求体不是 UTF-8、不是 TOML，或结构不符。`detail` 指出行号。";
    InvalidForm: "invalid_form", 400, "The form cannot be read",
        "The body is not `multipart/form-data` as its type says, or breaks off. A file can also be the whole body.",
        "请求体不符合 `multipart/form-data` 格式或不完整。也可以直接以文件内容作为请求体。";
    InvalidQuery: "invalid_query", 400, "A query parameter is wrong",
        "A query parameter is unknown or has an impossible value. `violations` names each one.",
        "查询参数未知或取值不合法。`violations` 逐一列出。";
    InvalidIdempotencyKey: "invalid_idempotency_key", 400, "The Idempotency-Key is wrong",
        "`Idempotency-Key` must be given once, with 1 to 255 visible ASCII characters.",
        "`Idempotency-Key` 只能出现一次，由 1 到 255 个可见 ASCII 字符组成。";
    UploadBrokeOff: "upload_broke_off", 400, "The file did not arrive wholly",
        "The connection broke before the end of the file. `detail` says whether it can be sent again or the broadcast must be made anew.",
        "文件传完之前连接中断。`detail` 说明可以重新上传，还是需要重新创建群发。";
    MissingKey: "missing_key", 401, "No API key",
        "Send `Authorization: Bearer <API key>`. `hongyan keys create` makes the first key.",
        "请携带 `Authorization: Bearer <API key>`。第一个密钥用 `hongyan keys create` 创建。";
    InvalidKey: "invalid_key", 401, "The API key is not valid",
        "The key is unknown, was removed, or has ended.",
        "密钥不存在、已删除或已过期。";
    SignedOut: "signed_out", 401, "The session is over",
        "The console's session has ended or was ended. Sign in again.",
        "控制台会话已结束，请重新登录。";
    WrongPassword: "wrong_password", 401, "Name or password are wrong",
        "Which of the two is not said. After five failures a name waits a quarter of an hour; an admin of the console can set a new password, and `hongyan operators` on the machine itself too.",
        "不会说明是哪一项有误。连续五次失败后该登录名需等待一刻钟；控制台管理员可以重设密码，也可以在服务器上使用 `hongyan operators`。";
    NotFromConsole: "not_from_console", 403, "The request did not come from the console",
        "Signing in and out, and requests that a cookie proves, carry the header `X-Hongyan-Console`. Programs use an API key instead.",
        "登录、退出以及以 cookie 证明身份的请求须带 `X-Hongyan-Console` 请求头。程序请使用 API 密钥。";
    NotTheLink: "not_the_link", 403, "The set-up link is not valid",
        "The link works until the first person was let in, and only while the gateway that printed it runs. `hongyan operators create` on the machine itself works always.",
        "设置链接只在首位用户加入之前、且打印它的网关仍在运行时有效。也可以在服务器上使用 `hongyan operators create`。";
    InsufficientScope: "insufficient_scope", 403, "The API key does not allow this",
        "The key lacks the scope that `detail` names. Use another key, or have one made.",
        "密钥缺少 `detail` 所指的权限。请换用或新建密钥。";
    AccountNotAllowed: "account_not_allowed", 403, "The API key is restricted to other accounts",
        "A key that is restricted to accounts can neither add other accounts nor make keys that reach further than itself.",
        "限定了账号的密钥不能添加其他账号，也不能创建权限范围更大的密钥。";
    NotFound: "not_found", 404, "There is nothing here",
        "No route has this path, or the thing it names is gone.",
        "没有这个路径，或所指的对象已不存在。";
    UnknownAccount: "unknown_account", 404, "No such account",
        "No account has this name, or the key may not see it. `GET /v1/accounts` lists those it may.",
        "没有这个名称的账号，或该密钥无权查看。`GET /v1/accounts` 列出可用账号。";
    UnknownMessage: "unknown_message", 404, "No such message",
        "No message has this id, or the key may not see its account.",
        "没有这个 id 的消息，或该密钥无权查看其账号。";
    UnknownBroadcast: "unknown_broadcast", 404, "No such broadcast",
        "No broadcast has this id, or the key may not see its account.",
        "没有这个 id 的群发，或该密钥无权查看其账号。";
    UnknownKey: "unknown_key", 404, "No such API key",
        "No key has this id, or the calling key may not manage it.",
        "没有这个 id 的密钥，或当前密钥无权管理它。";
    UnknownOperator: "unknown_operator", 404, "Nobody of the console has this id",
        "`GET /v1/console/operators` lists who may use the console.",
        "`GET /v1/console/operators` 列出可以使用控制台的人。";
    UnknownContact: "unknown_contact", 404, "No such contact",
        "Nobody with this openid is known at the account.",
        "该账号下没有这个 openid 的用户记录。";
    UnknownUser: "unknown_user", 404, "No such user",
        "No user has this id, or the key may see none of its accounts. `PUT /v1/users/{id}` binds one.",
        "没有这个 id 的用户，或该密钥无权查看其账号。可用 `PUT /v1/users/{id}` 绑定。";
    UnknownCallback: "unknown_callback", 404, "No such callback",
        "The account has no callback of this id, or it is old and was removed.",
        "该账号没有这个 id 的回调，或因过旧已被清除。";
    UnknownWebhook: "unknown_webhook", 404, "No such webhook",
        "No endpoint has this id, or the key may not see all its accounts. `GET /v1/webhooks` lists those it may.",
        "没有这个 id 的 webhook，或该密钥无权查看其全部账号。`GET /v1/webhooks` 列出可见的。";
    UnknownWebhookDelivery: "unknown_webhook_delivery", 404, "Nothing of this id was told to the webhook",
        "The endpoint was never told this, or it is long ago and was removed.",
        "该 webhook 没有这条推送，或因过旧已被清除。";
    UnknownTicket: "unknown_ticket", 404, "The ticket is not valid",
        "The ticket was exchanged already, is too old, or belongs to another account. Send the person through `/h5/{account}/oauth` again.",
        "票据已被兑换、已过期，或属于其他账号。请让用户重新经过 `/h5/{account}/oauth`。";
    UnknownErrcode: "unknown_errcode", 404, "The errcode is not in the catalogue",
        "WeChat has published nothing about this code that we know of. `GET /v1/errcodes?q=` searches.",
        "未见微信公布此错误码。可用 `GET /v1/errcodes?q=` 搜索。";
    MethodNotAllowed: "method_not_allowed", 405, "The method does nothing here",
        "The path exists, but not for this method. The `Allow` header lists the methods.",
        "路径存在，但不支持该方法。`Allow` 响应头列出可用方法。";
    BodyTimeout: "body_timeout", 408, "The body did not arrive in time",
        "The body took too long (30 seconds unless set otherwise). Nothing was done; send it again.",
        "请求体传输超时（默认 30 秒）。未做任何处理，请重新发送。";
    AccountDisabled: "account_disabled", 409, "The account is switched off",
        "Somebody set `disabled` on the account. `PATCH /v1/accounts/{account}` with `{\"disabled\": false}` switches it on.",
        "账号已被停用（`disabled`）。用 `PATCH /v1/accounts/{account}` 提交 `{\"disabled\": false}` 可启用。";
    AccountUnhealthy: "account_unhealthy", 409, "WeChat gives the account no access token",
        "WeChat refuses the account's appid, secret or address. `diagnosis` says what to change; `POST /v1/accounts/{account}/check` tries again.",
        "微信拒绝了该账号的 appid、secret 或来源 IP。按 `diagnosis` 修改后，用 `POST /v1/accounts/{account}/check` 重试。";
    Taken: "taken", 409, "The name is taken",
        "Something else has this name or appid already.",
        "该名称或 appid 已被占用。";
    InUse: "in_use", 409, "It is still needed",
        "It cannot be removed while something depends on it; `detail` says what.",
        "仍被使用，不能删除；`detail` 说明原因。";
    WebhookDisabled: "webhook_disabled", 409, "Nothing is told to the webhook",
        "Somebody switched it off, it answered 410, or it took nothing for days; `disabled` says which. `PATCH /v1/webhooks/{id}` with `{\"enabled\": true}` switches it on.",
        "该 webhook 已停用：人为停用、它返回了 410，或连续多日失败，见 `disabled`。用 `PATCH /v1/webhooks/{id}` 提交 `{\"enabled\": true}` 可启用。";
    TooManyWebhooks: "too_many_webhooks", 409, "There are as many webhooks as there can be",
        "Each is looked at with every change, so there are 100 at most. Remove one, or let one endpoint pass things on.",
        "每次变化都要逐个查看 webhook，因此最多 100 个。请删除一个，或由一个端点再分发。";
    NoBackend: "no_backend", 409, "The account has no backends",
        "There is nowhere to send the callback to. `PATCH /v1/accounts/{account}` with `backends` names some.",
        "账号没有配置后端，无处转发。用 `PATCH /v1/accounts/{account}` 设置 `backends`。";
    BeingSent: "being_sent", 409, "The message is being sent",
        "It is with WeChat at this moment or may have gone out already, so it cannot be taken back.",
        "消息正在发送，或可能已经发出，无法取消。";
    AlreadyOver: "already_over", 409, "The message is over",
        "It ended before it could be canceled; `detail` says how.",
        "消息在取消之前已经结束；`detail` 说明结果。";
    NotRetryable: "not_retryable", 409, "The message cannot be sent again",
        "Only messages that are failed, undelivered or unknown can be sent again.",
        "只有 failed、undelivered 或 unknown 状态的消息可以重发。";
    BroadcastState: "broadcast_state", 409, "The broadcast is in another state",
        "What was asked for cannot be done in the state the broadcast is in; `detail` names the state.",
        "群发当前所处的状态不允许此操作；`detail` 说明其状态。";
    BodyTooLarge: "body_too_large", 413, "The body is too large",
        "A body may have 1 MiB unless set otherwise. Send fewer messages in a batch.",
        "请求体默认最大 1 MiB。请减少批量中的消息数。";
    UnsupportedMediaType: "unsupported_media_type", 415, "The file is of another type than wanted",
        "Files of people are `text/csv` or `application/x-ndjson`; say which with `Content-Type`.",
        "人员文件应为 `text/csv` 或 `application/x-ndjson`，请用 `Content-Type` 说明。";
    ValidationFailed: "validation_failed", 422, "The request breaks rules",
        "Every broken rule is in `violations`, with its place, a stable word for the rule and a sentence in both languages. Nothing was stored.",
        "违反的规则全部列在 `violations` 中：位置、规则名和中英文说明。未保存任何内容。";
    UnknownTemplate: "unknown_template", 422, "The account has no such template",
        "`detail` names templates the account has. A template made just now appears after `POST /v1/accounts/{account}/templates/sync`.",
        "`detail` 列出账号已有的模板。新建的模板需先 `POST /v1/accounts/{account}/templates/sync` 同步。";
    WrongKind: "wrong_kind", 422, "The account is of the wrong kind for this",
        "Official accounts send `template`, `notification`, `one_time` and `customer_service`, and have web pages. Mini programs send `subscribe` and `customer_service`, and have logins.",
        "公众号发送 `template`、`notification`、`one_time`、`customer_service`，并支持网页；小程序发送 `subscribe`、`customer_service`，并支持登录。";
    RetiredKind: "retired_kind", 422, "WeChat has withdrawn this kind of message",
        "Mini-program template messages (since 2020) and uniform service messages (since 2023) are refused by WeChat. `detail` says which kind replaced it: `subscribe` at the mini program, `template` at the official account.",
        "小程序模板消息（2020 年起）和统一服务消息（2023 年起）已被微信下线。`detail` 说明替代方式：小程序用 `subscribe`，公众号用 `template`。";
    WrongAccount: "wrong_account", 422, "The openid belongs to another account",
        "A person has another openid at every account. `detail` names the account this one belongs to: send by that account, or name the person by `to.unionid` or `to.user_id`.",
        "同一个人在每个账号下的 openid 都不同。`detail` 说明该 openid 所属账号：请用该账号发送，或用 `to.unionid`、`to.user_id` 指定接收人。";
    UnknownPerson: "unknown_person", 422, "Nobody at the account is known by this",
        "The unionid or user id leads to no openid at the sending account. `detail` says what is missing; `GET /v1/reach` shows what is known.",
        "该 unionid 或用户 id 在发送账号下没有对应的 openid。`detail` 说明缺少什么；`GET /v1/reach` 可查看已知情况。";
    LoginRefused: "login_refused", 422, "WeChat does not take the login code",
        "Codes of `wx.login` work once, for five minutes, and only at the mini program that made them. `diagnosis` says which it was; ask for a new code.",
        "`wx.login` 的 code 只能使用一次，五分钟内有效，且仅限签发它的小程序。`diagnosis` 说明原因，请重新获取。";
    OriginNotAllowed: "origin_not_allowed", 422, "Pages of this origin get no signature",
        "The page's origin is not among the account's `js_origins`. `PATCH /v1/accounts/{account}` adds it.",
        "页面的来源不在账号的 `js_origins` 之中。用 `PATCH /v1/accounts/{account}` 添加。";
    IdempotencyKeyReused: "idempotency_key_reused", 422, "The Idempotency-Key belongs to another request",
        "Within 24 hours the same key was used for a request with another path or body. Use a new key for a new request.",
        "24 小时内该键已用于路径或内容不同的请求。新请求请使用新的键。";
    TooManyFailures: "too_many_failures", 429, "Too many failed attempts",
        "The name or the address failed too often. Try again after `Retry-After` seconds.",
        "该登录名或来源地址失败次数过多，请在 `Retry-After` 秒后重试。";
    Internal: "internal", 500, "The gateway failed",
        "A fault of the gateway. Its log says what happened.",
        "网关内部故障，详情见其日志。";
    WechatRefused: "wechat_refused", 502, "WeChat refused the call",
        "WeChat answered with `errcode`; `diagnosis` says what it means and what to do.",
        "微信返回了 `errcode`；`diagnosis` 说明含义和处理办法。";
    WechatUnreachable: "wechat_unreachable", 503, "WeChat could not be reached",
        "WeChat gave no usable answer. Try again after `Retry-After` seconds; if it stays so, check the network and `[wechat] api_base`.",
        "微信没有给出可用的响应。请在 `Retry-After` 秒后重试；若持续如此，请检查网络和 `[wechat] api_base`。";
    StorageUnavailable: "storage_unavailable", 503, "The database is not available",
        "Nothing was done. Try again after `Retry-After` seconds.",
        "未做任何处理。请在 `Retry-After` 秒后重试。";
    NotReady: "not_ready", 503, "The gateway is not ready",
        "It lives, but cannot take work at this moment; `detail` says why.",
        "网关在运行，但暂时无法处理请求；`detail` 说明原因。";
}
