//! Small parts that pages are made of.

use std::fmt::Write;

use crate::{Badge, Markup, asset_path};

/// An icon of the sprite. It says nothing to assistive technology: words beside it do.
pub fn icon(name: &str) -> Markup {
    drawn(name, "icon")
}

/// An icon that points along the line of writing, such as an arrow.
pub fn icon_flip(name: &str) -> Markup {
    drawn(name, "icon icon--flip")
}

fn drawn(name: &str, class: &str) -> Markup {
    let sprite = asset_path("icons.svg");
    Markup::trusted(format!(
        r#"<svg class="{class}" aria-hidden="true"><use href="{sprite}#{name}"/></svg>"#
    ))
}

/// The mark of the product.
pub fn logo() -> Markup {
    Markup::trusted(
        r#"<svg class="logo" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M5.5 20V4.5h7.75a4.75 4.75 0 0 1 0 9.5H10.5"/><path d="m13 10.75-3.25 3.25L13 17.25"/><path d="m14.5 15.75 4 4.25"/></svg>"#
            .to_owned(),
    )
}

/// The mark on public pages, which are the seller's.
pub fn public_mark() -> Markup {
    Markup::trusted(
        r#"<svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><path d="M12 1.5 14.4 9.6 22.5 12l-8.1 2.4L12 22.5l-2.4-8.1L1.5 12l8.1-2.4z"/></svg>"#
            .to_owned(),
    )
}

/// Initials on a tint; `size` is one of the avatar's classes, or empty.
pub fn avatar(badge: &Badge, size: &str) -> Markup {
    avatar_here(badge, size, "")
}

/// Initials on a tint, with what the person does: `viewing` or `writing`.
pub fn avatar_here(badge: &Badge, size: &str, presence: &str) -> Markup {
    let mut html = String::from(r#"<span class="avatar"#);
    if !size.is_empty() {
        let _ = write!(html, " {size}");
    }
    let _ = write!(html, r#"" data-hue="{}""#, badge.hue);
    if !presence.is_empty() {
        let _ = write!(html, r#" data-presence="{presence}""#);
    }
    let _ = write!(html, r#" aria-hidden="true">{}</span>"#, Markup::escape(&badge.initials));
    Markup::trusted(html)
}

/// Where nobody's initials stand.
pub fn avatar_none(size: &str) -> Markup {
    let icon = icon("user");
    Markup::trusted(format!(
        r#"<span class="avatar {size} avatar--none" aria-hidden="true">{icon}</span>"#
    ))
}
