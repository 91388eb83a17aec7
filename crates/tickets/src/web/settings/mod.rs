//! Settings of the work: views, saved replies, tags, categories, fields, problems.

pub(super) mod categories;
pub(super) mod fields;
pub(super) mod problems;
pub(super) mod replies;
pub(super) mod tags;
pub(super) mod views;

use accounts::{Act, Actor};
use kernel::AgentId;
use ui::{Fields, WebResult};

/// A name as it is kept; empty if there is none.
fn name_in(fields: &Fields, field: &str) -> String {
    kernel::clip(&kernel::one_line(fields.get(field).unwrap_or_default()), 100)
}

/// Whose a view or reply becomes: one's own, or everybody's for those who may decide that.
fn owner_in(fields: &Fields, actor: &Actor) -> WebResult<Option<AgentId>> {
    if fields.get("shared") == Some("on") {
        actor.must(Act::ManageShared)?;
        return Ok(None);
    }
    Ok(Some(actor.id))
}

/// What belongs to everybody is changed by those who may; one's own by oneself.
fn must_own(owner: Option<AgentId>, actor: &Actor) -> WebResult<()> {
    match owner {
        None => actor.must(Act::ManageShared),
        Some(owner) if owner == actor.id => Ok(()),
        Some(_) => Err(ui::WebError::NotFound),
    }
}
