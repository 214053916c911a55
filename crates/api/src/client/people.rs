//! People: contacts, logins, the caller's own ids, consents, reach.

use reqwest::Method;

use super::{ApiError, Client, account_path, answered, call, segment};
use crate::{
    AccountReach, BindUser, ConsentReport, Contact, ContactCard, ContactFilter, Grant, JsSignature,
    List, Login, NewLogin, PageQuery, ReachQuery, RedeemTicket, ReportConsents, SignPage,
    TicketHolder, User,
};

impl Client {
    /// `GET /v1/accounts/{account}/contacts`, by openid.
    pub async fn contacts(
        &self,
        account: &str,
        filter: &ContactFilter,
        page: &PageQuery,
    ) -> Result<List<Contact>, ApiError> {
        let request = self.get(&account_path(account, "/contacts"));
        call(request.query(filter).query(page)).await
    }

    /// `GET /v1/accounts/{account}/contacts/{openid}`.
    pub async fn contact(&self, account: &str, openid: &str) -> Result<ContactCard, ApiError> {
        call(self.get(&contact_path(account, openid))).await
    }

    /// `DELETE /v1/accounts/{account}/contacts/{openid}`.
    pub async fn forget_contact(&self, account: &str, openid: &str) -> Result<(), ApiError> {
        answered(self.request(Method::DELETE, &contact_path(account, openid)))
            .await
            .map(drop)
    }

    /// `POST /v1/accounts/{account}/login`.
    pub async fn login(&self, account: &str, login: &NewLogin) -> Result<Login, ApiError> {
        call(
            self.post(&account_path(account, "/login"), None)
                .json(login),
        )
        .await
    }

    /// `GET /v1/users`, by id.
    pub async fn users(&self, page: &PageQuery) -> Result<List<User>, ApiError> {
        call(self.get("/v1/users").query(page)).await
    }

    /// `GET /v1/users/{id}`.
    pub async fn user(&self, id: &str) -> Result<User, ApiError> {
        call(self.get(&user_path(id))).await
    }

    /// `PUT /v1/users/{id}`.
    pub async fn bind_user(&self, id: &str, binding: &BindUser) -> Result<User, ApiError> {
        call(self.request(Method::PUT, &user_path(id)).json(binding)).await
    }

    /// `DELETE /v1/users/{id}`.
    pub async fn remove_user(&self, id: &str) -> Result<(), ApiError> {
        answered(self.request(Method::DELETE, &user_path(id)))
            .await
            .map(drop)
    }

    /// `GET /v1/accounts/{account}/grants`.
    pub async fn grants(&self, account: &str, openid: &str) -> Result<List<Grant>, ApiError> {
        let request = self.get(&account_path(account, "/grants"));
        call(request.query(&[("openid", openid)])).await
    }

    /// `POST /v1/accounts/{account}/grants`.
    pub async fn report_consents(
        &self,
        account: &str,
        report: &ReportConsents,
        idempotency_key: Option<&str>,
    ) -> Result<ConsentReport, ApiError> {
        let request = self.post(&account_path(account, "/grants"), idempotency_key);
        call(request.json(report)).await
    }

    /// `GET /v1/reach`.
    pub async fn reach(&self, who: &ReachQuery) -> Result<List<AccountReach>, ApiError> {
        call(self.get("/v1/reach").query(who)).await
    }

    /// `POST /v1/accounts/{account}/jssdk-signature`.
    pub async fn sign_page(&self, account: &str, page: &SignPage) -> Result<JsSignature, ApiError> {
        let request = self.post(&account_path(account, "/jssdk-signature"), None);
        call(request.json(page)).await
    }

    /// `POST /v1/accounts/{account}/oauth-ticket`.
    pub async fn redeem_ticket(
        &self,
        account: &str,
        ticket: &RedeemTicket,
        idempotency_key: Option<&str>,
    ) -> Result<TicketHolder, ApiError> {
        let request = self.post(&account_path(account, "/oauth-ticket"), idempotency_key);
        call(request.json(ticket)).await
    }
}

fn contact_path(account: &str, openid: &str) -> String {
    account_path(account, &format!("/contacts/{}", segment(openid)))
}

fn user_path(id: &str) -> String {
    format!("/v1/users/{}", segment(id))
}
