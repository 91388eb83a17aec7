use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::Deadline;
use crate::fuzzing::clean;
use crate::html::{
    CLEANER_VERSION, ImageProxy, Images, RemoteImages, clean_until, escape, is_rich, to_text,
};

use super::hostile::HOSTILE;

fn cleaned(html: &str) -> String {
    clean(html, &Images::default()).html
}

const FORBIDDEN: &[&str] = &[
    "<script",
    "javascript:",
    "vbscript:",
    "onerror",
    "onload",
    "onclick",
    "ontoggle",
    "onbegin",
    "<svg",
    "<math",
    "<iframe",
    "<object",
    "<embed",
    "<form",
    "<input",
    "<button",
    "<textarea",
    "<select",
    "<link",
    "<style",
    "<meta",
    "<base",
    "<body",
    "<video",
    "<audio",
    "<template",
    "<frame",
    "srcset",
    "url(",
    "expression",
    "position",
    "behavior",
    "-moz-binding",
    "file:",
    "data:",
    "ping=",
    "background=",
    "poster",
    "rel=\"opener",
    "target=\"_self",
    " id=",
    " class=",
    "contenteditable",
    "href=\"/",
    "href=\"cid",
    "@evil",
    "var(",
    "src=",
];

#[test]
fn nothing_hostile_survives_cleaning() {
    assert!(HOSTILE.len() >= 70);
    for html in HOSTILE {
        let clean = cleaned(html);
        // Text between tags may say anything; only markup can do harm.
        let markup: Vec<String> = clean
            .split('<')
            .skip(1)
            .filter_map(|piece| piece.split_once('>'))
            .map(|(tag, _)| format!("<{tag}>"))
            .collect();
        let markup = markup.concat();
        for forbidden in FORBIDDEN {
            assert!(!markup.to_lowercase().contains(forbidden), "{html}\n{clean}");
        }
        assert_eq!(cleaned(&clean), clean, "{html}");
    }
}

#[test]
fn what_people_format_stays() {
    for html in [
        "<p>Hello <b>bold</b>, <i>italic</i>, <u>underlined</u>, <s>struck</s>.</p>",
        "<ul><li>one</li><li>two</li></ul>",
        "<table border=\"1\" cellpadding=\"2\"><tbody><tr><td colspan=\"2\">x</td></tr></tbody></table>",
        "<blockquote>quoted</blockquote>",
        "<font color=\"red\" size=\"2\">red</font>",
        "<p style=\"color: rgb(255, 0, 0); font-weight: bold\">red</p>",
        "<span style=\"font-family: 'Segoe UI', Arial; font-size: 11pt\">x</span>",
        "<div dir=\"rtl\" lang=\"ar\">مرحبا</div>",
    ] {
        assert_eq!(cleaned(html), html);
    }
}

#[test]
fn links_open_elsewhere_and_tell_nothing() {
    assert_eq!(
        cleaned("<a href=\"https://shop.example/a?b=1&amp;c=2\">x</a>"),
        "<a href=\"https://shop.example/a?b=1&amp;c=2\" target=\"_blank\" rel=\"noopener noreferrer\">x</a>"
    );
    for address in ["mailto:dana@customer.example", "tel:+4930123456", "http://shop.example"] {
        assert!(cleaned(&format!("<a href=\"{address}\">x</a>")).contains(address), "{address}");
    }
}

#[test]
fn images_are_shown_from_the_mail_and_from_the_web_only_through_us() {
    let html = "<img src=\"cid:logo@x\" alt=\"Logo\"><img src=\"https://tracker.example/p.gif\" alt=\"P\">\
                <img src=\"cid:unknown\"><img alt=\"none\">";
    let blocked = clean(html, &Images::default());
    assert_eq!(blocked.remote_images, 1);
    assert!(!blocked.html.contains("src="), "{}", blocked.html);
    assert_eq!(blocked.html.matches("data-blocked").count(), 4, "{}", blocked.html);
    assert!(blocked.html.contains("alt=\"P\""));

    let inline = BTreeMap::from([("logo@x".to_owned(), "/files/7".to_owned())]);
    let images = Images { inline: inline.clone(), remote: RemoteImages::Blocked };
    let shown = clean(html, &images);
    assert!(shown.html.contains("src=\"/files/7\""), "{}", shown.html);
    assert_eq!(shown.html.matches("data-blocked").count(), 3, "{}", shown.html);

    let proxy = ImageProxy::new(|address| format!("/images?of={}", address.len()));
    let proxied = clean(html, &Images { inline, remote: RemoteImages::Proxied(proxy) });
    assert!(proxied.html.contains("src=\"/images?of=29\""), "{}", proxied.html);
    assert!(!proxied.html.contains("tracker.example"), "{}", proxied.html);
    assert_eq!(proxied.remote_images, 1);
}

#[test]
fn a_mail_cannot_name_addresses_of_ours_as_its_images() {
    let proxy = ImageProxy::new(|_| "/images".to_owned());
    let images = Images { remote: RemoteImages::Proxied(proxy), ..Images::default() };
    let cleaned =
        clean("<img src=\"/images\"><img src=\"/tickets/1/close\"><img src=\"images\">", &images);
    assert!(!cleaned.html.contains("src="), "{}", cleaned.html);
}

#[test]
fn documents_that_would_cost_too_much_are_shown_as_text() {
    let words = "The text stays. ";
    for (name, html) in [
        ("deep", format!("{words}{}", "<div>".repeat(5_000))),
        ("many links", format!("{words}{}", "<a href=https://x.example>x</a>".repeat(6_000))),
        ("large", format!("{words}{}", "0123456789 ".repeat(400_000))),
        (
            "attributes",
            format!(
                "{words}<p {}>x</p>",
                (0..20_000).map(|n| format!("a{n} ")).collect::<Vec<_>>().concat()
            ),
        ),
        (
            "open formatting",
            format!(
                "{words}<p>{}</p>{}",
                (0..400).map(|n| format!("<b a={n}>")).collect::<Vec<_>>().concat(),
                "<p>x</p>".repeat(5_000)
            ),
        ),
    ] {
        let result = clean(&html, &Images::default());
        assert!(result.over_budget, "{name}");
        assert!(result.html.contains("The text stays."), "{name}");
        assert_eq!(cleaned(&result.html), result.html, "{name}");
    }
    for (name, html) in formatting_that_seems_closed() {
        let result = clean(&html, &Images::default());
        assert!(result.over_budget, "{name}");
        assert_eq!(cleaned(&result.html), result.html, "{name}");
    }
    // Cells end what was left open in them, and links around tables are closed behind them.
    let cells = "<table><tr><td><font color=red>x</tr></table>".repeat(300);
    assert!(!clean(&cells, &Images::default()).over_budget);
    let linked = "<a href=https://x.example><table><tr><td><b>x</b></td></tr></table></a>";
    assert!(!clean(&linked.repeat(1_000), &Images::default()).over_budget);
    let usual = "<div><p>x</p></div>".repeat(2_000);
    assert!(!clean(&usual, &Images::default()).over_budget);
}

/// Formatting whose end tags a parser ignores, so that every paragraph opens all of it again, and
/// formatting that is small but for its attributes.
fn formatting_that_seems_closed() -> Vec<(String, String)> {
    let open = (0..400).map(|n| format!("<b title={n}>")).collect::<Vec<_>>().concat();
    let close = "</b>".repeat(400);
    let paragraphs = "<p>x</p>".repeat(2_000);
    let mut documents = Vec::new();
    for (before, after) in [
        ("<table><tr><td>", "</td></tr></table>"),
        ("<table><caption>", "</caption></table>"),
        ("<select>", "</select>"),
        ("<object>", "</object>"),
        ("<marquee>", "</marquee>"),
        ("<template>", "</template>"),
        ("<math><mi>", "</mi></math>"),
        ("<svg><desc>", "</desc></svg>"),
        ("<svg><foreignObject><div></svg>", "</div></foreignObject></svg>"),
    ] {
        let html = format!("<div>{open}{before}{close}{after}</div>{paragraphs}");
        documents.push((before.to_owned(), html));
    }
    let cell_of_no_table = format!("<div><td>{open}</td></div>{paragraphs}");
    documents.push(("a cell of no table".to_owned(), cell_of_no_table));
    let out_of_a_template =
        format!("<div><template><table></template><td>{open}</td></div>{paragraphs}");
    documents.push(("a table that went with its template".to_owned(), out_of_a_template));
    let between_cells = format!("<table>{open}<tr><td>{close}</td></tr></table>{paragraphs}");
    documents.push(("formatting between cells".to_owned(), between_cells));
    let title = format!("<div><b title={}></div>{paragraphs}", "long".repeat(25_000));
    documents.push(("a long title".to_owned(), title));
    documents
}

#[test]
fn text_is_made_from_html_as_a_person_would() {
    for (html, text) in [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<br><br>Three", "One\nTwo\n\nThree"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("a   b\n\tc&nbsp;d &amp; &lt;e&gt; &euro; &#x1F600;", "a b c d & <e> € 😀"),
        ("<ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul>", "- one\n- two\n  - deep"),
        ("<ol><li>one<li>two</ol>after", "1. one\n2. two\n\nafter"),
        ("<li><p>paragraph inside</p></li>", "- paragraph inside"),
        (
            "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>",
            "a | b\nc | d",
        ),
        (
            "<blockquote>one<br>two<blockquote>three</blockquote></blockquote>four",
            "> one\n> two\n> > three\nfour",
        ),
        ("<pre>a  b\n  c</pre>d", "a  b\n  c\n\nd"),
        ("<a href=\"https://x.example/\">x.example</a>", "x.example"),
        ("<a href=\"https://x.example/y\">this page</a>.", "this page (https://x.example/y)."),
        ("<a href=\"mailto:a@b.example\">a@b.example</a>", "a@b.example"),
        ("<a href=\"javascript:x\">no</a>", "no"),
        ("<a href=\"https://x.example\"><img alt=\"Logo\"></a>", "[Logo] (https://x.example)"),
        ("<img alt=\"A cat\" src=x> and <img src=y>", "[A cat] and"),
        ("<head><title>T</title><style>p{}</style></head><script>x</script>Hello", "Hello"),
        ("<h1>Title</h1>text", "Title\n\ntext"),
        ("<p>Hello</p><p><svg width=1 height=1><p>Refund 4711", "Hello\n\nRefund 4711"),
        ("one<math><p>two", "one\n\ntwo"),
        ("one<object><p>two", "one\n\ntwo"),
        ("one<select><p>two", "one\n\ntwo"),
        ("<object data=x>Call 4711</object> or <noscript>write</noscript>", "Call 4711\nor write"),
        ("<textarea>My words</textarea>", "My words"),
        ("one<hr>two", "one\n----------\ntwo"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
        ("", ""),
        ("<o:p>&nbsp;</o:p><p class=MsoNormal>Word<o:p></o:p></p>", "Word"),
    ] {
        assert_eq!(to_text(html), text, "{html}");
    }
    let deep = format!("{}bottom", "<blockquote>".repeat(50_000));
    assert!(to_text(&deep).ends_with("bottom"));
    let deep = format!("{}bottom", "<ul><li>".repeat(50_000));
    assert!(to_text(&deep).ends_with("bottom"));
}

#[test]
fn html_is_rich_when_text_would_lose_something() {
    for (html, rich) in [
        ("<p>Hello <i>you</i></p>", false),
        ("<p>Hello <b>you</b></p>", true),
        ("<b>From:</b> Dana<br><b>Sent:</b> Monday", false),
        ("<h2>My order</h2>", true),
        ("<span style=\"color:#0000ff\">My answers are in blue</span>", true),
        ("<span style=\"mso-style:x; color : blue\">My answers are in blue</span>", true),
        ("<font color=darkgreen>My answers</font>", true),
        ("<p style=\"background: rgb(255, 255, 0)\">My answers</p>", true),
        ("<p style=\"color:#222;background:#fff\">usual</p>", false),
        ("<p style=\"color: rgb(29, 28, 29)\">usual</p>", false),
        ("<p style=\"color:gray;background-color:white\">usual</p>", false),
        ("<a href=x style=\"color:#15c\"><span style=\"color:blue\">a link</span></a>", false),
        ("<div>one</div><ul><li>two</li></ul>", false),
        ("<table><tr><td>layout only</td></tr></table>", false),
        ("<table><tr><td>a</td><td>b</td></tr></table>", true),
        ("<img src=cid:x>", true),
        ("<img src=https://t.example width=1 height=1>", false),
        ("<span style=\"color: red\">my answers</span>", true),
        ("<font color=\"#FF0000\">my answers</font>", true),
        ("<span style=\"color:windowtext\">usual</span>", false),
        ("<s>not this</s>", true),
    ] {
        assert_eq!(is_rich(html), rich, "{html}");
    }
}

#[test]
fn escaped_text_shows_itself() {
    assert_eq!(escape("<b>\"&'\r\nx"), "&lt;b&gt;&quot;&amp;&#39;<br>x");
}

proptest! {

    #[test]
    fn cleaning_twice_is_cleaning_once(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(HOSTILE).prop_map(str::to_owned),
                prop::sample::select(vec![
                    "<p>", "</p>", "<b>", "</b>", "<a href=https://x.example>", "</a>", "<table>", "<tr>", "<td>",
                    "</table>", "<div style=\"color:red\">", "</div>", "<ul>", "<li>", "</ul>", "<select>", "<font size=1>",
                    "<img src=https://x.example/a.png alt=a width=1>", "<blockquote>", "&amp;", "&lt;", "&", "<", ">", "\"",
                    "<h1>", "</h1>", "<pre>\n", "<br/>", "<!--", "-->", "<nobr>", "<caption>", "<col>", "<dd>",
                ]).prop_map(str::to_owned),
                "[ -~é漢]{0,12}",
            ],
            0..25,
        ),
    ) {
        let html = pieces.concat();
        let once = cleaned(&html);
        prop_assert_eq!(cleaned(&once), once.clone(), "{}", html);
        prop_assert!(!once.to_lowercase().contains("<script"));
        let _ = to_text(&html);
        let _ = is_rich(&html);
    }
}

/// The version, and the hash of all that the cleaner makes of the documents of these tests.
const CLEANED: (u32, &str) =
    (2, "85a78e56e0be46f0000e6740617cc4c3ba5a2e9d52ca16272b4414fd47f85363");

#[test]
fn a_document_that_takes_too_long_is_shown_as_text() {
    let html = "<p>Words</p><table><tr><td onclick=x>of <b>mine</b></td></tr></table>";
    for looks in 0..2 {
        let late = clean_until(html, &Images::default(), &Deadline::after_looks(looks));
        assert_eq!(late.over_budget, looks == 0 || late.html.contains("pre-wrap"), "{looks}");
        assert!(late.html.contains("Words") && late.html.contains("mine"), "{}", late.html);
        assert!(!late.html.contains("onclick"), "{}", late.html);
    }
    let in_time = clean_until(html, &Images::default(), &Deadline::after_looks(99));
    assert!(!in_time.over_budget && in_time.html.contains("<table>"), "{}", in_time.html);
}

#[test]
fn cleaning_differently_is_another_version() {
    let proxy = ImageProxy::new(|address| format!("/image?{address}"));
    let shown = Images { remote: RemoteImages::Proxied(proxy), ..Images::default() };
    let mails = super::corpus::mails();
    let of_mails =
        mails.iter().filter_map(|(_, mail)| crate::read(mail, &crate::Limits::default()).html);
    let mut all = String::new();
    for html in of_mails.chain(HOSTILE.iter().map(|html| (*html).to_owned())) {
        for images in [&Images::default(), &shown] {
            all.push_str(&clean(&html, images).html);
            all.push('\n');
        }
    }
    assert_eq!(
        (CLEANER_VERSION, crate::raw_hash(all.as_bytes()).as_str()),
        CLEANED,
        "what is cleaned now is not what was cleaned before: raise CLEANER_VERSION, and write both down here"
    );
}
