//! The rows of the shop itself: people, inboxes, words.

use std::sync::Arc;

use accounts::Company;
use anyhow::{Context, Result};
use database::{Tx, Value, params};
use kernel::{CategoryId, FieldId, ProblemId, Span, TagId, TeamId, Timestamp};

use crate::batch::File;
use crate::rng::Rng;
use crate::shop::{
    AGENTS, AgentCard, CATEGORIES, COMPANY, DOMAIN, FIELDS, INBOXES, InboxCard, PROBLEMS,
    SAVED_REPLIES, Shop, TAGS, TEAMS, TIME_ZONE, VIEWS,
};

/// Sets the shop up as it was at its opening. What is there already under the same name is used.
pub(crate) async fn open(
    tx: &mut Tx,
    rng: &mut Rng,
    password_hash: &str,
    at: Timestamp,
    now: Timestamp,
) -> Result<Arc<Shop>> {
    company(tx, at).await?;
    let inboxes = inboxes(tx, rng, at).await?;
    let agents = agents(tx, rng, &inboxes, password_hash, at).await?;
    let teams = teams(tx, rng, &agents, at).await?;
    let categories = categories(tx, rng, at).await?;
    let tags = tags(tx).await?;
    let fields = fields(tx).await?;
    let problems = problems(tx, rng, &agents, now).await?;
    replies_and_views(tx, rng, at).await?;
    Ok(Arc::new(Shop { inboxes, agents, teams, categories, tags, fields, problems }))
}

async fn company(tx: &mut Tx, at: Timestamp) -> Result<()> {
    let company = Company::load(tx).await?;
    if company.set_up_at.is_some() {
        return Ok(());
    }
    let company = Company {
        name: COMPANY.to_owned(),
        time_zone: TIME_ZONE.to_owned(),
        website: format!("https://www.{DOMAIN}"),
        imprint: format!("{COMPANY}, Rua do Farol 12, Lisbon"),
        set_up_at: Some(at),
        ..company
    };
    company.save(tx, at).await
}

/// Adds a row unless there is one with this name, and gives its id either way.
async fn found_or_added(
    tx: &mut Tx,
    find: &'static str,
    name: &str,
    add: &'static str,
    values: Vec<Value>,
) -> Result<i64> {
    let known: Vec<i64> = tx.column(find, params![name]).await?;
    match known.first() {
        Some(id) => Ok(*id),
        None => tx.scalar(add, values).await,
    }
}

async fn inboxes(tx: &mut Tx, rng: &mut Rng, at: Timestamp) -> Result<Vec<InboxCard>> {
    let mut cards = Vec::new();
    for plan in INBOXES {
        let address = format!("{}@{DOMAIN}", plan.local);
        let id = found_or_added(
            tx,
            "select id from inboxes where address = $1",
            &address,
            "insert into inboxes (public_id, name, kind, address, sender_name, signature,
                reply_within_minutes, acknowledges, created_at)
             values ($1, $2, 'email', $3, $4, $5, $6, $7, $8) returning id",
            params![
                rng.public_id(at),
                plan.name,
                &address,
                COMPANY,
                format!("{COMPANY} · www.{DOMAIN}"),
                plan.reply_within_minutes,
                true,
                at
            ],
        )
        .await?;
        let (id, reply_within_minutes) = (id.into(), plan.reply_within_minutes);
        cards.push(InboxCard { id, address, reply_within_minutes });
    }
    Ok(cards)
}

async fn agents(
    tx: &mut Tx,
    rng: &mut Rng,
    inboxes: &[InboxCard],
    password_hash: &str,
    at: Timestamp,
) -> Result<Vec<AgentCard>> {
    let mut cards = Vec::new();
    for plan in AGENTS {
        let id = found_or_added(
            tx,
            "select id from agents where email = $1",
            &address_of(plan.name),
            "insert into agents (public_id, name, email, role, state, password_hash,
                sees_every_inbox, time_zone, language, signature, created_at)
             values ($1, $2, $3, $4, 'active', $5, $6, $7, 'en', $8, $9) returning id",
            params![
                rng.public_id(at),
                plan.name,
                address_of(plan.name),
                plan.role.as_str(),
                password_hash,
                plan.inboxes.is_empty(),
                TIME_ZONE,
                plan.signature,
                at
            ],
        )
        .await?;
        for inbox in plan.inboxes {
            let inbox = inboxes.get(*inbox).context("an inbox of the shop")?.id;
            tx.execute(
                "insert into inbox_access (agent_id, inbox_id) values ($1, $2)
                 on conflict do nothing",
                params![id, inbox],
            )
            .await?;
        }
        cards.push(AgentCard {
            id: id.into(),
            name: plan.name,
            role: plan.role,
            inboxes: plan.inboxes,
            signature: plan.signature,
        });
    }
    tx.announce(live::Change::Settings);
    Ok(cards)
}

/// `sarah@northlight.example`.
pub(crate) fn address_of(name: &str) -> String {
    let first = name.split(' ').next().unwrap_or_default().to_lowercase();
    format!("{first}@{DOMAIN}")
}

async fn teams(
    tx: &mut Tx,
    rng: &mut Rng,
    agents: &[AgentCard],
    at: Timestamp,
) -> Result<Vec<TeamId>> {
    let mut teams = Vec::new();
    for (index, name) in TEAMS.into_iter().enumerate() {
        let id = found_or_added(
            tx,
            "select id from teams where name = $1",
            name,
            "insert into teams (public_id, name, created_at) values ($1, $2, $3) returning id",
            params![rng.public_id(at), name, at],
        )
        .await?;
        for (plan, agent) in AGENTS.iter().zip(agents) {
            if plan.team == index {
                tx.execute(
                    "insert into team_members (team_id, agent_id) values ($1, $2)
                     on conflict do nothing",
                    params![id, agent.id],
                )
                .await?;
            }
        }
        teams.push(TeamId(id));
    }
    Ok(teams)
}

async fn categories(tx: &mut Tx, rng: &mut Rng, at: Timestamp) -> Result<Vec<CategoryId>> {
    let mut categories = Vec::new();
    for (position, name) in (0_i64..).zip(CATEGORIES) {
        let id = found_or_added(
            tx,
            "select id from categories where name = $1",
            name,
            "insert into categories (public_id, name, position) values ($1, $2, $3) returning id",
            params![rng.public_id(at), name, position],
        )
        .await?;
        categories.push(CategoryId(id));
    }
    Ok(categories)
}

async fn tags(tx: &mut Tx) -> Result<Vec<TagId>> {
    let mut tags = Vec::new();
    for name in TAGS {
        let id = found_or_added(
            tx,
            "select id from tags where name = $1",
            name,
            "insert into tags (name) values ($1) returning id",
            params![name],
        )
        .await?;
        tags.push(TagId(id));
    }
    Ok(tags)
}

async fn fields(tx: &mut Tx) -> Result<Vec<FieldId>> {
    let mut fields = Vec::new();
    for (position, (key, label, kind, choices)) in (0_i64..).zip(FIELDS) {
        let id = found_or_added(
            tx,
            "select id from fields where key = $1",
            key,
            "insert into fields (key, label, kind, choices, position)
             values ($1, $2, $3, $4, $5) returning id",
            params![key, label, kind, choices, position],
        )
        .await?;
        fields.push(FieldId(id));
    }
    Ok(fields)
}

async fn problems(
    tx: &mut Tx,
    rng: &mut Rng,
    agents: &[AgentCard],
    now: Timestamp,
) -> Result<Vec<ProblemId>> {
    let lead = agents.get(1).context("a lead")?.id;
    let mut problems = Vec::new();
    for (title, is_fixed) in PROBLEMS {
        let at = now - Span::days(20);
        let (state, fixed_at) =
            if is_fixed { ("fixed", Some(now - Span::days(3))) } else { ("open", None) };
        let id = found_or_added(
            tx,
            "select id from problems where title = $1",
            title,
            "insert into problems (public_id, title, state, created_by, created_at, fixed_at)
             values ($1, $2, $3, $4, $5, $6) returning id",
            params![rng.public_id(at), title, state, lead, at, fixed_at],
        )
        .await?;
        problems.push(ProblemId(id));
    }
    Ok(problems)
}

async fn replies_and_views(tx: &mut Tx, rng: &mut Rng, at: Timestamp) -> Result<()> {
    for (title, text) in SAVED_REPLIES {
        found_or_added(
            tx,
            "select id from saved_replies where title = $1 and owner_id is null",
            title,
            "insert into saved_replies (public_id, title, text, updated_at)
             values ($1, $2, $3, $4) returning id",
            params![rng.public_id(at), title, text, at],
        )
        .await?;
    }
    for (position, (name, query, sort)) in (0_i64..).zip(VIEWS) {
        found_or_added(
            tx,
            "select id from views where name = $1 and owner_id is null",
            name,
            "insert into views (public_id, name, query, sort, position, created_at)
             values ($1, $2, $3, $4, $5, $6) returning id",
            params![rng.public_id(at), name, query, sort, position, at],
        )
        .await?;
    }
    Ok(())
}

/// Notes the files that customers attach.
pub(crate) async fn note_files(tx: &mut Tx, files: &[File], at: Timestamp) -> Result<()> {
    for file in files {
        let hash = files::FileHash::read(&file.hash).context("the hash of a file")?;
        files::record(tx, &hash, file.size_bytes, at).await?;
    }
    Ok(())
}
