//! Names of attached files: cleaned first, then judged, and never used as a path.

use unicode_normalization::UnicodeNormalization;

use crate::format::address::is_invisible;

const NAME_BYTES_MAX: usize = 255;
const EXTENSION_BYTES_MAX: usize = 32;

/// A name that can be shown and offered for saving: composed letters, no path, no control or
/// invisible characters, at most 255 bytes, never empty.
pub fn clean_file_name(raw: &str) -> String {
    // Cleaning comes before looking for separators, so that nothing hides one from the other, and
    // before composing, so that nothing stays between a letter and its accent.
    let is_visible = |c: &char| !c.is_control() && !is_invisible(*c);
    let visible: String = raw.chars().filter(is_visible).nfc().collect();
    let last = visible.rsplit(['/', '\\']).find(|part| !is_nothing(part)).unwrap_or_default();
    let name: String = last.chars().map(|c| if "<>:\"|?*".contains(c) { '_' } else { c }).collect();
    let name = kernel::one_line(&name);
    let name = name.trim_start_matches(['.', ' ', '-']).trim_end_matches(['.', ' ']);
    if name.is_empty() { "attachment".to_owned() } else { shorten(name) }
}

fn is_nothing(part: &str) -> bool {
    part.trim_matches(['.', ' ']).is_empty()
}

/// Cuts the stem and keeps the extension, which says what the file is.
fn shorten(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= EXTENSION_BYTES_MAX => (stem, extension),
        _ => (name, ""),
    };
    let room = NAME_BYTES_MAX - extension.len() - usize::from(!extension.is_empty());
    let stem = stem.get(..stem.floor_char_boundary(room)).unwrap_or_default();
    if extension.is_empty() { stem.to_owned() } else { format!("{stem}.{extension}") }
}

/// A name for a part that came without one.
pub(crate) fn for_type(kind: &str) -> String {
    let extension = match kind {
        "application/ms-tnef" | "application/vnd.ms-tnef" => return "winmail.dat".to_owned(),
        "text/calendar" | "application/ics" => return "invite.ics".to_owned(),
        "message/rfc822" | "message/global" => return "message.eml".to_owned(),
        "message/delivery-status" | "message/global-delivery-status" => {
            return "delivery-status.txt".to_owned();
        }
        "message/disposition-notification" => return "receipt.txt".to_owned(),
        "message/feedback-report" => return "feedback-report.txt".to_owned(),
        "text/rfc822-headers" | "message/rfc822-headers" => return "header.txt".to_owned(),
        "application/pgp-signature" => return "signature.asc".to_owned(),
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => {
            return "smime.p7s".to_owned();
        }
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => return "smime.p7m".to_owned(),
        "image/jpeg" | "image/jpg" | "image/pjpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "image/heic" | "image/heif" => "heic",
        "image/tiff" => "tiff",
        "application/pdf" => "pdf",
        "application/zip" | "application/x-zip-compressed" => "zip",
        "application/json" => "json",
        "text/csv" => "csv",
        "text/html" => "html",
        "text/vcard" | "text/x-vcard" => "vcf",
        "text/xml" | "application/xml" => "xml",
        "audio/mpeg" => "mp3",
        "audio/wav" | "audio/x-wav" => "wav",
        "video/mp4" => "mp4",
        _ if kind.starts_with("text/") => "txt",
        _ => "bin",
    };
    let stem = kind.split('/').next().filter(|main| matches!(*main, "image" | "audio" | "video"));
    format!("{}.{extension}", stem.unwrap_or("attachment"))
}
