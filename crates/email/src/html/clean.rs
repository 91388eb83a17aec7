//! Cleaning: a list of what may stay, never of what must go.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ammonia::{Builder, UrlRelative};

use crate::Deadline;
use crate::html::{budget, links, style, text};

/// Changes whenever cleaning does. Mails are kept as they came and cleaned each time that they are
/// shown, so nothing has to be cleaned again.
pub const CLEANER_VERSION: u32 = 2;

/// A cleaned document, or its text when cleaning would cost too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clean {
    pub html: String,
    /// How many images of the mail are somewhere in the web.
    pub remote_images: usize,
    pub over_budget: bool,
}

/// Where images come from.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// Images that came with the mail: content id to our own address of the file.
    pub inline: BTreeMap<String, String>,
    pub remote: RemoteImages,
}

/// What becomes of images in the web.
#[derive(Clone, Debug, Default)]
pub enum RemoteImages {
    /// They are left out: loading one tells its owner that the mail was read.
    #[default]
    Blocked,
    /// They are loaded through a proxy of ours.
    Proxied(ImageProxy),
}

/// Gives the address of our proxy for the address of an image.
#[derive(Clone)]
pub struct ImageProxy(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl ImageProxy {
    pub fn new(address_for: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(address_for))
    }
}

impl fmt::Debug for ImageProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImageProxy")
    }
}

/// A mail that cannot be cleaned shows this much of its text.
const TEXT_BYTES_SHOWN: usize = 256 * 1024;

/// A cleaned document changes at most this often before it stays the same.
const PASSES_MAX: usize = 5;

/// A document that takes longer to clean is shown as text.
const CLEANED_WITHIN: Duration = Duration::from_secs(1);

/// Cleans the HTML of a mail. An image that is not shown keeps its place and its description and
/// is marked with the attribute `data-blocked`.
pub fn clean(html: &str, images: &Images) -> Clean {
    clean_until(html, images, &Deadline::within(CLEANED_WITHIN))
}

/// The same, with a time of its own.
pub(crate) fn clean_until(html: &str, images: &Images, deadline: &Deadline) -> Clean {
    if !budget::allows(html) || deadline.is_over() {
        return as_text(html);
    }
    let filter = Arc::new(Filter { images: images.clone(), ..Filter::default() });
    let mut cleaned = pass(html, &filter);
    let remote_images = filter.remote.load(Ordering::Relaxed);
    // Writing a repaired tree down and reading it again may repair it once more.
    for _ in 1..PASSES_MAX {
        let again = pass(&cleaned, &filter);
        if again == cleaned {
            return Clean { html: cleaned, remote_images, over_budget: false };
        }
        if deadline.is_over() {
            break;
        }
        cleaned = again;
    }
    as_text(html)
}

fn as_text(html: &str) -> Clean {
    let text = text::to_text(html);
    let end = text.floor_char_boundary(TEXT_BYTES_SHOWN);
    let text = text.get(..end).unwrap_or_default().trim();
    let html = format!("<div style=\"white-space: pre-wrap\">{}</div>", escape(text));
    // Through the cleaner all the same, so that cleaning it again changes nothing.
    let filter = Arc::new(Filter::default());
    Clean { html: pass(&html, &filter), remote_images: 0, over_budget: true }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn pass(html: &str, filter: &Arc<Filter>) -> String {
    let filter = Arc::clone(filter);
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.iter().copied().collect())
        .clean_content_tags(SILENT_TAGS.iter().copied().collect())
        .generic_attributes(HashSet::from(["dir", "lang", "style", "title"]))
        .tag_attributes(attributes())
        .set_tag_attribute_value("a", "target", "_blank")
        .set_tag_attribute_value("img", "data-blocked", "")
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "cid"]))
        // Relative addresses of the mail are dropped by the filter; ours are let through.
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer"))
        .attribute_filter(move |element, attribute, value| filter.judge(element, attribute, value));
    builder.clean(html).to_string()
}

/// Decides about every attribute that is on the list.
#[derive(Default)]
struct Filter {
    images: Images,
    remote: AtomicUsize,
    /// The image at hand keeps its address.
    shown: AtomicBool,
    /// Addresses that this filter put there itself.
    ours: Mutex<HashSet<String>>,
}

impl Filter {
    fn judge<'v>(&self, element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
        match (element, attribute) {
            ("img", "src") => {
                let source = self.source(value);
                self.shown.store(source.is_some(), Ordering::Relaxed);
                source.map(Cow::Owned)
            }
            // The builder adds this mark behind all other attributes of the image.
            ("img", "data-blocked") => {
                let is_shown = self.shown.swap(false, Ordering::Relaxed);
                (!is_shown).then_some(Cow::Borrowed(""))
            }
            (_, "href") => links::followed(value).map(Cow::Owned),
            (_, "src" | "cite" | "background") => None,
            (_, "style") => style::clean(value).map(Cow::Owned),
            (
                _,
                "width" | "height" | "border" | "cellpadding" | "cellspacing" | "colspan"
                | "rowspan" | "size" | "start" | "span",
            ) => is_measure(value).then_some(Cow::Borrowed(value)),
            _ => Some(Cow::Borrowed(value)),
        }
    }

    fn source(&self, address: &str) -> Option<String> {
        let mut ours = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        if ours.contains(address) {
            return Some(address.to_owned());
        }
        let source = if let Some(id) = links::content_id(address) {
            self.images.inline.get(&id).cloned()
        } else {
            let remote = links::remote(address)?;
            self.remote.fetch_add(1, Ordering::Relaxed);
            match &self.images.remote {
                RemoteImages::Blocked => None,
                RemoteImages::Proxied(proxy) => Some((proxy.0)(&remote)),
            }
        };
        ours.extend(source.clone());
        source
    }
}

/// A number, perhaps with a unit.
fn is_measure(value: &str) -> bool {
    value.len() <= 10 && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '%' || c == '.')
}

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Elements whose content is not for people.
const SILENT_TAGS: &[&str] = &[
    "script",
    "style",
    "title",
    "head",
    "template",
    "noscript",
    "iframe",
    "frame",
    "frameset",
    "noframes",
    "object",
    "embed",
    "applet",
    "svg",
    "math",
    "audio",
    "video",
    "canvas",
    "select",
    "textarea",
    "xml",
    "plaintext",
    "noembed",
    "xmp",
    "base",
    "link",
    "meta",
];

fn attributes() -> HashMap<&'static str, HashSet<&'static str>> {
    let cell = ["align", "bgcolor", "colspan", "height", "nowrap", "rowspan", "valign", "width"];
    HashMap::from([
        ("a", HashSet::from(["href"])),
        ("img", HashSet::from(["align", "alt", "border", "height", "src", "width"])),
        ("font", HashSet::from(["color", "face", "size"])),
        ("div", HashSet::from(["align"])),
        ("p", HashSet::from(["align"])),
        ("h1", HashSet::from(["align"])),
        ("h2", HashSet::from(["align"])),
        ("h3", HashSet::from(["align"])),
        ("hr", HashSet::from(["align", "size", "width"])),
        ("ol", HashSet::from(["start", "type"])),
        ("ul", HashSet::from(["type"])),
        ("li", HashSet::from(["value"])),
        (
            "table",
            HashSet::from([
                "align",
                "bgcolor",
                "border",
                "cellpadding",
                "cellspacing",
                "height",
                "width",
            ]),
        ),
        ("col", HashSet::from(["align", "span", "width"])),
        ("colgroup", HashSet::from(["align", "span", "width"])),
        ("tbody", HashSet::from(["align", "valign"])),
        ("thead", HashSet::from(["align", "valign"])),
        ("tfoot", HashSet::from(["align", "valign"])),
        ("tr", HashSet::from(["align", "bgcolor", "valign"])),
        ("td", HashSet::from(cell)),
        ("th", HashSet::from(cell)),
        ("time", HashSet::from(["datetime"])),
    ])
}
