//! What a file is, told by its first bytes.

use crate::picture;

/// How a stored file may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    Png,
    Jpeg,
    Gif,
    Webp,
    Pdf,
    Mp3,
    Mp4,
    Webm,
    Ogg,
    Wav,
    /// Everything else: offered for saving, never shown.
    Other,
}

impl MediaType {
    /// Looks at the bytes. What somebody said about the file does not count. A picture that is too
    /// much for a browser is [`MediaType::Other`].
    pub fn of(bytes: &[u8]) -> Self {
        let kind = Self::by_first_bytes(bytes);
        if kind.is_image() && !picture::may_be_shown(kind, bytes) { Self::Other } else { kind }
    }

    fn by_first_bytes(bytes: &[u8]) -> Self {
        match infer::get(bytes).map(|kind| kind.mime_type()) {
            Some("image/png") => Self::Png,
            Some("image/jpeg") => Self::Jpeg,
            Some("image/gif") => Self::Gif,
            Some("image/webp") => Self::Webp,
            Some("application/pdf") => Self::Pdf,
            Some("audio/mpeg") => Self::Mp3,
            Some("video/mp4" | "audio/m4a") => Self::Mp4,
            Some("video/webm") => Self::Webm,
            Some("audio/ogg" | "video/ogg") => Self::Ogg,
            Some("audio/x-wav" | "audio/wav") => Self::Wav,
            Some(_) | None => Self::Other,
        }
    }

    /// The type as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
            Self::Mp3 => "audio/mpeg",
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
            Self::Ogg => "audio/ogg",
            Self::Wav => "audio/wav",
            Self::Other => "application/octet-stream",
        }
    }

    /// The stored type; anything that is not on the list is [`MediaType::Other`].
    pub fn named(text: &str) -> Self {
        [
            Self::Png,
            Self::Jpeg,
            Self::Gif,
            Self::Webp,
            Self::Pdf,
            Self::Mp3,
            Self::Mp4,
            Self::Webm,
            Self::Ogg,
            Self::Wav,
        ]
        .into_iter()
        .find(|known| known.as_str() == text)
        .unwrap_or(Self::Other)
    }

    pub fn is_image(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Gif | Self::Webp)
    }

    /// Whether a browser may show it in place. Never anything that can hold a script.
    pub fn may_be_inline(self) -> bool {
        match self {
            Self::Png
            | Self::Jpeg
            | Self::Gif
            | Self::Webp
            | Self::Mp3
            | Self::Mp4
            | Self::Webm
            | Self::Ogg
            | Self::Wav => true,
            Self::Pdf | Self::Other => false,
        }
    }
}
