//! How large a picture is, told by its header alone: a small file can unfold into more than a
//! browser can hold. Nothing is decoded here.

use crate::MediaType;

/// A picture of more pixels is offered for saving and never shown.
const PIXELS_MAX: u64 = 50_000_000;

/// Whether a browser may be given a picture to show. One whose size cannot be told may not.
pub(crate) fn may_be_shown(kind: MediaType, bytes: &[u8]) -> bool {
    let size = match kind {
        MediaType::Png => png(bytes),
        MediaType::Jpeg => jpeg(bytes),
        MediaType::Gif => gif(bytes),
        MediaType::Webp => webp(bytes),
        MediaType::Pdf
        | MediaType::Mp3
        | MediaType::Mp4
        | MediaType::Webm
        | MediaType::Ogg
        | MediaType::Wav
        | MediaType::Other => return false,
    };
    size.is_some_and(|(width, height)| {
        let pixels = u64::from(width) * u64::from(height);
        (1..=PIXELS_MAX).contains(&pixels)
    })
}

type Size = (u32, u32);

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn big_16(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u16::from_be_bytes).map(u32::from)
}

fn little_16(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u16::from_le_bytes).map(u32::from)
}

fn little_24(bytes: &[u8], at: usize) -> Option<u32> {
    let [low, middle, high] = array(bytes, at)?;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}

/// The first chunk is the header (PNG, 5.6).
fn png(bytes: &[u8]) -> Option<Size> {
    if array(bytes, 12)? != *b"IHDR" {
        return None;
    }
    Some((u32::from_be_bytes(array(bytes, 16)?), u32::from_be_bytes(array(bytes, 20)?)))
}

/// The frame header is the first segment of its kind, before any scan (ITU T.81, B.2).
fn jpeg(bytes: &[u8]) -> Option<Size> {
    let mut at = 2;
    loop {
        let [mark, kind] = array(bytes, at)?;
        match (mark, kind) {
            // Any number of them may stand before a marker.
            (0xff, 0xff) => at += 1,
            // Markers without a segment.
            (0xff, 0x01 | 0xd0..=0xd7) => at += 2,
            (0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                return Some((big_16(bytes, at + 7)?, big_16(bytes, at + 5)?));
            }
            // A scan, the end, or a second beginning: there is no frame.
            (0xff, 0x00 | 0xd8..=0xda) => return None,
            (0xff, _) => at += 2 + usize::try_from(big_16(bytes, at + 2)?).ok()?,
            _ => return None,
        }
    }
}

/// The screen, or the first picture on it where that reaches further: browsers make room for it
/// (GIF89a, 18 and 20).
fn gif(bytes: &[u8]) -> Option<Size> {
    let screen = (little_16(bytes, 6)?, little_16(bytes, 8)?);
    let mut at = 13 + table_of(bytes, 10)?;
    loop {
        let [kind] = array(bytes, at)?;
        match kind {
            b'!' => at = end_of_blocks(bytes, at + 2)?,
            b',' => {
                let right = little_16(bytes, at + 1)? + little_16(bytes, at + 5)?;
                let bottom = little_16(bytes, at + 3)? + little_16(bytes, at + 7)?;
                return Some((screen.0.max(right), screen.1.max(bottom)));
            }
            _ => return None,
        }
    }
}

/// The length of a table of colours that these flags announce.
fn table_of(bytes: &[u8], flags_at: usize) -> Option<usize> {
    let [flags] = array(bytes, flags_at)?;
    Some(if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) })
}

fn end_of_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match array(bytes, at)? {
            [0] => return Some(at + 1),
            [length] => at += 1 + usize::from(length),
        }
    }
}

/// The first chunk says it, in one of three ways (RFC 9649, 2.5 to 2.7 and 3.4).
fn webp(bytes: &[u8]) -> Option<Size> {
    match &array(bytes, 12)? {
        b"VP8X" => Some((little_24(bytes, 24)? + 1, little_24(bytes, 27)? + 1)),
        b"VP8L" => {
            let packed = u32::from_le_bytes(array(bytes, 21)?);
            let is_one = array(bytes, 20)? == [0x2f];
            is_one.then_some(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => {
            let is_one = array(bytes, 23)? == [0x9d, 0x01, 0x2a];
            let side = |at| little_16(bytes, at).map(|side| side & 0x3fff);
            is_one.then_some((side(26)?, side(28)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of each kind and way, with these sides; as far as a header goes.
    fn pictures((width, height): Size) -> Vec<(MediaType, Vec<u8>)> {
        let little = |side: u32, length: usize| side.to_le_bytes()[..length].to_vec();
        let big_sides = |length: usize| {
            [height, width].map(|side| side.to_be_bytes()[4 - length..].to_vec()).concat()
        };
        let little_sides = |length: usize, less: u32| {
            [little(width - less, length), little(height - less, length)].concat()
        };
        let mut all = vec![(
            MediaType::Png,
            [
                &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
                &width.to_be_bytes(),
                &height.to_be_bytes(),
                b"\x08\x06\0\0\0",
            ]
            .concat(),
        )];
        if width < 1 << 16 && height < 1 << 16 {
            let jpeg = |before: &[u8], kind: u8| {
                [
                    &b"\xff\xd8"[..],
                    before,
                    &[0xff, kind, 0, 11, 8],
                    &big_sides(2),
                    b"\x01\x01\x11\0",
                ]
                .concat()
            };
            all.push((MediaType::Jpeg, jpeg(b"\xff\xe0\0\x04ab", 0xc0)));
            all.push((
                MediaType::Jpeg,
                jpeg(b"\xff\xff\xff\xe1\0\x08\xff\xc0\0\x11xx\xff\x01", 0xc2),
            ));
            let gif = |flags: u8, before: &[u8]| {
                let screen = little_sides(2, 0);
                let frame = [&b",\0\0\0\0"[..], &screen, b"\0"].concat();
                [&b"GIF89a"[..], &screen, &[flags, 0, 0], before, &frame].concat()
            };
            all.push((MediaType::Gif, gif(0, b"")));
            let table = [0; 6];
            all.push((
                MediaType::Gif,
                gif(0x80, &[&table[..], b"!\xf9\x04\0\0\0\0\0!\xfe\x02,,\0"].concat()),
            ));
            let larger = [&b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0"[..], &little_sides(2, 0), b"\0"];
            all.push((MediaType::Gif, larger.concat()));
        }
        if width <= 1 << 14 && height <= 1 << 14 {
            let packed = (width - 1) | ((height - 1) << 14);
            let lossless = [&b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f"[..], &packed.to_le_bytes()];
            all.push((MediaType::Webp, lossless.concat()));
        }
        if width < 1 << 14 && height < 1 << 14 {
            let lossy =
                [&b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a"[..], &little_sides(2, 0)];
            all.push((MediaType::Webp, lossy.concat()));
        }
        if width <= 1 << 24 && height <= 1 << 24 {
            let extended = [&b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0"[..], &little_sides(3, 1)];
            all.push((MediaType::Webp, extended.concat()));
        }
        all
    }

    #[test]
    fn pictures_of_more_than_fifty_megapixels_are_not_shown() {
        for (size, may) in [
            ((1, 1), true),
            ((640, 480), true),
            ((10_000, 5_000), true),
            ((10_000, 5_001), false),
            ((16_383, 16_383), false),
            ((65_535, 65_535), false),
            ((1 << 24, 1 << 24), false),
            ((u32::MAX, u32::MAX), false),
            ((50_000_000, 1), true),
            ((50_000_001, 1), false),
        ] {
            for (kind, bytes) in pictures(size) {
                assert_eq!(may_be_shown(kind, &bytes), may, "{kind:?} {size:?}");
                let stored = if may { kind } else { MediaType::Other };
                assert_eq!(MediaType::of(&bytes), stored, "{kind:?} {size:?}");
            }
        }
        assert_eq!(pictures((640, 480)).len(), 9, "every kind and way");
    }

    #[test]
    fn every_size_is_read_as_it_was_written() {
        let mut seed = 7_u32;
        let mut side = |bits: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1 + (seed >> 9) % (1 << bits)
        };
        for round in 0..2_000 {
            let bits = round % 14 + 1;
            let size = (side(bits), side(bits));
            for (kind, bytes) in pictures(size) {
                let ways = [png(&bytes), jpeg(&bytes), gif(&bytes), webp(&bytes)];
                assert!(ways.contains(&Some(size)), "{kind:?} {size:?}: {ways:?}");
            }
        }
    }

    #[test]
    fn whatever_is_cut_or_changed_is_read_or_refused() {
        for (kind, bytes) in pictures((640, 480)) {
            for end in 0..bytes.len() {
                let cut = &bytes[..end];
                // What is cut behind the sides is read, what is cut before is not.
                if may_be_shown(kind, cut) {
                    assert!(end > bytes.len() - 6, "{kind:?} {end}");
                }
                for value in [0, 1, 0x7f, 0x80, 0xc0, 0xda, 0xff] {
                    let mut changed = bytes.clone();
                    changed[end] = value;
                    for kind in [MediaType::Png, MediaType::Jpeg, MediaType::Gif, MediaType::Webp] {
                        may_be_shown(kind, &changed);
                    }
                }
            }
        }
        for bytes in [
            &b"\xff\xd8\xff\xda\0\x02"[..],
            b"\xff\xd8\xff\xd9",
            b"\xff\xd8junk",
            b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x01",
            b"\xff\xd8\xff\xe0\xff\xff",
        ] {
            assert!(!may_be_shown(MediaType::Jpeg, bytes), "{bytes:?}");
        }
        assert!(!may_be_shown(MediaType::Gif, b"GIF89a\x01\0\x01\0\0\0\0;"), "no picture in it");
        assert!(!may_be_shown(
            MediaType::Png,
            b"\x89PNG\r\n\x1a\n\0\0\0\rtEXT\0\0\0\x01\0\0\0\x01"
        ));
    }
}
