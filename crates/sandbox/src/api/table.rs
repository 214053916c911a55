//! The table of WeChat's paths that this version answers.

use super::endpoints::{
    ADD_MATERIAL, Audience, CUSTOM_SEND, Endpoint, Handler, IMAGE_UPLOAD, MEDIA_UPLOAD, Method,
    NOTIFICATION_SEND, ONE_TIME_SEND, STABLE_TOKEN, SUBSCRIBE_SEND, TEMPLATE_SEND,
};
use super::{
    Call, Download, admin, custom_send, material, media, menu, network, newtmpl, oauth,
    one_time_send, openapi, qrcode, session, subscribe_send, tags, template_send, ticket, tokens,
    typing, users,
};
use crate::refusal::{self, Outcome, Refusal};
use crate::state::account::Account;

const ALL: Audience = Audience::Everybody;
const OFFICIAL: Audience = Audience::OfficialAccounts;
const MINI: Audience = Audience::MiniPrograms;

const fn get(
    path: &'static str,
    daily: u64,
    audience: Audience,
    handler: fn(&Call<'_>, &Account) -> Outcome,
) -> Endpoint {
    authenticated(path, Method::Get, daily, audience, handler)
}

const fn post(
    path: &'static str,
    daily: u64,
    audience: Audience,
    handler: fn(&Call<'_>, &Account) -> Outcome,
) -> Endpoint {
    authenticated(path, Method::Post, daily, audience, handler)
}

const fn authenticated(
    path: &'static str,
    method: Method,
    daily: u64,
    audience: Audience,
    handler: fn(&Call<'_>, &Account) -> Outcome,
) -> Endpoint {
    Endpoint {
        path,
        method,
        daily: Some(daily),
        audience,
        handler: Handler::Account(handler),
    }
}

const fn file(
    path: &'static str,
    method: Method,
    daily: u64,
    audience: Audience,
    handler: fn(&Call<'_>, &Account) -> Result<Download, Refusal>,
) -> Endpoint {
    Endpoint {
        path,
        method,
        daily: Some(daily),
        audience,
        handler: Handler::File(handler),
    }
}

/// A call without an access token of the account; its limit is one a minute.
const fn sns(path: &'static str, handler: fn(&Call<'_>) -> Outcome) -> Endpoint {
    Endpoint {
        path,
        method: Method::Any,
        daily: None,
        audience: ALL,
        handler: Handler::Open(handler),
    }
}

const fn retired(path: &'static str, refusal: Refusal) -> Endpoint {
    Endpoint {
        path,
        method: Method::Post,
        daily: None,
        audience: ALL,
        handler: Handler::Retired(refusal),
    }
}

/// Limit of calls for which WeChat publishes none.
const UNPUBLISHED: u64 = 100_000;

/// Every path, with the documented daily limits of a new account.
pub(crate) static ENDPOINTS: [Endpoint; 68] = [
    post(TEMPLATE_SEND, 100_000, OFFICIAL, template_send::send),
    post(SUBSCRIBE_SEND, 10_000_000, MINI, subscribe_send::send),
    Endpoint {
        path: "/cgi-bin/token",
        method: Method::Get,
        daily: Some(2000),
        audience: ALL,
        handler: Handler::Open(tokens::classic),
    },
    Endpoint {
        path: STABLE_TOKEN,
        method: Method::Post,
        daily: Some(500_000),
        audience: ALL,
        handler: Handler::Open(tokens::stable),
    },
    post(
        "/cgi-bin/template/api_set_industry",
        UNPUBLISHED,
        OFFICIAL,
        admin::set_industry,
    ),
    get(
        "/cgi-bin/template/get_industry",
        UNPUBLISHED,
        OFFICIAL,
        admin::get_industry,
    ),
    post(
        "/cgi-bin/template/api_add_template",
        UNPUBLISHED,
        OFFICIAL,
        admin::add_template,
    ),
    get(
        "/cgi-bin/template/get_all_private_template",
        UNPUBLISHED,
        OFFICIAL,
        admin::list_templates,
    ),
    post(
        "/cgi-bin/template/del_private_template",
        UNPUBLISHED,
        OFFICIAL,
        admin::delete_template,
    ),
    get(
        "/wxaapi/newtmpl/getcategory",
        UNPUBLISHED,
        ALL,
        newtmpl::categories,
    ),
    get(
        "/wxaapi/newtmpl/getpubtemplatetitles",
        UNPUBLISHED,
        ALL,
        newtmpl::public_titles,
    ),
    get(
        "/wxaapi/newtmpl/getpubtemplatekeywords",
        UNPUBLISHED,
        ALL,
        newtmpl::public_keywords,
    ),
    post(
        "/wxaapi/newtmpl/addtemplate",
        UNPUBLISHED,
        ALL,
        newtmpl::add_template,
    ),
    get(
        "/wxaapi/newtmpl/gettemplate",
        UNPUBLISHED,
        ALL,
        newtmpl::list_templates,
    ),
    post(
        "/wxaapi/newtmpl/deltemplate",
        UNPUBLISHED,
        ALL,
        newtmpl::delete_template,
    ),
    post(
        "/cgi-bin/openapi/quota/get",
        UNPUBLISHED,
        ALL,
        openapi::quota,
    ),
    post("/cgi-bin/openapi/rid/get", UNPUBLISHED, ALL, openapi::rid),
    // The clearing calls have an allowance a month instead of one a day.
    Endpoint {
        path: "/cgi-bin/clear_quota",
        method: Method::Post,
        daily: None,
        audience: ALL,
        handler: Handler::Account(openapi::clear_quota),
    },
    Endpoint {
        path: "/cgi-bin/clear_quota/v2",
        method: Method::Post,
        daily: None,
        audience: ALL,
        handler: Handler::Open(openapi::clear_quota_v2),
    },
    get(
        "/cgi-bin/get_api_domain_ip",
        UNPUBLISHED,
        ALL,
        openapi::addresses,
    ),
    get(
        "/cgi-bin/getcallbackip",
        UNPUBLISHED,
        ALL,
        openapi::addresses,
    ),
    get("/cgi-bin/user/get", 500, OFFICIAL, users::list),
    get("/cgi-bin/user/info", 5_000_000, OFFICIAL, users::info),
    post(
        "/wxa/sec/queryblocktmplmsg",
        UNPUBLISHED,
        OFFICIAL,
        admin::blocked,
    ),
    post("/cgi-bin/qrcode/create", 100_000, OFFICIAL, qrcode::create),
    post("/cgi-bin/menu/create", 1000, OFFICIAL, menu::create),
    get("/cgi-bin/menu/get", 10_000, OFFICIAL, menu::get),
    get("/cgi-bin/menu/delete", 1000, OFFICIAL, menu::delete),
    post(
        "/cgi-bin/menu/addconditional",
        2000,
        OFFICIAL,
        menu::add_conditional,
    ),
    post(
        "/cgi-bin/menu/delconditional",
        2000,
        OFFICIAL,
        menu::delete_conditional,
    ),
    post("/cgi-bin/menu/trymatch", 20_000, OFFICIAL, menu::try_match),
    get(
        "/cgi-bin/get_current_selfmenu_info",
        10_000,
        OFFICIAL,
        menu::current,
    ),
    post(MEDIA_UPLOAD, 100_000, ALL, media::upload),
    file("/cgi-bin/media/get", Method::Get, 200_000, ALL, media::get),
    post(IMAGE_UPLOAD, UNPUBLISHED, OFFICIAL, media::upload_image),
    post(ADD_MATERIAL, UNPUBLISHED, OFFICIAL, material::add),
    file(
        "/cgi-bin/material/get_material",
        Method::Post,
        UNPUBLISHED,
        OFFICIAL,
        material::get,
    ),
    post(
        "/cgi-bin/material/del_material",
        UNPUBLISHED,
        OFFICIAL,
        material::delete,
    ),
    get(
        "/cgi-bin/material/get_materialcount",
        UNPUBLISHED,
        OFFICIAL,
        material::counts,
    ),
    post(
        "/cgi-bin/material/batchget_material",
        UNPUBLISHED,
        OFFICIAL,
        material::list,
    ),
    post(
        "/cgi-bin/user/info/batchget",
        500_000,
        OFFICIAL,
        users::batch_info,
    ),
    post(
        "/cgi-bin/user/info/updateremark",
        10_000,
        OFFICIAL,
        users::update_remark,
    ),
    post("/cgi-bin/tags/create", UNPUBLISHED, OFFICIAL, tags::create),
    get("/cgi-bin/tags/get", UNPUBLISHED, OFFICIAL, tags::list),
    post("/cgi-bin/tags/update", UNPUBLISHED, OFFICIAL, tags::update),
    post("/cgi-bin/tags/delete", UNPUBLISHED, OFFICIAL, tags::delete),
    post(
        "/cgi-bin/tags/members/batchtagging",
        UNPUBLISHED,
        OFFICIAL,
        tags::give,
    ),
    post(
        "/cgi-bin/tags/members/batchuntagging",
        UNPUBLISHED,
        OFFICIAL,
        tags::take,
    ),
    post(
        "/cgi-bin/tags/getidlist",
        UNPUBLISHED,
        OFFICIAL,
        tags::of_person,
    ),
    authenticated(
        "/cgi-bin/user/tag/get",
        Method::Any,
        UNPUBLISHED,
        OFFICIAL,
        tags::members,
    ),
    post(
        "/cgi-bin/tags/members/getblacklist",
        UNPUBLISHED,
        OFFICIAL,
        tags::blacklist,
    ),
    post(
        "/cgi-bin/tags/members/batchblacklist",
        UNPUBLISHED,
        OFFICIAL,
        tags::blacklist_people,
    ),
    post(
        "/cgi-bin/tags/members/batchunblacklist",
        UNPUBLISHED,
        OFFICIAL,
        tags::unblacklist_people,
    ),
    post(
        NOTIFICATION_SEND,
        UNPUBLISHED,
        OFFICIAL,
        subscribe_send::send_notification,
    ),
    post(ONE_TIME_SEND, UNPUBLISHED, OFFICIAL, one_time_send::send),
    post(CUSTOM_SEND, 500_000, ALL, custom_send::send),
    post(
        "/cgi-bin/message/custom/typing",
        UNPUBLISHED,
        OFFICIAL,
        typing::set,
    ),
    post(
        "/cgi-bin/message/custom/business/typing",
        UNPUBLISHED,
        MINI,
        typing::set,
    ),
    post("/cgi-bin/callback/check", UNPUBLISHED, ALL, network::check),
    get(
        "/cgi-bin/ticket/getticket",
        UNPUBLISHED,
        OFFICIAL,
        ticket::get,
    ),
    get("/wxa/checksession", UNPUBLISHED, MINI, session::check),
    sns("/sns/jscode2session", session::from_code),
    sns("/sns/oauth2/access_token", oauth::access_token),
    sns("/sns/oauth2/refresh_token", oauth::refresh_token),
    sns("/sns/userinfo", oauth::user_info),
    sns("/sns/auth", oauth::is_valid),
    retired(
        "/cgi-bin/message/wxopen/template/send",
        refusal::RETIRED_FORM_MESSAGE,
    ),
    retired(
        "/cgi-bin/message/wxopen/template/uniform_send",
        refusal::RETIRED_UNIFORM,
    ),
];
