//! Sends one template message with nothing but this crate.
//!
//! ```text
//! WECHAT_APPID=wx… WECHAT_SECRET=… cargo run -p hongyan-wechat --example send_template -- OPENID TEMPLATE_ID thing1=Parcel
//! ```
//! `WECHAT_API_BASE` points it at an emulator.

use std::{env, error::Error};

use hongyan_wechat::{
    AppId, AppSecret, BaseUrl, Bases, CallError, Client, HyperSettings, HyperTransport, OpenId,
    TemplateId,
    api::{keywords::Keywords, template::SendTemplateMessage, token::StableToken},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let appid = AppId::parse(env::var("WECHAT_APPID")?)?;
    let secret = AppSecret::new(env::var("WECHAT_SECRET")?);
    let bases = match env::var("WECHAT_API_BASE") {
        Ok(base) => Bases::all_at(&BaseUrl::parse(&base)?),
        Err(_) => Bases::default(),
    };
    let mut arguments = env::args().skip(1);
    let (Some(openid), Some(template_id)) = (arguments.next(), arguments.next()) else {
        return Err("usage: send_template OPENID TEMPLATE_ID [KEYWORD=VALUE]...".into());
    };
    let values: Vec<String> = arguments.collect();

    let client = Client::new(HyperTransport::new(HyperSettings::default())?, bases);
    let stable = StableToken {
        appid: &appid,
        secret: &secret,
        force_refresh: false,
    };
    let token = client.call(None, &stable).await?.access_token;

    let message = SendTemplateMessage {
        touser: &OpenId::parse(openid)?,
        template_id: &TemplateId::parse(template_id)?,
        url: None,
        miniprogram: None,
        data: values
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .collect::<Keywords<'_>>(),
        client_msg_id: None,
    };
    match client.call(Some(&token), &message).await {
        Ok(sent) => eprintln!("accepted by WeChat as message {}", sent.msgid),
        Err(CallError::Refused(refusal)) => {
            let fix = refusal
                .errcode
                .info()
                .map_or("not in the catalogue", |info| info.fix_en);
            return Err(format!("{refusal}: {fix}").into());
        }
        Err(error) if error.is_uncertain() => {
            return Err(format!("it may or may not have been sent: {error}").into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
