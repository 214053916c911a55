//! The catalogue of WeChat's errcodes.

pub(crate) mod search;
pub(crate) mod show;

use hongyan_api::Errcode;
use hongyan_wechat::ErrInfo;

use crate::convert;

fn shown(info: &ErrInfo) -> Option<Errcode> {
    Some(Errcode {
        code: info.code.0,
        errmsg: info.errmsg.to_owned(),
        diagnosis: convert::diagnosis(info.code.0)?,
    })
}
