//! What the senders remember, outside the program.

use std::sync::Mutex;

use tokio::sync::watch;

/// What a sender was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Taken,
    /// Never.
    Refused(String),
    /// Not now, and nothing was handed over.
    Later,
    /// It was handed over, and no answer came.
    Nothing,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) is_taken: bool,
    pub(crate) refused: Option<String>,
    /// How often nobody knew whether it was taken, and it was sent again.
    pub(crate) unknown: usize,
    /// How often it was sent again although it was taken.
    pub(crate) repeated: usize,
}

pub(crate) struct Ledger {
    lines: Mutex<Vec<Line>>,
    /// How many need not be sent any more.
    settled: watch::Sender<usize>,
}

impl Ledger {
    pub(crate) fn new(mails: usize) -> Self {
        let lines = vec![Line::default(); mails];
        Self { lines: Mutex::new(lines), settled: watch::Sender::new(0) }
    }

    /// Writes down what was said about a mail. Says whether it was the last word.
    pub(crate) fn write(&self, number: usize, said: Said) -> bool {
        let mut lines = self.lines.lock().expect("nobody broke it");
        let line = &mut lines[number];
        let was_settled = line.is_taken || line.refused.is_some();
        match said {
            Said::Taken if was_settled => line.repeated += 1,
            Said::Taken => line.is_taken = true,
            Said::Refused(why) => line.refused = Some(why),
            Said::Nothing => line.unknown += 1,
            Said::Later => {}
        }
        let is_settled = line.is_taken || line.refused.is_some();
        if is_settled && !was_settled {
            self.settled.send_modify(|settled| *settled += 1);
        }
        is_settled
    }

    pub(crate) async fn until_settled(&self, count: usize) {
        let mut settled = self.settled.subscribe();
        settled.wait_for(|settled| *settled >= count).await.expect("the ledger stays open");
    }

    pub(crate) fn settled(&self) -> usize {
        *self.settled.borrow()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().expect("nobody broke it").clone()
    }
}
