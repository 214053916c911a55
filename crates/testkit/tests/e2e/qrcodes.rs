//! Codes with a scene, and what their scans are counted as.

use hongyan_api::{NewQrCode, PageQuery, QrCode};
use hongyan_sandbox::Action;
use hongyan_testkit::{TestApp, http};

fn code(scene: &str) -> NewQrCode {
    NewQrCode {
        scene: scene.to_owned(),
        ..NewQrCode::default()
    }
}

async fn list(app: &TestApp) -> Vec<QrCode> {
    let page = PageQuery::default();
    app.client.qrcodes("oa", &page).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_and_follows_are_counted_by_scene() {
    let app = TestApp::calling_back().await;
    let new = NewQrCode {
        name: Some("门店 12".to_owned()),
        ..code("shop-12")
    };
    let made = app
        .client
        .make_qrcode("oa", &new, Some("once"))
        .await
        .unwrap();
    let again = app
        .client
        .make_qrcode("oa", &new, Some("once"))
        .await
        .unwrap();
    assert_eq!(made, again);
    assert_eq!(app.calls("/cgi-bin/qrcode/create"), 1);
    let picture = http().get(&made.picture_url).send().await.unwrap();
    assert_eq!(picture.status(), 200);
    let forever = NewQrCode {
        permanent: true,
        ..code("12345")
    };
    let forever = app.client.make_qrcode("oa", &forever, None).await.unwrap();
    assert_eq!(forever.expires_at, None);

    let scan = |code: &QrCode| Action::ScanTicket {
        ticket: code.ticket.clone(),
    };
    app.perform("oa", scan(&made)).await;
    app.perform("oa", Action::Unfollow).await;
    app.perform("oa", scan(&made)).await;
    app.perform("oa", scan(&forever)).await;
    app.settle().await;
    let counts: Vec<_> = list(&app)
        .await
        .into_iter()
        .map(|code| (code.scene, code.scans, code.follows))
        .collect();
    assert_eq!(
        counts,
        [("12345".to_owned(), 1, 0), ("shop-12".to_owned(), 2, 1),]
    );

    // A new code for the same scene goes on with its counts.
    let renewed = app.client.make_qrcode("oa", &new, None).await.unwrap();
    assert_eq!((renewed.scans, renewed.follows), (2, 1));
    assert_ne!(renewed.ticket, made.ticket);
    app.client.forget_qrcode("oa", "shop-12").await.unwrap();
    assert_eq!(list(&app).await.len(), 1);
    let gone = app.client.forget_qrcode("oa", "shop-12").await;
    assert_eq!(gone.unwrap_err().status, Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_code_can_be_is_refused() {
    let app = TestApp::start().await;
    let both = NewQrCode {
        permanent: true,
        expires_in_seconds: Some(60),
        ..code("a")
    };
    let short = NewQrCode {
        expires_in_seconds: Some(5),
        ..code("a")
    };
    for (wanted, place) in [
        (code(""), "/scene"),
        (both, "/expires_in_seconds"),
        (short, "/expires_in_seconds"),
    ] {
        let refused = app.client.make_qrcode("oa", &wanted, None).await;
        let problem = refused.unwrap_err().problem.unwrap();
        assert_eq!(problem.violations[0].pointer, place);
    }
    assert_eq!(app.calls("/cgi-bin/qrcode/create"), 0);
    let wrong = app.client.make_qrcode("mp", &code("a"), None).await;
    assert_eq!(wrong.unwrap_err().code(), Some("wrong_kind"));
}
