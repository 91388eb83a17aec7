//! What a judgement about a ticket teaches whoever watches over the mail.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use database::Tx;
use kernel::{TicketId, Timestamp};
use queue::{Context, Job, Retry};
use serde::{Deserialize, Serialize};

use crate::state::State;

/// What there is to learn from a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lesson {
    Spam,
    NotSpam,
    /// The judgement was taken back.
    Forget,
}

/// Tells that somebody judged a ticket.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TeachLesson {
    pub ticket: TicketId,
    pub lesson: Lesson,
}

/// Lent by the feature that took the ticket's message in and wants to judge the next one better.
pub trait Learner: Send + Sync {
    fn learn(
        &self,
        ticket: TicketId,
        lesson: Lesson,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + '_>>;
}

impl Job for TeachLesson {
    const NAME: &'static str = "tickets.teach_lesson";
    type Services = Arc<dyn Learner>;

    async fn run(&self, cx: &Context<Self::Services>) -> Result<(), Retry> {
        Ok(cx.services.learn(self.ticket, self.lesson).await?)
    }
}

/// What a move from one state to another teaches. Pure.
fn lesson(before: State, after: State, is_undo: bool) -> Option<Lesson> {
    match (before, after) {
        (State::Spam, State::Spam) => None,
        (_, State::Spam) => Some(Lesson::Spam),
        (State::Spam, _) if is_undo => Some(Lesson::Forget),
        (State::Spam, _) => Some(Lesson::NotSpam),
        _ => None,
    }
}

/// Passes on what a change of a ticket by a person teaches, if anything.
pub(crate) async fn teach(
    tx: &mut Tx,
    ticket: TicketId,
    (before, after): (State, State),
    is_undo: bool,
    now: Timestamp,
) -> anyhow::Result<()> {
    match lesson(before, after, is_undo) {
        Some(lesson) => queue::enqueue(tx, &TeachLesson { ticket, lesson }, now).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_about_spam_teaches() {
        for (before, after, is_undo, taught) in [
            (State::New, State::Spam, false, Some(Lesson::Spam)),
            (State::Spam, State::Open, false, Some(Lesson::NotSpam)),
            (State::Spam, State::New, true, Some(Lesson::Forget)),
            (State::Open, State::Spam, true, Some(Lesson::Spam)),
            (State::Spam, State::Spam, false, None),
            (State::Open, State::Resolved, false, None),
            (State::Resolved, State::Open, true, None),
        ] {
            assert_eq!(lesson(before, after, is_undo), taught, "{before:?} {after:?} {is_undo}");
        }
    }
}
