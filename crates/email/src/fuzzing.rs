//! What has to hold whatever bytes come: one function for each reader of mail.
//!
//! The ordinary tests call these with the corpus, damaged and by chance; the programs in `fuzz/`
//! call them with what a fuzzer thinks of. They panic where something does not hold.

use std::collections::BTreeMap;

use crate::format::address::{Mailbox, Mailboxes};
use crate::format::words;
use crate::html::{Clean, ImageProxy, Images, RemoteImages, clean_until, escape, is_rich, to_text};
use crate::{Deadline, Limits, Reading, content_hash, quote, raw_hash, read};

/// What may be held beside ten times the size of what came.
const HELD_BYTES: usize = 16 * 1024 * 1024;

/// Cleaning on a machine of any speed.
pub(crate) fn clean(html: &str, images: &Images) -> Clean {
    clean_until(html, images, &Deadline::never())
}

/// A whole mail.
pub fn mime(bytes: &[u8]) {
    let limits = Limits::default();
    let reading = read(bytes, &limits);
    check_reading(bytes, &reading, &limits);
    let _ = reading.language();
    assert_eq!(content_hash(bytes).len(), 64);
    assert_eq!(raw_hash(bytes), raw_hash(bytes));

    let narrow = Limits {
        message_bytes_max: 4 * 1024,
        parts_max: 4,
        nesting_max: 2,
        header_bytes_max: 512,
        addresses_max: 3,
        ..Limits::default()
    };
    check_reading(bytes, &read(bytes, &narrow), &narrow);
}

/// What holds for every reading: lines are lines, names are names, and nothing is larger than the
/// limits and the size of the mail allow.
pub(crate) fn check_reading(bytes: &[u8], reading: &Reading, limits: &Limits) {
    let parties = reading.to.len() + reading.cc.len() + reading.reply_to.len();
    assert!(parties <= limits.addresses_max, "{parties} addresses");
    assert!(reading.attachments.len() <= limits.parts_max, "{} files", reading.attachments.len());
    let names = [&reading.subject, &reading.shown_name];
    let ids = reading.mail_id.iter().chain(&reading.references);
    for line in names.into_iter().chain(ids) {
        assert!(!line.contains(['\r', '\n', '\0']), "more than a line: {line:?}");
    }
    let mut files_bytes = 0;
    for file in &reading.attachments {
        let is_plain = !file.name.is_empty() && file.name.len() <= 255;
        assert!(is_plain && !file.name.contains(['/', '\\', '\0', '\n']), "{:?}", file.name);
        assert!(!matches!(file.name.as_str(), "." | ".."));
        files_bytes += file.bytes.len();
    }
    assert!(files_bytes <= bytes.len(), "files of {files_bytes} bytes out of {}", bytes.len());
    let html_bytes = reading.html.as_ref().map_or(0, String::len);
    let held = reading.text.len() + reading.quoted.len() + html_bytes + files_bytes;
    assert!(held <= 10 * bytes.len() + HELD_BYTES, "{held} bytes out of {}", bytes.len());
}

/// The value of a header field that lists mailboxes.
pub fn addresses(bytes: &[u8]) {
    let value = String::from_utf8_lossy(bytes);
    for count_max in [1, 10, 1_000] {
        let mailboxes = Mailboxes::parse(&value, count_max);
        assert!(mailboxes.list.len() <= count_max, "{}", mailboxes.list.len());
        for party in mailboxes.parties() {
            assert_eq!(party.address.as_str().parse().as_ref(), Ok(&party.address));
            if let Some(name) = &party.name {
                assert!(!name.contains(['\r', '\n', '\0']), "{name:?}");
                assert!(name.chars().count() <= 200, "{name:?}");
            }
            // What is written down in the plainest way is read as the same address, for certain.
            let again = Mailboxes::parse(&format!("<{}>", party.address), 2);
            assert!(!again.odd && again.list.len() == 1, "{}", party.address);
            let read = again.list.into_iter().next().and_then(Mailbox::party);
            assert_eq!(read.map(|read| read.address), Some(party.address));
        }
    }
}

/// The value of a header field with encoded words.
pub fn encoded_words(bytes: &[u8]) {
    let value = String::from_utf8_lossy(bytes);
    let text = words::decode(&value);
    // A byte of any character set is at most a few characters of four bytes.
    assert!(text.len() <= 16 * value.len(), "{} bytes out of {}", text.len(), value.len());
    if !value.contains("=?") {
        assert_eq!(text, value);
    }
    let hex: Vec<String> = value.bytes().map(|byte| format!("={byte:02X}")).collect();
    let encoded = format!("=?utf-8?Q?{}?=", hex.concat());
    // Longer ones are left as they are.
    if encoded.len() < 4_000 {
        let plain = value.strip_prefix('\u{feff}').unwrap_or(&value);
        assert_eq!(words::decode(&encoded), plain, "{encoded}");
    }
}

/// The text of a mail, to be folded.
pub fn reply_folding(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let reply_lines = [quote::REPLY_LINE.to_owned()];
    for forwarded in [false, true] {
        let style = quote::Style { reply_lines: &reply_lines, forwarded };
        let (new, quoted) = quote::split(&text, &style);
        // Every line with something on it is on one side, as often as it came.
        let mut lines: BTreeMap<&str, isize> = BTreeMap::new();
        for (of, count) in [(text.as_ref(), 1), (&new, -1), (&quoted, -1)] {
            for line in of.lines().map(str::trim).filter(|line| !line.is_empty()) {
                *lines.entry(line).or_default() += count;
            }
        }
        lines.retain(|_, count| *count != 0);
        assert!(lines.is_empty(), "lost or doubled: {lines:?}");
    }
    let _ = quote::is_forward(&text);
}

/// A document of a stranger, to be cleaned.
pub fn sanitising(bytes: &[u8]) {
    let html = String::from_utf8_lossy(bytes);
    let once = clean(&html, &Images::default());
    check_markup(&once.html, "");
    let bound = 10 * html.len() + HELD_BYTES;
    assert!(once.html.len() <= bound, "{} bytes out of {}", once.html.len(), html.len());
    let twice = clean(&once.html, &Images::default());
    assert_eq!(twice.html, once.html, "cleaning again changes it: {html}");

    let proxy = ImageProxy::new(|address| format!("/image?{}", address.len()));
    let images = Images { remote: RemoteImages::Proxied(proxy), ..Images::default() };
    check_markup(&clean(&html, &images).html, "/image?");

    let text = to_text(&html);
    assert!(text.len() <= bound, "{} bytes of text out of {}", text.len(), html.len());
    let _ = is_rich(&html);
    let shown = escape(&html);
    assert!(!shown.replace("<br>", "").contains(['<', '>', '"', '\'']), "{shown}");
}

/// Elements that do something, fetch something or are no markup.
const ACTIVE: &[&str] = &[
    "script",
    "style",
    "link",
    "meta",
    "base",
    "iframe",
    "frame",
    "frameset",
    "object",
    "embed",
    "applet",
    "form",
    "input",
    "button",
    "select",
    "option",
    "textarea",
    "keygen",
    "isindex",
    "svg",
    "math",
    "video",
    "audio",
    "source",
    "track",
    "picture",
    "template",
    "portal",
    "dialog",
    "details",
    "marquee",
    "noscript",
    "plaintext",
    "xmp",
    "html",
    "head",
    "body",
    "title",
    "slot",
];

/// Attributes that do something, fetch something, or reach out of the frame.
const ACTIVE_ATTRIBUTES: &[&str] = &[
    "action",
    "formaction",
    "srcset",
    "srcdoc",
    "background",
    "poster",
    "ping",
    "data",
    "code",
    "id",
    "class",
    "name",
    "is",
    "slot",
    "autofocus",
    "contenteditable",
    "tabindex",
    "download",
    "xlink:href",
    "usemap",
    "http-equiv",
    "cite",
    "longdesc",
    "dynsrc",
    "lowsrc",
    "manifest",
];

/// Reads what the cleaner wrote in the one way in which it writes, and looks at every attribute.
fn check_markup(html: &str, images_from: &str) {
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let name_end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
        let (name, mut after) = tag.split_at(name_end);
        assert!(!name.is_empty() && !ACTIVE.contains(&name), "<{name}> in {html}");
        while let Some(attribute) = after.strip_prefix(' ') {
            let written = attribute.split_once("=\"");
            let Some((key, value)) = written else { panic!("an attribute of {name} in {html}") };
            let Some((value, behind)) = value.split_once('"') else { panic!("no end in {html}") };
            check_attribute(key, value, images_from);
            after = behind;
        }
        let Some(behind) = after.strip_prefix('>') else { panic!("<{name} has no end in {html}") };
        rest = behind;
    }
}

fn check_attribute(key: &str, value: &str, images_from: &str) {
    let is_plain = key.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    assert!(is_plain && !key.starts_with("on"), "{key}={value}");
    assert!(!ACTIVE_ATTRIBUTES.contains(&key), "{key}={value}");
    let lower = value.to_lowercase();
    match key {
        "href" => {
            let schemes = ["http://", "https://", "mailto:", "tel:"];
            assert!(schemes.iter().any(|scheme| value.starts_with(scheme)), "{key}={value}");
        }
        "src" => {
            let is_ours = !images_from.is_empty() && value.starts_with(images_from);
            assert!(is_ours, "{key}={value}");
        }
        "style" => {
            let reaches = ["url(", "expression", "image", "@", "\\", "position", "var(", "/*", "{"];
            assert!(!reaches.iter().any(|word| lower.contains(word)), "{key}={value}");
        }
        "target" => assert_eq!(value, "_blank"),
        _ => {}
    }
}
