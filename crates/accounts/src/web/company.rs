//! The company, its public face, and by which way mail of the system leaves.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use kernel::{EmailAddress, Secret};
use serde::Deserialize;
use ui::{Choice, Chrome, Form, Problems, View, WebResult, Words};

use super::me::{language_name, saved, zone_choices};
use crate::company::PASSWORD_PLACE;
use crate::{Accounts, Actor, Company, SystemMail, noted};

#[derive(Template)]
#[template(path = "company.html")]
struct CompanyPage {
    chrome: Chrome,
    form: CompanyForm,
    has_password: bool,
    hues: Vec<Hue>,
    zones: Vec<Choice>,
    languages: Vec<Choice>,
    ways: Vec<Choice>,
    inboxes: Vec<Choice>,
    encryptions: Vec<Choice>,
    problems: Problems,
}

/// A colour to choose.
struct Hue {
    tens: u16,
    degrees: u16,
    is_chosen: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CompanyForm {
    name: String,
    website: String,
    imprint: String,
    hue: u16,
    time_zone: String,
    language: String,
    /// `any_inbox`, `inbox` or `server`.
    way: String,
    inbox: String,
    from: String,
    host: String,
    port: String,
    tls: String,
    user: String,
    /// Empty: as it was.
    password: String,
}

impl CompanyForm {
    fn of(company: &Company) -> Self {
        let form = Self {
            name: company.name.clone(),
            website: company.website.clone(),
            imprint: company.imprint.clone(),
            hue: company.hue,
            time_zone: company.time_zone.clone(),
            language: company.language.clone(),
            way: "any_inbox".to_owned(),
            port: "587".to_owned(),
            tls: "starttls".to_owned(),
            ..Self::default()
        };
        match &company.system_mail {
            SystemMail::AnyInbox => form,
            SystemMail::Inbox { inbox } => {
                Self { way: "inbox".to_owned(), inbox: inbox.to_string(), ..form }
            }
            SystemMail::Server { from, host, port, tls, user, .. } => Self {
                way: "server".to_owned(),
                from: from.to_string(),
                host: host.clone(),
                port: port.to_string(),
                tls: tls.clone(),
                user: user.clone(),
                ..form
            },
        }
    }
}

impl CompanyPage {
    async fn new(accounts: &Accounts, actor: &Actor, form: Option<CompanyForm>) -> WebResult<Self> {
        let chrome = accounts.chrome(actor, "/settings/company").await?;
        let company = accounts.company().await?;
        let form = form.unwrap_or_else(|| CompanyForm::of(&company));
        let directory = accounts.directory().await?;
        let chosen = |value: &str, chosen: &str| value == chosen;
        let way = |value: &'static str| {
            let label = chrome.t(&format!("system-mail-{value}")).to_owned();
            let note = chrome.t(&format!("system-mail-{value}-note")).to_owned();
            Choice::new(value, label, chosen(value, &form.way)).with_note(note)
        };
        let encryption = |value: &'static str| {
            let label = chrome.t(&format!("tls-{value}")).to_owned();
            Choice::new(value, label, chosen(value, &form.tls))
        };
        Ok(Self {
            has_password: matches!(&company.system_mail,
                SystemMail::Server { password, .. } if !password.is_empty()),
            hues: (0..36)
                .map(|tens| Hue {
                    tens,
                    degrees: tens * 10,
                    is_chosen: (form.hue % 360 + 5) / 10 % 36 == tens,
                })
                .collect(),
            zones: zone_choices(&form.time_zone),
            languages: accounts
                .site()
                .catalog
                .tags()
                .into_iter()
                .map(|tag| Choice::new(tag, language_name(tag), tag == form.language))
                .collect(),
            ways: ["any_inbox", "inbox", "server"].map(way).to_vec(),
            inboxes: directory
                .inboxes()
                .filter(|inbox| inbox.address.is_some())
                .map(|inbox| Choice::new(inbox.id, &inbox.name, inbox.id.to_string() == form.inbox))
                .collect(),
            encryptions: ["implicit", "starttls", "none"].map(encryption).to_vec(),
            chrome,
            form,
            problems: Problems::default(),
        })
    }
}

pub(super) async fn show(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    ui::page(&CompanyPage::new(&accounts, &actor, None).await?)
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    Form(form): Form<CompanyForm>,
) -> WebResult<Response> {
    let before = accounts.company().await?;
    let mut page = CompanyPage::new(&accounts, &actor, Some(form)).await?;
    let (form, problems) = (&page.form, &mut page.problems);
    let name = kernel::clip(&kernel::one_line(&form.name), 100);
    if name.is_empty() {
        problems.add("name", page.chrome.words.t("company-name-missing"));
    }
    if !ui::zones().contains(&form.time_zone) {
        problems.add("time_zone", page.chrome.words.t("time-zone-unknown"));
    }
    let ways = Ways {
        accounts: &accounts,
        words: &page.chrome.words,
        inboxes: &page.inboxes,
        before: &before,
    };
    let system_mail = ways.read(form, problems);
    let (true, Some(system_mail)) = (problems.is_empty(), system_mail) else {
        return ui::again(&page);
    };
    let is_language = accounts.site().catalog.tags().contains(&form.language.as_str());
    let company = Company {
        name,
        website: kernel::clip(&kernel::one_line(&form.website), 200),
        imprint: kernel::clip(&kernel::one_line(&form.imprint), 300),
        hue: form.hue % 360,
        time_zone: form.time_zone.clone(),
        language: if is_language { form.language.clone() } else { before.language.clone() },
        set_up_at: before.set_up_at,
        system_mail,
    };
    let mut tx = accounts.db().begin().await?;
    company.save(&mut tx, accounts.now()).await?;
    noted::company(&accounts, &mut tx, &actor, &before, &company);
    tx.commit().await?;
    Ok(saved(&accounts, &actor, view, "/settings/company"))
}

/// What the way that system mail takes is read against.
struct Ways<'w> {
    accounts: &'w Accounts,
    words: &'w Words,
    inboxes: &'w [Choice],
    before: &'w Company,
}

impl Ways<'_> {
    /// The way that the form describes.
    fn read(&self, form: &CompanyForm, problems: &mut Problems) -> Option<SystemMail> {
        match form.way.as_str() {
            "inbox" => {
                let is_ours = self.inboxes.iter().any(|choice| choice.value == form.inbox);
                let inbox = form.inbox.parse().ok().filter(|_| is_ours);
                if inbox.is_none() {
                    problems.add("inbox", self.words.t("system-mail-inbox-missing"));
                }
                Some(SystemMail::Inbox { inbox: inbox? })
            }
            "server" => self.read_server(form, problems),
            "any_inbox" => Some(SystemMail::AnyInbox),
            _ => {
                problems.add("way", self.words.t("choice-unknown"));
                None
            }
        }
    }

    fn read_server(&self, form: &CompanyForm, problems: &mut Problems) -> Option<SystemMail> {
        let from = problems.keep("from", form.from.parse::<EmailAddress>());
        let port = form.port.trim().parse::<u16>().ok().filter(|port| *port > 0);
        if port.is_none() {
            problems.add("port", self.words.t("port-wrong"));
        }
        let host = form.host.trim().to_owned();
        if host.is_empty() || host.contains(char::is_whitespace) {
            problems.add("host", self.words.t("host-wrong"));
        }
        let password = match &self.before.system_mail {
            SystemMail::Server { password, .. } if form.password.is_empty() => password.clone(),
            _ if form.password.is_empty() => String::new(),
            _ => self.accounts.keys().seal(PASSWORD_PLACE, &Secret::new(form.password.clone())),
        };
        let tls = ["implicit", "starttls", "none"].iter().find(|known| **known == form.tls);
        if tls.is_none() {
            problems.add("tls", self.words.t("choice-unknown"));
        }
        Some(SystemMail::Server {
            from: from?,
            host,
            port: port?,
            tls: (*tls?).to_owned(),
            user: form.user.trim().to_owned(),
            password,
        })
    }
}
