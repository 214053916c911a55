//! Mini-program logins and web authorisation.

use std::time::Duration;

use hmac::{Hmac, Mac as _};
use hongyan_sandbox::{AccountKind, AccountView, NewAccount, PersonView};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::app::{Answer, App};

fn bound(app: &App, kind: AccountKind) -> AccountView {
    let mut new = NewAccount::new(kind);
    new.open_platform = Some("op".into());
    app.sandbox.add_account(new).unwrap()
}

fn login(app: &App, person: &PersonView, program: &AccountView) -> String {
    let done = app.perform(person, program, json!({ "action": "login" }));
    assert_eq!(done["callback"], json!(null));
    done["code"].as_str().unwrap().to_owned()
}

fn exchange(app: &App, program: &AccountView, code: &str) -> Answer {
    app.get(&format!(
        "/sns/jscode2session?appid={}&secret={}&js_code={code}&grant_type=authorization_code",
        program.appid, program.secret
    ))
}

#[test]
fn a_code_is_exchanged_once_for_openid_and_session() {
    let app = App::new();
    let program = bound(&app, AccountKind::MiniProgram);
    let person = app.sandbox.add_person("小红").unwrap();
    let code = login(&app, &person, &program);
    let answer = exchange(&app, &program, &code);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let session = answer.json();
    let openid = app
        .sandbox
        .openid(&person.person_id, &program.appid)
        .unwrap();
    assert_eq!(session["openid"], json!(openid));
    assert_eq!(session["unionid"], json!(person.unionid));
    assert_eq!(session["session_key"].as_str().unwrap().len(), 24);
    assert_eq!(session.get("errcode"), None);
    let again = exchange(&app, &program, &code);
    assert_eq!(again.errcode(), 40163);
    let text = again.json()["errmsg"].as_str().unwrap().to_owned();
    assert!(text.starts_with("code been used, rid: "), "{text}");

    let mac = |key: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        hex::encode(mac.finalize().into_bytes())
    };
    let token = app.token(&program);
    let check = |signature: &str| {
        app.get(&format!(
            "/wxa/checksession?access_token={token}&openid={openid}&signature={signature}&sig_method=hmac_sha256"
        ))
        .errcode()
    };
    assert_eq!(check(&mac(session["session_key"].as_str().unwrap())), 0);
    assert_eq!(check(&mac("other")), 87009);
    let log = app.control("GET", "/requests", &json!(null)).body;
    assert!(!log.contains(&code) && !log.contains(&program.secret));
}

#[test]
fn codes_that_are_no_good() {
    let app = App::new();
    let program = app.account(AccountKind::MiniProgram);
    let other = app.account(AccountKind::MiniProgram);
    let person = app.sandbox.add_person("小红").unwrap();
    assert_eq!(exchange(&app, &program, "0nothing").errcode(), 40029);
    assert_eq!(exchange(&app, &program, "").errcode(), 41008);
    let code = login(&app, &person, &program);
    assert_eq!(exchange(&app, &other, &code).errcode(), 40029);
    app.sandbox.advance(Duration::from_secs(300)).unwrap();
    assert_eq!(exchange(&app, &program, &code).errcode(), 40029);
    let mut wrong = program.clone();
    wrong.secret = "0".repeat(32);
    assert_eq!(exchange(&app, &wrong, "x").errcode(), 40125);
    wrong.appid = "wx9".into();
    assert_eq!(exchange(&app, &wrong, "x").errcode(), 40013);
    let fault = json!({
        "path": "/sns/jscode2session", "times": 1, "effect": { "errcode": 40226 },
    });
    app.control("POST", "/faults", &fault);
    let blocked = exchange(&app, &program, "x");
    assert_eq!(blocked.errcode(), 40226);
    assert!(blocked.body.contains("code blocked, rid: "));
    let posted = app
        .call("POST", "/sns/jscode2session", Some("appid=wx1"))
        .unwrap();
    assert_eq!(posted.errcode(), 41002);
}

struct Visit<'a> {
    app: &'a App,
    account: &'a AccountView,
}

impl Visit<'_> {
    /// Walks through the authorize page and gives the code.
    fn code(&self, person: &PersonView, scope: &str, form: Option<&str>) -> String {
        let path = format!(
            "/connect/oauth2/authorize?appid={}&redirect_uri=http%3A%2F%2Fa.example%2Fback\
             &response_type=code&scope={scope}&state=s1&person={}",
            self.account.appid, person.person_id
        );
        let answer = match form {
            None => self.app.get(&path),
            Some(form) => self.app.call("POST", &path, Some(form)).unwrap(),
        };
        assert_eq!(answer.status, 302, "{answer:?}");
        let target = answer.header("location").unwrap();
        let rest = target.strip_prefix("http://a.example/back?code=").unwrap();
        rest.strip_suffix("&state=s1").unwrap().to_owned()
    }

    fn tokens(&self, code: &str) -> Value {
        self.app
            .get(&format!(
                "/sns/oauth2/access_token?appid={}&secret={}&code={code}&grant_type=authorization_code",
                self.account.appid, self.account.secret
            ))
            .json()
    }

    fn profile(&self, token: &Value, openid: &Value) -> Value {
        let (token, openid) = (token.as_str().unwrap(), openid.as_str().unwrap());
        self.app
            .get(&format!(
                "/sns/userinfo?access_token={token}&openid={openid}&lang=zh_CN"
            ))
            .json()
    }
}

#[test]
fn a_silent_authorisation_tells_the_openid_only() {
    let app = App::new();
    let account = bound(&app, AccountKind::OfficialAccount);
    let (person, openid) = app.follower(&account);
    let visit = Visit {
        app: &app,
        account: &account,
    };
    let code = visit.code(&person, "snsapi_base", None);
    let tokens = visit.tokens(&code);
    assert_eq!(
        (&tokens["openid"], &tokens["scope"], &tokens["expires_in"]),
        (&json!(openid), &json!("snsapi_base"), &json!(7200))
    );
    assert_eq!(tokens.get("unionid"), None);
    assert_eq!(visit.tokens(&code)["errcode"], 40163);
    assert_eq!(
        visit.profile(&tokens["access_token"], &tokens["openid"])["errcode"],
        48001
    );
    // A code of a page is no code of a login.
    let program = app.account(AccountKind::MiniProgram);
    let code = visit.code(&person, "snsapi_base", None);
    assert_eq!(exchange(&app, &program, &code).errcode(), 40029);
    app.sandbox.advance(Duration::from_secs(300)).unwrap();
    assert_eq!(visit.tokens(&code)["errcode"], 42003);
}

#[test]
fn a_profile_needs_consent_and_may_be_a_snapshot() {
    let app = App::new();
    let account = bound(&app, AccountKind::OfficialAccount);
    let (person, openid) = app.follower(&account);
    let visit = Visit {
        app: &app,
        account: &account,
    };
    let code = visit.code(&person, "snsapi_userinfo", Some("decision=allow"));
    let tokens = visit.tokens(&code);
    assert_eq!(tokens["unionid"], json!(person.unionid));
    let profile = visit.profile(&tokens["access_token"], &tokens["openid"]);
    assert_eq!(
        (&profile["nickname"], &profile["openid"], &profile["sex"]),
        (&json!("小明"), &json!(openid), &json!(0))
    );
    assert_eq!(
        visit.profile(&tokens["access_token"], &json!("oX"))["errcode"],
        40003
    );
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let renewed = app
        .get(&format!(
            "/sns/oauth2/refresh_token?appid={}&grant_type=refresh_token&refresh_token={refresh}",
            account.appid
        ))
        .json();
    assert_ne!(renewed["access_token"], tokens["access_token"]);
    assert_eq!(renewed["refresh_token"], tokens["refresh_token"]);
    let valid = |token: &Value| {
        let token = token.as_str().unwrap();
        app.get(&format!("/sns/auth?access_token={token}&openid={openid}"))
            .errcode()
    };
    assert_eq!(valid(&renewed["access_token"]), 0);
    app.sandbox.advance(Duration::from_secs(7200)).unwrap();
    assert_eq!(valid(&renewed["access_token"]), 42001);

    let code = visit.code(
        &person,
        "snsapi_userinfo",
        Some("decision=allow&snapshot=1"),
    );
    let tokens = visit.tokens(&code);
    assert_eq!(tokens["is_snapshotuser"], 1);
    assert_ne!(tokens["openid"], json!(openid));
    let profile = visit.profile(&tokens["access_token"], &tokens["openid"]);
    assert_eq!(profile["nickname"], "微信用户");
    assert_ne!(profile["unionid"], json!(person.unionid));
}
