use http::Method;
use serde::Deserialize;

use crate::{Call, lenient};

/// The account's service categories (newtmpl/getcategory).
#[derive(Debug, Clone, Copy)]
pub struct GetCategories;

/// The account's service categories.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Categories {
    /// In WeChat's order.
    #[serde(default)]
    pub data: Vec<Category>,
}

/// A service category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Category {
    /// Its number, for [`GetLibraryTitles`](super::GetLibraryTitles).
    #[serde(deserialize_with = "lenient::number")]
    pub id: u32,
    /// Its name.
    pub name: String,
}

impl Call for GetCategories {
    type Reply = Categories;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/wxaapi/newtmpl/getcategory";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn reads_the_categories() {
        let reply = r#"{"errcode":0,"errmsg":"ok","data":[{"id":616,"name":"公交"}]}"#;
        let (wire, reply) = exchange(&GetCategories, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/wxaapi/newtmpl/getcategory?access_token=TOKEN"
        );
        assert_eq!(
            reply.unwrap().data,
            [Category {
                id: 616,
                name: "公交".to_owned()
            }]
        );
    }

    #[test]
    fn reports_the_wrong_kind_of_account() {
        assert_eq!(
            refusal(&GetCategories, r#"{"errcode":200100,"errmsg":"no"}"#),
            200100
        );
    }
}
