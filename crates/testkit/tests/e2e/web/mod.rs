//! People's browsers: over WeChat's pages and back, and the JS-SDK.

mod js;
mod login;
mod subscribe;

use hongyan_testkit::{Browser, Page, TestApp};

/// Over to WeChat's page as the person; what that page is called.
async fn leave(app: &TestApp, browser: &mut Browser, from: &str) -> String {
    let page = browser.get(from).await;
    assert_eq!(page.status, 302, "{}", page.body);
    let location = page.location.unwrap();
    assert!(location.starts_with(&app.sandbox_url), "{location}");
    location.replace(
        "#wechat_redirect",
        &format!("&person={}#wechat_redirect", app.person),
    )
}

fn refused(page: &Page, status: u16, words: &str) {
    assert_eq!(page.status, status, "{}", page.body);
    assert!(page.body.contains(words), "{}", page.body);
    assert_eq!(page.location, None, "nobody is sent anywhere");
}
