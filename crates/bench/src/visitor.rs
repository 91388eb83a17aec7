//! Somebody who asks for pages, over one connection that stays open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT_ENCODING, CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Order;

pub(crate) struct Visitor {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    pub(crate) cookie: String,
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
}

/// Who the pages are asked for by: an agent who sees most inboxes.
const WHO: &str = "priya@northlight.example";

impl Visitor {
    pub(crate) async fn come(web: SocketAddr, cookie: &str) -> Result<Self> {
        let stream = TcpStream::connect(web).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        #[expect(clippy::disallowed_methods, reason = "ends with the connection")]
        tokio::spawn(connection);
        let host = format!("localhost:{}", web.port());
        Ok(Self { sender, host, cookie: cookie.to_owned() })
    }

    /// Somebody who is signed in.
    pub(crate) async fn sign_in(order: &Order, web: SocketAddr) -> Result<Self> {
        let mut visitor = Self::come(web, "").await?;
        let form = format!("email={WHO}&password={}", order.password.replace(' ', "+"));
        let request = visitor
            .request(Method::POST, "/login")
            .header(ORIGIN, format!("http://{}", visitor.host))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form))?;
        visitor.sender.ready().await?;
        let answer = visitor.sender.send_request(request).await?;
        let cookie = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        visitor.cookie = cookie.context("nobody could sign in")?.to_owned();
        answer.into_body().collect().await?;
        Ok(visitor)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        let began = Instant::now();
        let request = self
            .request(Method::GET, path)
            .header(ACCEPT_ENCODING, "gzip, br")
            .header(COOKIE, &self.cookie)
            .body(Full::default())?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body, took: began.elapsed() })
    }

    /// The same without compression, for whoever reads it.
    pub(crate) async fn read(&mut self, path: &str) -> Result<String> {
        let request = self.request(Method::GET, path).header(COOKIE, &self.cookie);
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::default())?).await?;
        if !answer.status().is_success() {
            bail!("{path} answered {}", answer.status());
        }
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Whether the first page is there.
    pub(crate) async fn gets_a_page(web: SocketAddr) -> bool {
        let Ok(mut visitor) = Self::come(web, "").await else { return false };
        // Before the first person there is a page that says so.
        visitor.get("/login").await.is_ok_and(|answer| matches!(answer.status, 200 | 303))
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(path).header(HOST, &self.host)
    }
}
