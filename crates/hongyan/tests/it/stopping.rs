//! The end of a gateway, in order.

use crate::support::{Running, address, get, hongyan};

#[test]
fn readiness_goes_first_then_the_gateway_with_code_0() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Running::start(
        hongyan()
            .arg("serve")
            .current_dir(dir.path())
            .env("HONGYAN_SERVER__LISTEN", "127.0.0.1:0")
            .env("HONGYAN_SERVER__UNREADY_S", "2"),
    );
    let address = address(&mut gateway);
    assert_eq!(get(&address, "/readyz", "").unwrap().0, 200);
    gateway.signal("TERM");
    // Until it stops listening, it says so and works on.
    let mut seen = None;
    while seen.is_none() {
        let (status, answer) = get(&address, "/readyz", "").expect("it still listens");
        if status != 200 {
            seen = Some((status, answer));
        }
    }
    let (status, answer) = seen.unwrap();
    assert_eq!(status, 503);
    assert!(answer.contains("about to stop"), "{answer}");
    assert_eq!(get(&address, "/healthz", "").unwrap().0, 200);
    assert_eq!(gateway.wait(), Some(0));
    assert_eq!(get(&address, "/healthz", ""), None);
}
