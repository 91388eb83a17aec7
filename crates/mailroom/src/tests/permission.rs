//! Permissions of a provider are renewed in time, kept sealed, and missed loudly.

use database::on_both;
use email::Credentials;
use kernel::{Secret, Span};

use super::servers::{Provider, Sink};
use super::stage::{Stage, mail};
use crate::connection::{Connection, Oauth, place};

async fn connected(stage: &Stage, provider: &Provider, smtp_port: u16) -> Connection {
    let inbox = stage.cast.support;
    let seal = |what: &str, text: &str| stage.keys.seal(&place(inbox, what), &Secret::new(text));
    let mut endpoint = stage.endpoint(inbox, "smtp", smtp_port);
    endpoint.password = None;
    let connection = Connection {
        smtp: Some(endpoint),
        oauth: Some(Oauth {
            client_id: "client".to_owned(),
            client_secret: seal("oauth client", "cl1ent"),
            authorize_url: provider.url("/authorize"),
            token_url: provider.url("/token"),
            scope: "mail".to_owned(),
            refresh_token: Some(seal("oauth refresh", "refresh-first")),
            access_token: None,
            expires_at: None,
            refused: None,
        }),
        ..Connection::default()
    };
    stage.connects(inbox, &connection).await;
    connection
}

async fn stored(stage: &Stage) -> Oauth {
    let conn = stage.db.read().await.unwrap();
    let connection = Connection::find(&conn, stage.cast.support).await.unwrap();
    connection.unwrap().oauth.unwrap()
}

on_both! {
    async fn a_token_is_renewed_before_it_ends_and_kept_sealed(db: Db) {
        let (stage, provider) = (Stage::new(db).await, Provider::new().await);
        let connection = connected(&stage, &provider, 25).await;
        provider.answers("200 OK", r#"{"access_token":"access-first","refresh_token":"refresh-second","expires_in":3600}"#);
        let token = async || {
            let got = stage.permissions.smtp(stage.cast.support, &connection).await.unwrap();
            let Credentials::Token { user, token } = got else { panic!("a token") };
            assert_eq!(user, "desk");
            token.reveal().to_owned()
        };
        assert_eq!((token().await, token().await), ("access-first".to_owned(), "access-first".to_owned()));
        assert_eq!(provider.asked().len(), 1, "asked once");
        assert!(provider.asked()[0].contains("refresh_token=refresh-first"));
        let kept = stored(&stage).await;
        let kept = format!("{kept:?}");
        assert!(!kept.contains("access-first") && !kept.contains("refresh-second"), "{kept}");

        // A second answer without a refresh token leaves the one that is there.
        provider.answers("200 OK", r#"{"access_token":"access-later","expires_in":3600}"#);
        stage.later(Span::minutes(56));
        assert_eq!(token().await, "access-later", "five minutes before the end");
        assert!(provider.asked()[1].contains("refresh_token=refresh-second"));
        stage.later(Span::minutes(56));
        token().await;
        assert!(provider.asked()[2].contains("refresh_token=refresh-second"));
    }

    async fn a_refusal_is_kept_in_words_and_a_hiccup_is_not(db: Db) {
        let (stage, provider) = (Stage::new(db).await, Provider::new().await);
        let connection = connected(&stage, &provider, 25).await;
        let ask = async || {
            let got = stage.permissions.smtp(stage.cast.support, &connection).await;
            format!("{:#}", got.err().unwrap())
        };
        provider.answers("503 Busy", r#"{"error":"temporarily_unavailable"}"#);
        assert!(ask().await.contains("does not answer properly"));
        assert_eq!(stored(&stage).await.refused, None);
        provider.answers("400 Bad Request", r#"{"error":"invalid_grant"}"#);
        assert!(ask().await.contains("connect again"));
        let refused = stored(&stage).await.refused.unwrap();
        assert!(refused.contains("refused the stored permission"), "{refused}");
        provider.answers("200 OK", r#"{"access_token":"a1"}"#);
        let got = stage.permissions.smtp(stage.cast.support, &connection).await;
        assert!(got.is_ok());
        assert_eq!(stored(&stage).await.refused, None, "it works again");
    }

    async fn mail_leaves_with_a_token(db: Db) {
        let (stage, provider, sink) = (Stage::new(db).await, Provider::new().await, Sink::new().await);
        connected(&stage, &provider, sink.port()).await;
        provider.answers("200 OK", r#"{"access_token":"t0k3n"}"#);
        stage.comes(mail("q1", "Where is it?", "The download")).await;
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        // user=desk^Aauth=Bearer t0k3n^A^A
        let said = sink.got()[0].sign_in.clone();
        assert_eq!(said.as_deref(), Some("XOAUTH2 dXNlcj1kZXNrAWF1dGg9QmVhcmVyIHQwazNuAQE="));
    }
}
