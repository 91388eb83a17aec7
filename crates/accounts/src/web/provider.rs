//! Sign-in at a provider, from the door and from one's own page.

use audit::Deed;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{AgentId, Failure};
use serde::Deserialize;
use ui::{Client as Browser, WebError, WebResult};

use super::cookie::{self, Arrival};
use super::{second_factor, sign_in};
use crate::provider::{
    self, CameBack, Client, Departure, Provider, ProviderRefusal, Traveller, arrive, depart,
};
use crate::store::provider as rows;
use crate::{Accounts, Actor, noted};

pub(super) const CALLBACK: &str = "/login/provider/callback";

/// The provider, if one was entered and this program may speak with it.
async fn provider(accounts: &Accounts) -> WebResult<Option<Provider>> {
    Ok(accounts.sign_in_rules().await?.provider.clone())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
    keep: String,
}

/// From the door. A link and no form: browsers let no form lead to another site.
pub(super) async fn begin(
    State(accounts): State<Accounts>,
    client: Browser,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let Some(provider) = provider(&accounts).await? else { return Ok(ui::see_other("/login")) };
    let network = client.network();
    let heard = accounts.doors().hear_network(accounts.db(), &network, accounts.now()).await;
    heard.map_err(second_factor::too_many)?;
    let keep = !asked.keep.is_empty();
    let traveller = Traveller { agent: None, keep, next: &asked.next };
    match leave(&accounts, &provider, traveller).await {
        Ok(response) => Ok(response),
        Err(Failure::Refused(refusal)) => sign_in::refuse(&accounts, asked.next, refusal).await,
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// From one's own page, to join the sign-in there to the account here.
pub(super) async fn connect(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    let Some(provider) = provider(&accounts).await? else { return Ok(ui::see_other("/me")) };
    let traveller = Traveller { agent: Some(actor.id), keep: false, next: "/me" };
    Ok(leave(&accounts, &provider, traveller).await?)
}

async fn leave(
    accounts: &Accounts,
    provider: &Provider,
    traveller: Traveller<'_>,
) -> Result<Response, Failure<ProviderRefusal>> {
    let redirect_url = accounts.site().url(CALLBACK);
    let client = Client { http: accounts.http()?, provider, redirect_url: &redirect_url };
    let now = accounts.now();
    let Departure { url, browser } =
        depart(accounts.db(), accounts.keys(), client, traveller, now).await?;
    let url = HeaderValue::from_str(&url).map_err(anyhow::Error::from)?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response();
    cookie::begin_journey(accounts, &mut response, &browser);
    Ok(response)
}

/// The provider sent somebody back.
pub(super) async fn callback(
    State(accounts): State<Accounts>,
    client: Browser,
    headers: HeaderMap,
    Query(back): Query<CameBack>,
) -> WebResult<Response> {
    match come_back(&accounts, client, &headers, back).await {
        Ok(response) => Ok(response),
        Err(Failure::Refused(refusal)) => sign_in::refuse(&accounts, String::new(), refusal).await,
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

async fn come_back(
    accounts: &Accounts,
    client: Browser,
    headers: &HeaderMap,
    back: CameBack,
) -> Result<Response, Failure<ProviderRefusal>> {
    let rules = accounts.sign_in_rules().await?;
    let provider = rules.provider.as_ref().ok_or(ProviderRefusal::NotSetUp)?;
    let redirect_url = accounts.site().url(CALLBACK);
    let at = Client { http: accounts.http()?, provider, redirect_url: &redirect_url };
    let browser = accounts.journey_token(headers).map(|token| token.hash());
    let now = accounts.now();
    let (journey, identity) =
        arrive(accounts.db(), accounts.keys(), at, (browser, back), now).await?;
    if let Some(agent) = journey.agent {
        // Before a transaction is open: that somebody was seen is written down, too.
        if !is_signed_in(accounts, headers, agent).await? {
            return Err(ProviderRefusal::Failed.into());
        }
        let mut tx = accounts.db().begin().await?;
        provider::join(&mut tx, provider, &identity, agent, now).await?;
        noted::by_link(accounts, &mut tx, Deed::ProviderJoined, agent, client).await?;
        tx.commit().await?;
        return Ok(ui::see_other("/me"));
    }
    let mut tx = accounts.db().begin().await?;
    let agent = provider::person(&mut tx, provider, &identity, now).await?;
    tx.commit().await?;
    let arrival = Arrival { agent, client, headers, keep: journey.keeps, next: &journey.next };
    cookie::let_in(accounts, arrival).await.map_err(|fault| match fault {
        WebError::Broken(fault) => Failure::Broken(fault),
        _ => Failure::Refused(ProviderRefusal::Failed),
    })
}

/// Whether it is still the same person who joins a sign-in to their account.
async fn is_signed_in(
    accounts: &Accounts,
    headers: &HeaderMap,
    agent: AgentId,
) -> anyhow::Result<bool> {
    let actor = accounts.actor_of(headers).await?;
    Ok(actor.is_some_and(|actor| actor.id == agent && !actor.owes_second_factor))
}

/// Parts the account from the sign-in there.
pub(super) async fn delete(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    if let Some(provider) = provider(&accounts).await? {
        let mut tx = accounts.db().begin().await?;
        rows::part(&mut tx, &provider.issuer, actor.id).await?;
        noted::oneself(&accounts, &mut tx, Deed::ProviderParted, &actor);
        tx.commit().await?;
    }
    Ok(ui::see_other("/me"))
}
