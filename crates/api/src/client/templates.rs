//! Templates: listed, changed, taken from the library.

use reqwest::Method;

use super::{ApiError, Client, account_path, answered, call, segment};
use crate::{
    AddedTemplate, FieldNames, LibraryKeyword, LibraryQuery, LibraryTitles, List, NewTemplate,
    PageQuery, SyncReport, Template, TemplateCategory, TemplateChange, TemplateSender,
};

impl Client {
    /// `GET /v1/accounts/{account}/templates`, by title.
    pub async fn templates(
        &self,
        account: &str,
        page: &PageQuery,
    ) -> Result<List<Template>, ApiError> {
        call(self.get(&account_path(account, "/templates")).query(page)).await
    }

    /// `GET /v1/accounts/{account}/templates/{id}`.
    pub async fn template(&self, account: &str, id: &str) -> Result<Template, ApiError> {
        call(self.get(&template_path(account, id, ""))).await
    }

    /// `POST /v1/accounts/{account}/templates/sync`.
    pub async fn sync_templates(&self, account: &str) -> Result<SyncReport, ApiError> {
        call(self.post(&account_path(account, "/templates/sync"), None)).await
    }

    /// `GET /v1/accounts/{account}/templates/changes`, the newest first.
    pub async fn template_changes(
        &self,
        account: &str,
        page: &PageQuery,
    ) -> Result<List<TemplateChange>, ApiError> {
        call(
            self.get(&account_path(account, "/templates/changes"))
                .query(page),
        )
        .await
    }

    /// `GET /v1/accounts/{account}/templates/{id}/senders`.
    pub async fn template_senders(
        &self,
        account: &str,
        id: &str,
    ) -> Result<List<TemplateSender>, ApiError> {
        call(self.get(&template_path(account, id, "/senders"))).await
    }

    /// `GET /v1/accounts/{account}/templates/categories`.
    pub async fn template_categories(
        &self,
        account: &str,
    ) -> Result<List<TemplateCategory>, ApiError> {
        call(self.get(&account_path(account, "/templates/categories"))).await
    }

    /// `GET /v1/accounts/{account}/templates/library`.
    pub async fn template_library(
        &self,
        account: &str,
        wanted: &LibraryQuery,
    ) -> Result<LibraryTitles, ApiError> {
        call(
            self.get(&account_path(account, "/templates/library"))
                .query(wanted),
        )
        .await
    }

    /// `GET /v1/accounts/{account}/templates/library/{tid}`.
    pub async fn library_keywords(
        &self,
        account: &str,
        tid: &str,
    ) -> Result<List<LibraryKeyword>, ApiError> {
        let path = format!("/templates/library/{}", segment(tid));
        call(self.get(&account_path(account, &path))).await
    }

    /// `POST /v1/accounts/{account}/templates`.
    pub async fn add_template(
        &self,
        account: &str,
        template: &NewTemplate,
        idempotency_key: Option<&str>,
    ) -> Result<AddedTemplate, ApiError> {
        let request = self.post(&account_path(account, "/templates"), idempotency_key);
        call(request.json(template)).await
    }

    /// `DELETE /v1/accounts/{account}/templates/{id}`.
    pub async fn remove_template(&self, account: &str, id: &str) -> Result<(), ApiError> {
        let request = self.request(Method::DELETE, &template_path(account, id, ""));
        answered(request).await.map(drop)
    }

    /// `GET /v1/accounts/{account}/templates/{id}/field-names`.
    pub async fn field_names(&self, account: &str, id: &str) -> Result<FieldNames, ApiError> {
        call(self.get(&template_path(account, id, "/field-names"))).await
    }

    /// `PUT /v1/accounts/{account}/templates/{id}/field-names`.
    pub async fn set_field_names(
        &self,
        account: &str,
        id: &str,
        names: &FieldNames,
    ) -> Result<FieldNames, ApiError> {
        let path = template_path(account, id, "/field-names");
        call(self.request(Method::PUT, &path).json(names)).await
    }

    /// `DELETE /v1/accounts/{account}/templates/{id}/field-names`.
    pub async fn remove_field_names(&self, account: &str, id: &str) -> Result<(), ApiError> {
        let path = template_path(account, id, "/field-names");
        answered(self.request(Method::DELETE, &path))
            .await
            .map(drop)
    }
}

fn template_path(account: &str, id: &str, rest: &str) -> String {
    account_path(account, &format!("/templates/{}{rest}", segment(id)))
}
