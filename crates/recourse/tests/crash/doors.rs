//! Every door, tried once.

use std::fmt::Write as _;
use std::process::Stdio;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::driver::Driver;
use crate::ledger::Said;
use crate::order::{Door, Mail};
use crate::server::command;
use crate::world::Dovecot;
use crate::world::dovecot::offer;

/// The mail can be tried again (EX_TEMPFAIL).
const EX_TEMPFAIL: i32 = 75;

impl Driver {
    pub(crate) async fn tries(&self, mail: &Mail) -> Said {
        match mail.door {
            Door::Lmtp => self.by_lmtp(mail).await,
            Door::Imap => self.by_imap(mail).await,
            Door::Pipe => self.by_pipe(mail).await,
            Door::Ticket => self.by_ticket(mail).await,
            Door::Reply => self.by_reply(mail).await,
        }
    }

    async fn by_lmtp(&self, mail: &Mail) -> Said {
        let door = self.world.settings.lmtp.expect("it takes mail");
        let Ok(stream) = TcpStream::connect(door).await else { return Said::Later };
        let (from, to) = (self.customer(mail), self.world.support());
        match offer(stream, &from, &to, &self.written(mail)).await {
            Ok(answer) if answer.starts_with("250") => Said::Taken,
            Ok(answer) if answer.starts_with('4') => Said::Later,
            Ok(answer) if answer.is_empty() => Said::Nothing,
            Ok(answer) => Said::Refused(answer),
            Err(_) => Said::Nothing,
        }
    }

    /// The mail server takes it; that the program fetches it is not seen from here.
    async fn by_imap(&self, mail: &Mail) -> Said {
        let (from, to) = (self.customer(mail), self.world.support());
        Dovecot::here().takes(&from, &to, &self.written(mail)).await;
        Said::Taken
    }

    async fn by_pipe(&self, mail: &Mail) -> Said {
        let (from, to) = (self.customer(mail), self.world.support());
        let words = ["mail", "deliver", "--inbox", &to, "--from", &from];
        let mut command = command(&self.order.program, &self.world.settings, &words);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let mut pipe = child.stdin.take().expect("it reads");
        // It may end without having read everything.
        let _ = pipe.write_all(self.written(mail).as_bytes()).await;
        drop(pipe);
        let output = child.wait_with_output().await.expect("it ends");
        match output.status.code() {
            Some(0) => Said::Taken,
            // The server may have stored it before it was killed.
            Some(EX_TEMPFAIL) => Said::Nothing,
            code => {
                let said = String::from_utf8_lossy(&output.stderr);
                Said::Refused(format!("the pipe ended with {code:?}: {said}"))
            }
        }
    }

    async fn by_ticket(&self, mail: &Mail) -> Said {
        let email = self.customer(mail);
        let body = json!({
            "customer": {"email": email, "name": "Dana Whitfield"},
            "subject": subject(mail),
            "text": text(mail),
        });
        let (said, made) = self.posts(mail, "/api/v1/tickets", &body).await;
        if let Some(reference) = made["reference"].as_str() {
            self.opened(mail.number, reference);
        }
        said
    }

    async fn by_reply(&self, mail: &Mail) -> Said {
        let reference = self.ticket_to_answer(mail).await;
        let path = format!("/api/v1/tickets/{reference}/messages");
        self.posts(mail, &path, &json!({"text": text(mail)})).await.0
    }

    async fn posts(&self, mail: &Mail, path: &str, body: &Value) -> (Said, Value) {
        let request = self.web.request(Method::POST, path).bearer_auth(&self.token);
        let request = request.header("idempotency-key", mail.mark()).json(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(fault) if fault.is_connect() => return (Said::Later, Value::Null),
            Err(_) => return (Said::Nothing, Value::Null),
        };
        let status = answer.status();
        let Ok(text) = answer.text().await else { return (Said::Nothing, Value::Null) };
        match status {
            StatusCode::CREATED => {
                let made = serde_json::from_str(&text).expect("a whole answer is JSON");
                (Said::Taken, made)
            }
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => (Said::Later, Value::Null),
            status if status.is_server_error() => (Said::Nothing, Value::Null),
            status => (Said::Refused(format!("{status}: {text}")), Value::Null),
        }
    }

    pub(crate) fn customer(&self, mail: &Mail) -> String {
        format!("c{}@{}.customers.example", mail.customer, self.world.name)
    }

    pub(crate) fn mail_id(&self, number: usize) -> String {
        format!("m{number}@{}.customers.example", self.world.name)
    }

    /// The mail as it travels, but for the ends of its lines.
    pub(crate) fn written(&self, mail: &Mail) -> String {
        let (from, to, id) = (self.customer(mail), self.world.support(), self.mail_id(mail.number));
        let mut written = format!(
            "From: Dana Whitfield <{from}>\nTo: {to}\nSubject: {}\n\
             Date: Tue, 17 Nov 2026 09:00:00 +0000\nMessage-ID: <{id}>\nMIME-Version: 1.0\n",
            subject(mail)
        );
        if let Some(before) = mail.follows {
            let before = self.mail_id(before);
            let _ = write!(written, "In-Reply-To: <{before}>\nReferences: <{before}>\n");
        }
        let plain = format!("Content-Type: text/plain; charset=utf-8\n\n{}\n", text(mail));
        if mail.has_file {
            let mark = mail.mark();
            let _ = write!(
                written,
                "Content-Type: multipart/mixed; boundary=part\n\n--part\n{plain}\n--part\n\
                 Content-Type: text/csv; name=\"orders.csv\"\n\
                 Content-Disposition: attachment; filename=\"orders.csv\"\n\n\
                 number,mark\n1,{mark}\n\n--part--\n"
            );
        } else {
            written.push_str(&plain);
        }
        written
    }
}

fn subject(mail: &Mail) -> String {
    format!("The order {} has not come", mail.number)
}

fn text(mail: &Mail) -> String {
    let mut text = format!("The order {} has not come.\n", mail.mark());
    for line in 0..mail.lines {
        let _ = writeln!(text, "I looked for it on day {line} of this month.");
    }
    text
}
