//! Pages of tickets: lists, the open ticket, what is done there, search, news, customers.

mod addresses;
mod bulk;
mod change;
mod compose;
mod composer;
mod customers;
mod entries;
mod face;
mod facts;
mod head;
mod list;
mod live;
mod moves;
mod new_ticket;
mod news;
mod panel;
mod reference;
mod replies;
mod row;
mod search;
mod seen;
mod settings;
mod shape;
mod sheets;
mod their_draft;
mod ticket;
mod times;
mod uploads;

use accounts::{Access, Act, Route, Routes, SettingsPage};
use axum::Router;

pub use uploads::send as send_file;

use crate::desk::Desk;

/// What stands in the sidebar and in the list of settings.
pub const SETTINGS_PAGES: &[SettingsPage] = &[
    page("nav-workspace", "/customers", "users", "customers-title", Act::ReadTickets),
    page("nav-workspace", "/notifications", "bell", "news-title", Act::ReadTickets),
    page("nav-workspace", "/problems", "layers", "problems-title", Act::ReadTickets),
    page("nav-workspace", "/settings", "settings", "frame-settings", Act::ManageSelf),
    page("settings-group-work", "/settings/views", "list-filter", "views-title", Act::ReadTickets),
    page("settings-group-work", "/settings/replies", "zap", "replies-title", Act::WriteToCustomers),
    page("settings-group-work", "/settings/tags", "tag", "tags-title", Act::ManageTaxonomy),
    page(
        "settings-group-work",
        "/settings/categories",
        "layers",
        "categories-title",
        Act::ManageTaxonomy,
    ),
    page("settings-group-work", "/settings/fields", "pencil", "fields-title", Act::ManageTaxonomy),
];

const fn page(
    group: &'static str,
    href: &'static str,
    icon: &'static str,
    label: &'static str,
    act: Act,
) -> SettingsPage {
    SettingsPage { group, href, icon, label, act }
}

pub fn routes(desk: &Desk) -> (Router, Vec<Route>) {
    let read = Access::May(Act::ReadTickets);
    let note = Access::May(Act::WriteNotes);
    let change = Access::May(Act::ChangeTickets);
    let write = Access::May(Act::WriteToCustomers);
    let know = Access::May(Act::ChangeCustomers);
    let taxonomy = Access::May(Act::ManageTaxonomy);
    of_a_new_ticket(Routes::new(&desk.accounts))
        .get("/inbox", read, list::home)
        .get("/inbox/counts", read, list::counts)
        .get("/inbox/{view}", read, list::index)
        .get("/inbox/{view}/rows", read, moves::rows)
        .get("/t/{reference}", read, ticket::show)
        .get("/t/{reference}/entries", read, ticket::entries)
        // What may be written there depends on the mode and is asked again.
        .post("/t/{reference}/messages", note, compose::create)
        .put("/t/{reference}/draft", note, compose::draft)
        .post("/t/{reference}/files", note, uploads::create)
        .delete("/t/{reference}/files/{file}", note, uploads::delete)
        .get("/t/{reference}/saved-replies", write, replies::lookup)
        .post("/t/{reference}/saved-replies/{reply}", write, replies::used)
        .post("/t/{reference}/presence", read, live::presence)
        .get("/t/{reference}/drafts/{agent}", read, their_draft::show)
        .post("/t/{reference}/change", change, change::change)
        .post("/t/{reference}/details", change, change::details)
        .post("/t/{reference}/problem", change, change::problem)
        .post("/t/{reference}/following", note, change::following)
        .post("/t/{reference}/merge", change, shape::merge)
        .post("/t/{reference}/split", change, shape::split)
        .post("/t/{reference}/links", change, shape::link)
        .post("/t/{reference}/people", change, shape::people)
        .get("/t/{reference}/ask/{sheet}", change, sheets::show)
        .get("/t/{reference}/m/{message}/redact", Access::May(Act::Redact), sheets::redact)
        .post("/t/{reference}/m/{message}/redact", Access::May(Act::Redact), shape::redact)
        // What one has to be allowed depends on what is done and is asked again.
        .post("/t/{reference}/m/{message}/{what}", change, shape::on_message)
        .post("/undo/{id}", note, change::undo)
        .post("/tickets/bulk", change, bulk::change)
        .get("/files/{id}", read, uploads::show)
        .get("/live", read, live::stream)
        .get("/search", read, search::index)
        .get("/palette", read, search::palette)
        .get("/notifications", read, news::index)
        .post("/notifications/read", read, news::read_all)
        .get("/customers", read, customers::index)
        .get("/customers/{id}", read, customers::show)
        .post("/customers/{id}", know, customers::change)
        .post("/customers/{id}/merge", know, customers::merge)
        .get("/problems", read, settings::problems::index)
        .post("/problems", taxonomy, settings::problems::create)
        .post("/problems/{id}", taxonomy, settings::problems::update)
        .get("/settings/views", read, settings::views::index)
        .post("/settings/views", read, settings::views::create)
        .post("/settings/views/{id}", read, settings::views::update)
        .post("/settings/views/{id}/delete", read, settings::views::delete)
        .get("/settings/replies", write, settings::replies::index)
        .post("/settings/replies", write, settings::replies::create)
        .post("/settings/replies/{id}", write, settings::replies::update)
        .post("/settings/replies/{id}/delete", write, settings::replies::delete)
        .get("/settings/tags", taxonomy, settings::tags::index)
        .post("/settings/tags/{id}", taxonomy, settings::tags::update)
        .post("/settings/tags/{id}/delete", taxonomy, settings::tags::delete)
        .get("/settings/categories", taxonomy, settings::categories::index)
        .post("/settings/categories", taxonomy, settings::categories::create)
        .post("/settings/categories/{id}", taxonomy, settings::categories::update)
        .get("/settings/fields", taxonomy, settings::fields::index)
        .post("/settings/fields", taxonomy, settings::fields::create)
        .post("/settings/fields/{id}", taxonomy, settings::fields::update)
        .with_state(desk.clone())
}

/// The page where we write first.
fn of_a_new_ticket(routes: Routes<Desk>) -> Routes<Desk> {
    let write = Access::May(Act::WriteToCustomers);
    routes
        .get("/t/new", write, new_ticket::new)
        .post("/t/new", write, new_ticket::create)
        .put("/t/new/draft", write, new_ticket::draft)
        .post("/t/new/files", write, uploads::create_for_new)
        .delete("/t/new/files/{file}", write, uploads::delete)
        .get("/t/new/saved-replies", write, replies::lookup_for_new)
        .post("/t/new/saved-replies/{reply}", write, replies::used)
}
