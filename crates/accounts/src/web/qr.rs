//! A text as a picture for the camera of a phone.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::{Color, EcLevel, QrCode};

/// White around the code, without which readers do not find it.
const QUIET: usize = 4;

/// The picture as the address of an image. It lies in the page itself: what it says is secret, so
/// it has no address that a log could hold. None for texts that are too long.
pub(super) fn picture(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let size = code.width() + 2 * QUIET;
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % code.width() + QUIET, at / code.width() + QUIET);
            // A string takes whatever is written to it.
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {size} {size}' \
         shape-rendering='crispEdges'><path fill='white' d='M0 0h{size}v{size}H0z'/>\
         <path d='{path}'/></svg>"
    );
    Some(format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_of_what_fits() {
        let address = picture("otpauth://totp/a:b?secret=GEZDGNBVGY3TQOJQ&issuer=a").unwrap();
        let svg = STANDARD.decode(address.rsplit(',').next().unwrap()).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        // The corner of the first finder pattern, after the white around it.
        assert!(svg.contains("M4 4h1v1h-1z") && !svg.contains("M3 4h1"));
        assert!(picture(&"x".repeat(4_000)).is_none());
    }
}
