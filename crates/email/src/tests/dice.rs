//! Chance that can be repeated.

/// A small generator of numbers, so that a failure can be repeated.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5eed_cafe_f00d_1234)
    }

    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }
}

/// How many cases to try: as many as are quick, or what `RECOURSE_CASES` says.
pub(super) fn cases(quick: usize) -> usize {
    let asked = std::env::var_os("RECOURSE_CASES");
    asked.and_then(|cases| cases.to_str()?.parse().ok()).unwrap_or(quick)
}
