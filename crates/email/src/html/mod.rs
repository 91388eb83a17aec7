//! HTML of strangers: cleaned before it is shown, and as text when there is no other.
//!
//! Invariant: what [`clean`] gives holds no script, no form, no style sheet, no frame and no
//! address that is fetched without being asked for; and cleaning it again changes nothing.

mod budget;
mod clean;
mod links;
mod rich;
mod style;
mod text;
mod tokens;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use clean::clean_until;
pub use clean::{CLEANER_VERSION, Clean, ImageProxy, Images, RemoteImages, clean};
pub(crate) use links::content_ids;
pub use rich::is_rich;
pub use text::to_text;

/// Text as HTML that shows it as it is, line breaks included.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\r' => {}
            '\n' => html.push_str("<br>"),
            _ => html.push(c),
        }
    }
    html
}
