//! The API's routes and, made of the same declarations, its description.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, OpenApi as Document, PathItem, Ref, RefOr, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Gateway;
use crate::v1::{
    accounts, blacklist, broadcasts, callbacks, console, contacts, errcodes, grants, keys, live,
    media, menu, messages, qrcodes, quota, reply_rules, stats, tags, templates, users, web,
    webhooks,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hongyan",
        description = "Sends messages to people inside WeChat and tells the truth about them.\n\n\
            Refusals are `application/problem+json`; their codes are explained at `/docs/errors`. \
            Unknown fields and parameters are refused by name. Times are RFC 3339. \
            `POST`s that create take an `Idempotency-Key`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "messages", description = "Send, search, take back"),
        (name = "broadcasts", description = "One thing told to many people"),
        (name = "accounts", description = "Official accounts and mini programs"),
        (name = "templates", description = "An account's templates as WeChat lists them"),
        (name = "people", description = "Who they are, what they allowed, how to reach them"),
        (name = "menus", description = "The menu below an official account's chat"),
        (name = "qrcodes", description = "Codes people scan, and who came by them"),
        (name = "media", description = "Files shown in messages"),
        (name = "callbacks", description = "What WeChat told us and what is answered"),
        (name = "webhooks", description = "Your programs are told what happens"),
        (name = "keys", description = "API keys"),
        (name = "stats", description = "What happens, now and over time"),
        (name = "console", description = "Who uses the console, and their sessions"),
        (name = "errcodes", description = "What WeChat's errcodes mean"),
    ),
    components(schemas(hongyan_api::Problem)),
)]
struct Description;

/// The routes of `/v1`, each with its description.
pub(crate) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(messages::create::create, messages::search::search))
        .routes(routes!(messages::batch::batch))
        .routes(routes!(messages::validate::validate))
        .routes(routes!(messages::show::show))
        .routes(routes!(messages::cancel::cancel))
        .routes(routes!(messages::retry::retry))
        .routes(routes!(broadcasts::list::list, broadcasts::create::create))
        .routes(routes!(broadcasts::preview::preview))
        .routes(routes!(broadcasts::show::show))
        .routes(routes!(broadcasts::upload::upload))
        .routes(routes!(broadcasts::steer::complete))
        .routes(routes!(broadcasts::steer::start))
        .routes(routes!(broadcasts::steer::pause))
        .routes(routes!(broadcasts::steer::resume))
        .routes(routes!(broadcasts::steer::cancel))
        .routes(routes!(broadcasts::skipped::skipped))
        .routes(routes!(broadcasts::report::report))
        .routes(routes!(messages::typing::typing))
        .routes(routes!(accounts::list::list, accounts::create::create))
        .routes(routes!(
            accounts::show::show,
            accounts::change::change,
            accounts::remove::remove
        ))
        .routes(routes!(accounts::check::check))
        .routes(routes!(accounts::access_token::access_token))
        .routes(routes!(quota::show::show))
        .routes(routes!(quota::sync::sync))
        .routes(routes!(quota::clear::clear))
        .routes(routes!(stats::show::show))
        .routes(routes!(templates::list::list, templates::add::add))
        .routes(routes!(templates::changes::changes))
        .routes(routes!(templates::categories::categories))
        .routes(routes!(templates::library::library))
        .routes(routes!(templates::keywords::keywords))
        .routes(routes!(templates::show::show, templates::remove::remove))
        .routes(routes!(
            templates::field_names::show,
            templates::field_names::set,
            templates::field_names::remove
        ))
        .routes(routes!(templates::senders::senders))
        .routes(routes!(templates::sync::sync))
        .routes(routes!(contacts::list::list))
        .routes(routes!(
            contacts::show::show,
            contacts::change::change,
            contacts::forget::forget
        ))
        .routes(routes!(
            contacts::sync_state::sync_state,
            contacts::sync::sync
        ))
        .routes(routes!(tags::list::list, tags::create::create))
        .routes(routes!(tags::rename::rename, tags::remove::remove))
        .routes(routes!(
            tags::members::members,
            tags::tag_people::tag_people
        ))
        .routes(routes!(blacklist::list::list, blacklist::change::change))
        .routes(routes!(
            menu::show::show,
            menu::apply::apply,
            menu::remove::remove
        ))
        .routes(routes!(menu::plan::plan))
        .routes(routes!(menu::versions::versions))
        .routes(routes!(menu::version::version))
        .routes(routes!(menu::roll_back::roll_back))
        .routes(routes!(menu::match_one::match_one))
        .routes(routes!(qrcodes::list::list, qrcodes::create::create))
        .routes(routes!(qrcodes::forget::forget))
        .routes(routes!(media::list::list, media::upload::upload))
        .routes(routes!(media::show::show, media::remove::remove))
        .routes(routes!(web::login::login))
        .routes(routes!(web::sign_page::sign_page))
        .routes(routes!(web::oauth_ticket::oauth_ticket))
        .routes(routes!(grants::list::list, grants::report::report))
        .routes(routes!(grants::reach::reach))
        .routes(routes!(users::list::list))
        .routes(routes!(
            users::show::show,
            users::bind::bind,
            users::remove::remove
        ))
        .routes(routes!(
            reply_rules::show::show,
            reply_rules::replace::replace
        ))
        .routes(routes!(reply_rules::attempt::attempt))
        .routes(routes!(callbacks::list::list))
        .routes(routes!(callbacks::show::show))
        .routes(routes!(callbacks::replay::replay))
        .routes(routes!(webhooks::list::list, webhooks::create::create))
        .routes(routes!(
            webhooks::show::show,
            webhooks::change::change,
            webhooks::remove::remove
        ))
        .routes(routes!(webhooks::rotate::rotate))
        .routes(routes!(webhooks::ping::ping))
        .routes(routes!(webhooks::retry::retry))
        .routes(routes!(webhooks::deliveries::list))
        .routes(routes!(webhooks::deliveries::show))
        .routes(routes!(webhooks::deliveries::retry))
        .routes(routes!(keys::list::list, keys::create::create))
        .routes(routes!(keys::remove::remove))
        .routes(routes!(live::history::history))
        .routes(routes!(live::events::events))
        .routes(routes!(console::session::state))
        .routes(routes!(console::session::set_up))
        .routes(routes!(
            console::session::show,
            console::session::sign_in,
            console::session::sign_out
        ))
        .routes(routes!(console::session::change_password))
        .routes(routes!(
            console::operators::list,
            console::operators::create
        ))
        .routes(routes!(
            console::operators::change,
            console::operators::remove
        ))
        .routes(routes!(errcodes::search::search))
        .routes(routes!(errcodes::show::show))
}

/// The description of the API, OpenAPI 3.1, as JSON; `docs/openapi.json` is this
/// text.
///
/// # Panics
/// Never: the description is made of texts alone.
#[must_use]
pub fn openapi_json() -> String {
    let (_, mut document) = routes().split_for_parts();
    complete(&mut document);
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// What all operations share: how callers prove themselves, and how they are
/// refused.
fn complete(document: &mut Document) {
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "api_key",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "An API key. `hongyan keys create` makes the first; the scope that an operation needs is named with it.",
                ))
                .build(),
        ),
    );
    components.responses.insert(
        "Problem".to_owned(),
        RefOr::T(
            ResponseBuilder::new()
                .description("Why it was not done; see /docs/errors.")
                .content(
                    "application/problem+json",
                    ContentBuilder::new()
                        .schema(Some(Ref::from_schema_name("Problem")))
                        .build(),
                )
                .build(),
        ),
    );
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            operation.responses.responses.insert(
                "default".to_owned(),
                RefOr::Ref(Ref::from_response_name("Problem")),
            );
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.patch,
        &mut item.put,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}
