use http::Method;

use crate::{Call, Done};

/// Removes the default menu and all conditional ones ("删除接口"). A GET, as WeChat has it.
#[derive(Debug, Clone, Copy)]
pub struct DeleteMenu;

impl Call for DeleteMenu {
    type Reply = Done;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/menu/delete";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::exchange;

    #[test]
    fn is_a_get() {
        let (wire, reply) = exchange(&DeleteMenu, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(wire.target, "/cgi-bin/menu/delete?access_token=TOKEN");
        reply.unwrap();
    }
}
