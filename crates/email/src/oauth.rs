//! Signing in to providers that no longer take passwords (RFC 6749 with PKCE, RFC 7636).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egress::{Http, HttpFault};
use kernel::{Secret, clip, one_line};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Where a provider is asked, and for what.
#[derive(Clone, Debug)]
pub struct Provider {
    pub name: String,
    pub authorize_url: String,
    pub token_url: String,
    pub scopes: Vec<String>,
    /// What else the provider wants to hear when it is asked for permission.
    pub extra: Vec<(String, String)>,
}

/// This installation, as the provider knows it.
#[derive(Clone, Debug)]
pub struct App {
    pub provider: Provider,
    pub client_id: String,
    pub client_secret: Secret,
    /// Where the provider sends people back to.
    pub redirect_url: String,
}

/// What a provider hands out.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: Secret,
    /// Providers send it with the first permission and not always later.
    pub refresh: Option<Secret>,
    pub expires_in_seconds: u32,
}

/// Proof that whoever redeems a permission also asked for it.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// To be kept until the code is exchanged.
    pub verifier: Secret,
    pub challenge: String,
}

/// A provider gave no token.
#[derive(Debug, thiserror::Error)]
pub enum OauthFault {
    #[error(transparent)]
    Http(#[from] HttpFault),
    #[error("{0} refused the stored permission; connect again")]
    PermissionGone(String),
    #[error("{0} does not know this client id and secret; check both")]
    UnknownApp(String),
    #[error("{provider} gave no permission: {said}")]
    Denied { provider: String, said: String },
    #[error("{0} does not answer properly at the moment")]
    Broken(String),
}

impl OauthFault {
    /// Whether it stays like this until somebody does something.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::PermissionGone(_) | Self::UnknownApp(_) | Self::Denied { .. } => true,
            Self::Http(_) | Self::Broken(_) => false,
        }
    }
}

impl Provider {
    /// Gmail and Google Workspace.
    pub fn google() -> Self {
        Self {
            name: "Google".to_owned(),
            authorize_url: "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
            token_url: "https://oauth2.googleapis.com/token".to_owned(),
            scopes: vec!["https://mail.google.com/".to_owned()],
            // Without these there is no refresh token.
            extra: vec![
                ("access_type".to_owned(), "offline".to_owned()),
                ("prompt".to_owned(), "consent".to_owned()),
            ],
        }
    }

    /// Microsoft 365 and Outlook.com. The tenant is `common` when anybody may sign in.
    pub fn microsoft(tenant: &str) -> Self {
        let tenant = escape(tenant);
        let base = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0");
        Self {
            name: "Microsoft".to_owned(),
            authorize_url: format!("{base}/authorize"),
            token_url: format!("{base}/token"),
            scopes: vec![
                "https://outlook.office.com/IMAP.AccessAsUser.All".to_owned(),
                "https://outlook.office.com/SMTP.Send".to_owned(),
                "offline_access".to_owned(),
            ],
            extra: vec![("prompt".to_owned(), "select_account".to_owned())],
        }
    }
}

impl Pkce {
    /// A new proof, from 256 random bits.
    pub fn new() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self::from_verifier(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn from_verifier(verifier: String) -> Self {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        Self { verifier: Secret::new(verifier), challenge }
    }
}

impl Default for Pkce {
    fn default() -> Self {
        Self::new()
    }
}

/// Where to send the owner to ask for permission. `state` comes back and has to be the same.
pub fn authorize_url(app: &App, state: &str, pkce: &Pkce, login_hint: Option<&str>) -> String {
    let scopes = app.provider.scopes.join(" ");
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", &app.client_id),
        ("redirect_uri", &app.redirect_url),
        ("scope", &scopes),
        ("state", state),
        ("code_challenge", &pkce.challenge),
        ("code_challenge_method", "S256"),
    ];
    query.extend(app.provider.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    query.extend(login_hint.map(|hint| ("login_hint", hint)));
    let query: Vec<String> =
        query.into_iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    format!("{}?{}", app.provider.authorize_url, query.join("&"))
}

/// Turns the code that came back into tokens.
pub async fn exchange_code(
    app: &App,
    code: &str,
    verifier: &Secret,
    http: &Http,
) -> Result<Tokens, OauthFault> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", app.redirect_url.as_str()),
        ("code_verifier", verifier.reveal()),
        ("client_id", app.client_id.as_str()),
        ("client_secret", app.client_secret.reveal()),
    ];
    ask(app, &form, http).await
}

/// Gets a new access token for a stored permission.
pub async fn refresh(app: &App, refresh_token: &Secret, http: &Http) -> Result<Tokens, OauthFault> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.reveal()),
        ("client_id", app.client_id.as_str()),
        ("client_secret", app.client_secret.reveal()),
    ];
    ask(app, &form, http).await
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u32>,
}

#[derive(Deserialize)]
struct Denial {
    error: String,
    error_description: Option<String>,
}

/// What providers promise when they say nothing.
const EXPIRES_IN_SECONDS: u32 = 3600;

async fn ask(app: &App, form: &[(&str, &str)], http: &Http) -> Result<Tokens, OauthFault> {
    let name = || app.provider.name.clone();
    let answer = http.post_form(&app.provider.token_url, form).await?;
    if answer.is_success() {
        let given: Given = answer.json(&app.provider.name)?;
        return Ok(Tokens {
            access: Secret::new(given.access_token),
            refresh: given.refresh_token.map(Secret::new),
            expires_in_seconds: given.expires_in.unwrap_or(EXPIRES_IN_SECONDS),
        });
    }
    let Ok(denial) = answer.json::<Denial>(&app.provider.name) else {
        return Err(OauthFault::Broken(name()));
    };
    Err(match denial.error.as_str() {
        "invalid_grant" => OauthFault::PermissionGone(name()),
        "invalid_client" | "unauthorized_client" => OauthFault::UnknownApp(name()),
        "temporarily_unavailable" | "server_error" | "slow_down" => OauthFault::Broken(name()),
        _ => {
            let said = denial.error_description.unwrap_or(denial.error);
            OauthFault::Denied { provider: name(), said: clip(&one_line(&said), 200) }
        }
    })
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                out.push(digit.to_ascii_uppercase());
            }
        }
    }
    out
}
