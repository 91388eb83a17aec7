//! Text that is safe to put into a page.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// HTML that this crate made or that the mail cleaner passed. A template prints it as it is;
/// everything else it escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// Vouches for a piece of HTML. Every caller is listed in `crates/tidy/src/trusted.rs` with the
    /// reason, and a test compares.
    pub fn trusted(html: String) -> Self {
        Self(html)
    }

    /// The text itself, escaped.
    pub fn escape(text: &str) -> Self {
        let mut html = String::with_capacity(text.len() + text.len() / 8);
        escape_into(&mut html, text);
        Self(html)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

fn escape_into(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
}

/// Links beyond this many in one text stay plain.
const LINKS_MAX: usize = 500;

/// Plain text as people mean it: paragraphs, line breaks, links that can be followed.
pub fn prose(text: &str) -> Markup {
    let mut html = String::with_capacity(text.len() + text.len() / 4);
    let mut links = 0;
    let text = text.replace("\r\n", "\n");
    for paragraph in text.trim_matches('\n').split("\n\n") {
        let paragraph = paragraph.trim_matches('\n');
        if paragraph.is_empty() {
            continue;
        }
        html.push_str("<p>");
        for (index, line) in paragraph.split('\n').enumerate() {
            if index > 0 {
                html.push_str("<br>");
            }
            linked(&mut html, line, &mut links);
        }
        html.push_str("</p>");
    }
    Markup(html)
}

/// Like [`prose`], with names after an `@` set apart. The longest name that fits counts.
pub fn prose_with_mentions(text: &str, names: &[&str]) -> Markup {
    let Markup(html) = prose(text);
    let mut names: Vec<String> = names.iter().map(|name| Markup::escape(name).0).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mut marked = String::with_capacity(html.len() + 64);
    let mut in_link = false;
    // Every tag begins a piece, so nothing inside of a tag is taken for text.
    for piece in html.split_inclusive('>') {
        let (words, tag) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
        if in_link {
            marked.push_str(words);
        } else {
            mark_mentions(&mut marked, words, &names);
        }
        marked.push_str(tag);
        in_link = tag.starts_with("<a ") || (in_link && !tag.starts_with("</a"));
    }
    Markup(marked)
}

fn mark_mentions(html: &mut String, words: &str, names: &[String]) {
    let mut rest = words;
    while let Some((before, after)) = rest.split_once('@') {
        html.push_str(before);
        let begins = !before.ends_with(char::is_alphanumeric);
        let found = names.iter().find_map(|name| {
            let (start, end) = after.split_at_checked(name.len())?;
            let fits = start.eq_ignore_ascii_case(name) && !end.starts_with(char::is_alphanumeric);
            fits.then_some((start, end))
        });
        match found {
            Some((name, end)) if begins => {
                // A string takes whatever is written to it.
                let _ = write!(html, r#"<span class="mention">@{name}</span>"#);
                rest = end;
            }
            Some(_) | None => {
                html.push('@');
                rest = after;
            }
        }
    }
    html.push_str(rest);
}

fn linked(html: &mut String, line: &str, links: &mut usize) {
    static FINDER: LazyLock<LinkFinder> = LazyLock::new(|| {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url, LinkKind::Email]);
        finder
    });
    for span in FINDER.spans(line) {
        let target = match span.kind() {
            Some(LinkKind::Url) if *links < LINKS_MAX && is_web(span.as_str()) => {
                span.as_str().to_owned()
            }
            Some(LinkKind::Email) if *links < LINKS_MAX => format!("mailto:{}", span.as_str()),
            Some(_) | None => {
                escape_into(html, span.as_str());
                continue;
            }
        };
        *links += 1;
        html.push_str("<a href=\"");
        escape_into(html, &target);
        html.push_str("\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">");
        escape_into(html, span.as_str());
        html.push_str("</a>");
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Markdown as agents write it, cleaned. Headings become bold lines, images become links to
/// them: pictures go as attachments.
pub fn markdown(text: &str) -> Markup {
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    let events = Parser::new_ext(text, options).flat_map(|event| match event {
        // A line break that was typed is meant.
        Event::SoftBreak => vec![Event::HardBreak],
        Event::Html(raw) | Event::InlineHtml(raw) => vec![Event::Text(raw)],
        Event::Start(Tag::Heading { .. }) => {
            vec![Event::Start(Tag::Paragraph), Event::Start(Tag::Strong)]
        }
        Event::End(TagEnd::Heading(_)) => {
            vec![Event::End(TagEnd::Strong), Event::End(TagEnd::Paragraph)]
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            vec![Event::Start(Tag::Link { link_type, dest_url, title, id })]
        }
        Event::End(TagEnd::Image) => vec![Event::End(TagEnd::Link)],
        other => vec![other],
    });
    let mut html = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut html, link_bare_addresses(events));
    Markup(clean_markdown(&html))
}

/// Addresses that were typed without brackets become links, outside of code and other links.
fn link_bare_addresses<'e>(
    events: impl Iterator<Item = Event<'e>>,
) -> impl Iterator<Item = Event<'e>> {
    let mut depth = 0_usize;
    events.flat_map(move |event| {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::CodeBlock(_)) => depth += 1,
            Event::End(TagEnd::Link | TagEnd::CodeBlock) => depth = depth.saturating_sub(1),
            Event::Text(text) if depth == 0 && text.contains("://") => {
                let mut html = String::new();
                linked(&mut html, text, &mut 0);
                return vec![Event::InlineHtml(html.into())];
            }
            _ => {}
        }
        vec![event]
    })
}

/// What Markdown makes.
const MARKDOWN_TAGS: [&str; 19] = [
    "p",
    "br",
    "strong",
    "em",
    "del",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "a",
    "hr",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
];

/// What says the same in other words, or what Markdown has no word for.
const WRITTEN_TAGS: [&str; 17] = [
    "b", "i", "u", "s", "sub", "sup", "h1", "h2", "h3", "h4", "h5", "h6", "div", "span", "tfoot",
    "caption", "kbd",
];

fn cleaner(tags: HashSet<&'static str>) -> ammonia::Builder<'static> {
    let mut cleaner = ammonia::Builder::default();
    cleaner
        .tags(tags)
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank");
    cleaner
}

fn clean_markdown(html: &str) -> String {
    static CLEANER: LazyLock<ammonia::Builder<'static>> =
        LazyLock::new(|| cleaner(HashSet::from(MARKDOWN_TAGS)));
    CLEANER.clean(html).to_string()
}

/// HTML that a program of ours wrote for a mail, cleaned to what a mail of ours may hold: images,
/// styles and whatever acts stay out.
pub fn written_html(html: &str) -> Markup {
    static CLEANER: LazyLock<ammonia::Builder<'static>> =
        LazyLock::new(|| cleaner(MARKDOWN_TAGS.into_iter().chain(WRITTEN_TAGS).collect()));
    Markup(CLEANER.clean(html).to_string())
}

/// Pieces of a text, those that were looked for marked.
pub fn marked<'p>(pieces: impl IntoIterator<Item = (&'p str, bool)>) -> Markup {
    let mut html = String::new();
    for (text, is_hit) in pieces {
        if is_hit {
            html.push_str("<mark>");
            escape_into(&mut html, text);
            html.push_str("</mark>");
        } else {
            escape_into(&mut html, text);
        }
    }
    Markup(html)
}
