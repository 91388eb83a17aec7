//! Forms that come twice: a double press, a page that is loaded again, an answer that was lost.

use anyhow::Result;
use database::Tx;
use kernel::Timestamp;
use ui::Fields;

use crate::Actor;

/// The field of a form that names it, as [`ui::Chrome::form_key`] puts it there.
pub const FORM_KEY: &str = "key";

/// Claims a form in the transaction of its effect: `false` if it was done before, so that nothing
/// is left to do but to lead to the page that it leads to.
pub async fn is_first(tx: &mut Tx, actor: &Actor, form: &Fields, now: Timestamp) -> Result<bool> {
    let who = format!("form {}", actor.id);
    let key = form.get(FORM_KEY).unwrap_or_default();
    let mut content = Vec::new();
    for (name, value) in form.0.iter().filter(|(name, _)| name != FORM_KEY) {
        content.extend(format!("{}:{name}{}:{value}", name.len(), value.len()).into_bytes());
    }
    requests::is_first(tx, &who, key, &content, now).await
}
