//! How far a long command is.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal;

/// A bar on a terminal, a line at every tenth elsewhere.
pub(super) struct Progress {
    bar: ProgressBar,
    what: &'static str,
    total: u64,
    tenths: u64,
}

impl Progress {
    /// `what` is counted, such as `tickets`, up to `total`.
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = "{bar:40} {pos} of {len} {prefix}{msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self { bar, what, total, tenths: 0 }
    }

    /// `more` stands behind the count, such as `, 300 messages`.
    pub(super) fn step(&mut self, done: u64, more: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_message(more.to_owned());
            self.bar.set_position(done);
            return;
        }
        let tenths = done * 10 / self.total.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            terminal::say(&format!("{done} of {} {}{more}", self.total, self.what));
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
