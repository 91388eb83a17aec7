//! Answers to whoever wanted to change what somebody else has changed meanwhile.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ui::{Answer, Fields, Markup, Problems, Toast, View, WebResult};

use super::compose::Warning;
use super::entries::Maker;
use super::sheets;
use super::ticket::Opened;

/// The page as it is now, with the sentence. A form over the page comes again with what was typed
/// in it, and knows what is there now.
pub(super) async fn refused(
    opened: &Opened<'_>,
    sent: &Fields,
    sentence: &str,
    view: View,
) -> WebResult<Response> {
    let Opened { desk, actor, ticket, list } = opened;
    let now = Opened::open(desk, actor, ticket.id, list).await?;
    let maker = Maker::new(desk, actor).await?;
    let sheet = sheets::again(&now, &maker, sent, sentence).await?;
    if view.is_htmx {
        let mut answer = now.whole().await?.toast(&Toast::bad(ui::sentence(sentence)));
        if let Some(sheet) = sheet {
            answer = answer.piece("#sheet", "innerHTML", &sheet)?;
        }
        return Ok(answer.status(StatusCode::CONFLICT).into_response());
    }
    let mut page = if let Some(sheet) = sheet {
        sheets::answer(&now, sheet, view).await?
    } else {
        let warning = Warning::new(&Markup::escape(&ui::sentence(sentence)));
        let warn = ui::rendered(&warning);
        Box::pin(now.retouched(|thread, _| thread.composer.collision = warn)).await?
    };
    *page.status_mut() = StatusCode::CONFLICT;
    Ok(page)
}

/// The panel again, with the sentences at its fields.
pub(super) async fn details_refused(
    opened: &Opened<'_>,
    sent: &Fields,
    problems: Problems,
    view: View,
) -> WebResult<Response> {
    let Opened { desk, actor, ticket, list } = opened;
    let now = Opened::open(desk, actor, ticket.id, list).await?;
    if view.is_htmx {
        let said: Vec<&str> = problems.0.iter().map(|problem| problem.text.as_str()).collect();
        let toast = Toast::bad(said.join(" "));
        let maker = Maker::new(desk, actor).await?;
        let (thread, mut panel) = now.panes(&maker).await?;
        panel.details.retype(sent, problems);
        let answer = Answer::new()
            .piece("#thread-head", "outerMorph", &thread.head)?
            .piece("#thread-menus", "outerMorph", &thread.menus)?
            .piece("#entries", "innerMorph", &thread.stops)?
            .piece("#panel", "outerMorph", &panel)?
            .toast(&toast);
        return Ok(answer.status(StatusCode::CONFLICT).into_response());
    }
    let retype = Box::pin(now.retouched(|_, panel| panel.details.retype(sent, problems)));
    let mut page = retype.await?;
    *page.status_mut() = StatusCode::CONFLICT;
    Ok(page)
}
