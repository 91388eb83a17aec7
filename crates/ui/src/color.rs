//! The seller's colours for places that know no style sheet: mail.

/// A hue as the three colours of a mail, `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrandColors {
    /// Buttons and links: readable on white, white readable on it.
    pub ink: String,
    pub tint: String,
    pub line: String,
}

impl BrandColors {
    /// The same lightness for every hue, as in the style sheet, so contrast never depends on it.
    pub fn of(hue: u16) -> Self {
        Self {
            ink: hex(0.435, 0.082, hue),
            tint: hex(0.964, 0.014, hue),
            line: hex(0.87, 0.035, hue),
        }
    }
}

/// OKLCH to sRGB (Björn Ottosson's matrices), clipped to what a screen can show.
fn hex(lightness: f64, chroma: f64, hue: u16) -> String {
    let angle = f64::from(hue).to_radians();
    let (a, b) = (chroma * angle.cos(), chroma * angle.sin());
    let long = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let medium = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let short = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let linear = [
        4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short,
        -1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short,
        -0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701_0 * short,
    ];
    linear.iter().fold("#".to_owned(), |text, channel| format!("{text}{:02x}", gamma(*channel)))
}

fn gamma(linear: f64) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let encoded =
        if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a channel from 0 to 255"
    )]
    let channel = (encoded * 255.0).round() as u8;
    channel
}
