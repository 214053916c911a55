//! What is managed at WeChat: followers, tags, the blacklist, menus, codes, files.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::{ApiError, Client, account_path, answered, call, segment};
use crate::{
    AppliedMenu, ChangeContact, ContactCard, FollowerSync, List, LiveMenu, MatchMenu, MatchedMenu,
    Media, MediaQuery, Menu, MenuNote, MenuPlan, MenuVersion, NewQrCode, NewTag, PageQuery, People,
    PeopleChanged, QrCode, RollBackMenu, ShowTyping, Tag,
};

impl Client {
    /// `POST /v1/accounts/{account}/contacts/sync`.
    pub async fn sync_contacts(&self, account: &str) -> Result<FollowerSync, ApiError> {
        call(self.post(&account_path(account, "/contacts/sync"), None)).await
    }

    /// `GET /v1/accounts/{account}/contacts/sync`.
    pub async fn contact_sync(&self, account: &str) -> Result<FollowerSync, ApiError> {
        call(self.get(&account_path(account, "/contacts/sync"))).await
    }

    /// `PATCH /v1/accounts/{account}/contacts/{openid}`.
    pub async fn change_contact(
        &self,
        account: &str,
        openid: &str,
        change: &ChangeContact,
    ) -> Result<ContactCard, ApiError> {
        let path = account_path(account, &format!("/contacts/{}", segment(openid)));
        call(self.request(Method::PATCH, &path).json(change)).await
    }

    /// `GET /v1/accounts/{account}/tags`.
    pub async fn tags(&self, account: &str) -> Result<List<Tag>, ApiError> {
        call(self.get(&account_path(account, "/tags"))).await
    }

    /// `POST /v1/accounts/{account}/tags`.
    pub async fn add_tag(
        &self,
        account: &str,
        tag: &NewTag,
        idempotency_key: Option<&str>,
    ) -> Result<Tag, ApiError> {
        let request = self.post(&account_path(account, "/tags"), idempotency_key);
        call(request.json(tag)).await
    }

    /// `PATCH /v1/accounts/{account}/tags/{id}`.
    pub async fn rename_tag(&self, account: &str, id: i64, tag: &NewTag) -> Result<(), ApiError> {
        let path = account_path(account, &format!("/tags/{id}"));
        answered(self.request(Method::PATCH, &path).json(tag))
            .await
            .map(drop)
    }

    /// `DELETE /v1/accounts/{account}/tags/{id}`.
    pub async fn remove_tag(&self, account: &str, id: i64) -> Result<(), ApiError> {
        let path = account_path(account, &format!("/tags/{id}"));
        answered(self.request(Method::DELETE, &path))
            .await
            .map(drop)
    }

    /// `GET /v1/accounts/{account}/tags/{id}/members`.
    pub async fn tagged(
        &self,
        account: &str,
        id: i64,
        page: &PageQuery,
    ) -> Result<List<String>, ApiError> {
        let path = account_path(account, &format!("/tags/{id}/members"));
        call(self.get(&path).query(page)).await
    }

    /// `POST /v1/accounts/{account}/tags/{id}/members`.
    pub async fn tag_people(
        &self,
        account: &str,
        id: i64,
        people: &People,
    ) -> Result<PeopleChanged, ApiError> {
        let path = account_path(account, &format!("/tags/{id}/members"));
        call(self.post(&path, None).json(people)).await
    }

    /// `GET /v1/accounts/{account}/blacklist`.
    pub async fn blacklist(
        &self,
        account: &str,
        page: &PageQuery,
    ) -> Result<List<String>, ApiError> {
        call(self.get(&account_path(account, "/blacklist")).query(page)).await
    }

    /// `POST /v1/accounts/{account}/blacklist`.
    pub async fn change_blacklist(
        &self,
        account: &str,
        people: &People,
    ) -> Result<PeopleChanged, ApiError> {
        let request = self.post(&account_path(account, "/blacklist"), None);
        call(request.json(people)).await
    }

    /// `GET /v1/accounts/{account}/menu`.
    pub async fn menu(&self, account: &str) -> Result<LiveMenu, ApiError> {
        call(self.get(&account_path(account, "/menu"))).await
    }

    /// `PUT /v1/accounts/{account}/menu`.
    pub async fn apply_menu(
        &self,
        account: &str,
        menu: &Menu,
        note: &MenuNote,
    ) -> Result<AppliedMenu, ApiError> {
        let request = self.request(Method::PUT, &account_path(account, "/menu"));
        call(request.query(note).json(menu)).await
    }

    /// `DELETE /v1/accounts/{account}/menu`.
    pub async fn remove_menu(
        &self,
        account: &str,
        note: &MenuNote,
    ) -> Result<MenuVersion, ApiError> {
        let request = self.request(Method::DELETE, &account_path(account, "/menu"));
        call(request.query(note)).await
    }

    /// `POST /v1/accounts/{account}/menu/plan`.
    pub async fn plan_menu(&self, account: &str, menu: &Menu) -> Result<MenuPlan, ApiError> {
        let request = self.post(&account_path(account, "/menu/plan"), None);
        call(request.json(menu)).await
    }

    /// `GET /v1/accounts/{account}/menu/versions`, the newest first.
    pub async fn menu_versions(
        &self,
        account: &str,
        page: &PageQuery,
    ) -> Result<List<MenuVersion>, ApiError> {
        let request = self.get(&account_path(account, "/menu/versions"));
        call(request.query(page)).await
    }

    /// `GET /v1/accounts/{account}/menu/versions/{version}`.
    pub async fn menu_version(&self, account: &str, version: u32) -> Result<MenuVersion, ApiError> {
        let path = account_path(account, &format!("/menu/versions/{version}"));
        call(self.get(&path)).await
    }

    /// `POST /v1/accounts/{account}/menu/rollback`.
    pub async fn roll_back_menu(
        &self,
        account: &str,
        back_to: &RollBackMenu,
    ) -> Result<AppliedMenu, ApiError> {
        let request = self.post(&account_path(account, "/menu/rollback"), None);
        call(request.json(back_to)).await
    }

    /// `POST /v1/accounts/{account}/menu/match`.
    pub async fn match_menu(
        &self,
        account: &str,
        who: &MatchMenu,
    ) -> Result<MatchedMenu, ApiError> {
        let request = self.post(&account_path(account, "/menu/match"), None);
        call(request.json(who)).await
    }

    /// `POST /v1/accounts/{account}/qrcodes`.
    pub async fn make_qrcode(
        &self,
        account: &str,
        code: &NewQrCode,
        idempotency_key: Option<&str>,
    ) -> Result<QrCode, ApiError> {
        let request = self.post(&account_path(account, "/qrcodes"), idempotency_key);
        call(request.json(code)).await
    }

    /// `GET /v1/accounts/{account}/qrcodes`, by scene.
    pub async fn qrcodes(&self, account: &str, page: &PageQuery) -> Result<List<QrCode>, ApiError> {
        call(self.get(&account_path(account, "/qrcodes")).query(page)).await
    }

    /// `DELETE /v1/accounts/{account}/qrcodes/{scene}`.
    pub async fn forget_qrcode(&self, account: &str, scene: &str) -> Result<(), ApiError> {
        let path = account_path(account, &format!("/qrcodes/{}", segment(scene)));
        answered(self.request(Method::DELETE, &path))
            .await
            .map(drop)
    }

    /// `POST /v1/accounts/{account}/media` with the file as the body.
    pub async fn upload_media(
        &self,
        account: &str,
        file: Vec<u8>,
        query: &MediaQuery,
    ) -> Result<Media, ApiError> {
        let request = self.post(&account_path(account, "/media"), None);
        call(
            request
                .query(query)
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(file),
        )
        .await
    }

    /// `GET /v1/accounts/{account}/media`, the newest first.
    pub async fn medias(&self, account: &str, page: &PageQuery) -> Result<List<Media>, ApiError> {
        call(self.get(&account_path(account, "/media")).query(page)).await
    }

    /// `GET /v1/accounts/{account}/media/{id}`.
    pub async fn media(&self, account: &str, id: &str) -> Result<Media, ApiError> {
        let path = account_path(account, &format!("/media/{}", segment(id)));
        call(self.get(&path)).await
    }

    /// `DELETE /v1/accounts/{account}/media/{id}`.
    pub async fn remove_media(&self, account: &str, id: &str) -> Result<(), ApiError> {
        let path = account_path(account, &format!("/media/{}", segment(id)));
        answered(self.request(Method::DELETE, &path))
            .await
            .map(drop)
    }

    /// `POST /v1/accounts/{account}/typing`.
    pub async fn show_typing(&self, account: &str, typing: &ShowTyping) -> Result<(), ApiError> {
        let request = self.post(&account_path(account, "/typing"), None);
        answered(request.json(typing)).await.map(drop)
    }
}
