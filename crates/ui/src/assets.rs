//! The static files as the build made them: joined, minified, compressed, and under a name that
//! changes with their content, so that a browser may keep them for ever.

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

struct File {
    path: &'static str,
    content_type: &'static str,
    raw: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// A file in the form that fits the request.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) bytes: &'static [u8],
    /// Whether what is at this address never changes.
    pub(crate) immutable: bool,
}

/// The address of a file, such as `app.css`.
pub fn path(name: &str) -> String {
    format!("/assets/{VERSION}/{name}")
}

/// Finds a file. A page from before an upgrade asks for a version that is gone: it gets what is
/// there now, which is better than nothing, but must not keep it.
pub(crate) fn serve(version: &str, path: &str, accept_encoding: Option<&str>) -> Option<Asset> {
    let at = FILES.binary_search_by(|file| file.path.cmp(path)).ok()?;
    let file = FILES.get(at)?;
    let accepts = |coding| accept_encoding.is_some_and(|header| accepts(header, coding));
    let (encoding, bytes) = match (file.brotli, file.gzip) {
        (Some(bytes), _) if accepts("br") => (Some("br"), bytes),
        (_, Some(bytes)) if accepts("gzip") => (Some("gzip"), bytes),
        _ => (None, file.raw),
    };
    let immutable = version == VERSION;
    Some(Asset { content_type: file.content_type, encoding, bytes, immutable })
}

/// Whether an `Accept-Encoding` header names the coding and does not refuse it with `q=0`.
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let is_refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.chars().all(|c| matches!(c, '0' | '.')))
        });
        is_named && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding_for(header: Option<&str>) -> Option<&'static str> {
        serve(VERSION, "app.css", header).unwrap().encoding
    }

    #[test]
    fn the_best_coding_that_a_browser_takes_is_sent() {
        for (header, expected) in [
            (None, None),
            (Some("identity"), None),
            (Some("gzip, deflate"), Some("gzip")),
            (Some("gzip, deflate, br, zstd"), Some("br")),
            (Some("br;q=0, gzip;q=0.5"), Some("gzip")),
            (Some("BR"), Some("br")),
            (Some("gzip;q=0.0"), None),
        ] {
            assert_eq!(encoding_for(header), expected, "{header:?}");
        }
    }

    #[test]
    fn only_the_current_version_may_be_kept() {
        assert!(serve(VERSION, "js/app.js", None).unwrap().immutable);
        assert!(!serve("0", "js/app.js", None).unwrap().immutable);
        assert!(serve(VERSION, "js/../Cargo.toml", None).is_none());
    }

    #[test]
    fn everything_that_is_preloaded_is_there() {
        assert!(PRELOAD.len() > 3 && PRELOAD_INBOX.len() > 3);
        for address in PRELOAD.iter().chain(PRELOAD_INBOX) {
            let name = address.strip_prefix(&path("")).unwrap();
            assert!(serve(VERSION, name, None).is_some(), "{address}");
        }
    }

    #[test]
    fn the_style_sheet_is_one_file_without_comments() {
        let css = std::str::from_utf8(serve(VERSION, "app.css", None).unwrap().bytes).unwrap();
        assert!(css.starts_with("@layer reset,tokens,base,layouts,components,utilities;"));
        assert!(!css.contains("@import") && !css.contains("/*") && !css.contains("../"));
        // What a script or a selector needs spaces for has kept them.
        assert!(css.contains(".conv:hover .conv__pick") && css.contains("min(0px,calc((100% - "));
        assert_eq!(css.matches('{').count(), css.matches('}').count());
    }
}
