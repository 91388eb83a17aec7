use egress::Http;
use kernel::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::peer::guard;
use crate::oauth::{App, OauthFault, Pkce, Provider, authorize_url, exchange_code, refresh};

fn app(provider: Provider) -> App {
    App {
        provider,
        client_id: "client 1".to_owned(),
        client_secret: Secret::new("s3cret"),
        redirect_url: "https://desk.shop.example/connected".to_owned(),
    }
}

#[test]
fn permission_is_asked_for_with_proof_and_state() {
    let pkce = Pkce::new();
    assert_ne!(pkce.verifier, Pkce::new().verifier);
    assert!(pkce.verifier.reveal().len() >= 43);
    let url = authorize_url(&app(Provider::google()), "st&te", &pkce, Some("dana@shop.example"));
    assert!(url.starts_with(
        "https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=client%201&"
    ));
    for part in [
        "redirect_uri=https%3A%2F%2Fdesk.shop.example%2Fconnected",
        "scope=https%3A%2F%2Fmail.google.com%2F",
        "state=st%26te",
        "code_challenge_method=S256",
        "access_type=offline",
        "login_hint=dana%40shop.example",
        &format!("code_challenge={}", pkce.challenge),
    ] {
        assert!(url.contains(part), "{part} {url}");
    }
    assert!(!url.contains(pkce.verifier.reveal()) && !url.contains("s3cret"));
    let url = authorize_url(&app(Provider::microsoft("common")), "s", &pkce, None);
    assert!(url.starts_with("https://login.microsoftonline.com/common/oauth2/v2.0/authorize?"));
    assert!(url.contains(
        "IMAP.AccessAsUser.All%20https%3A%2F%2Foutlook.office.com%2FSMTP.Send%20offline_access"
    ));
    assert!(Provider::microsoft("a/b?c").token_url.contains("/a%2Fb%3Fc/"));
}

/// Answers one request and gives what was asked.
async fn provider(listener: &TcpListener, status: &str, body: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&request).contains("client_secret=") {
        let read = stream.read(&mut piece).await.unwrap();
        request.extend_from_slice(&piece[..read]);
    }
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

#[tokio::test]
async fn codes_and_stored_permissions_are_turned_into_tokens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let local =
        Provider { token_url: format!("http://127.0.0.1:{port}/token"), ..Provider::google() };
    let app = app(local);
    let http = Http::new(guard()).unwrap();
    let verifier = Secret::new("v3rifier");

    let given =
        r#"{"access_token":"a1","refresh_token":"r1","expires_in":3599,"token_type":"Bearer"}"#;
    let (tokens, asked) = tokio::join!(
        exchange_code(&app, "c0de", &verifier, &http),
        provider(&listener, "200 OK", given)
    );
    let tokens = tokens.unwrap();
    assert_eq!(tokens.access.reveal(), "a1");
    assert_eq!(tokens.refresh.unwrap().reveal(), "r1");
    assert_eq!(tokens.expires_in_seconds, 3599);
    assert!(asked.contains("grant_type=authorization_code&code=c0de"), "{asked}");
    assert!(asked.contains("code_verifier=v3rifier"));

    let stored = Secret::new("r1");
    let (tokens, asked) = tokio::join!(
        refresh(&app, &stored, &http),
        provider(&listener, "200 OK", r#"{"access_token":"a2"}"#)
    );
    let tokens = tokens.unwrap();
    assert!(tokens.refresh.is_none());
    assert_eq!((tokens.access.reveal(), tokens.expires_in_seconds), ("a2", 3600));
    assert!(asked.contains("grant_type=refresh_token&refresh_token=r1"));

    for (status, body, words, permanent) in [
        (
            "400 Bad Request",
            r#"{"error":"invalid_grant"}"#,
            "refused the stored permission; connect again",
            true,
        ),
        (
            "401 Unauthorized",
            r#"{"error":"invalid_client"}"#,
            "does not know this client id and secret",
            true,
        ),
        (
            "400 Bad Request",
            r#"{"error":"x","error_description":"Bad\nscope"}"#,
            "gave no permission: Bad scope",
            true,
        ),
        ("503 Unavailable", "<html>oops</html>", "does not answer properly", false),
        (
            "503 Unavailable",
            r#"{"error":"temporarily_unavailable"}"#,
            "does not answer properly",
            false,
        ),
        ("200 OK", "not json", "cannot be read", false),
    ] {
        let (outcome, _) =
            tokio::join!(refresh(&app, &stored, &http), provider(&listener, status, body));
        let fault: OauthFault = outcome.unwrap_err();
        assert!(fault.to_string().contains(words), "{fault}");
        assert_eq!(fault.is_permanent(), permanent, "{fault}");
    }
}

#[test]
fn secrets_do_not_print() {
    let tokens = crate::oauth::Tokens {
        access: Secret::new("a1s3cret"),
        refresh: Some(Secret::new("r1s3cret")),
        expires_in_seconds: 1,
    };
    let shown = format!("{tokens:?} {:?} {:?}", app(Provider::google()), Pkce::new());
    assert!(!shown.contains("s3cret"), "{shown}");
}
