//! Somebody with a browser that has no script.

use std::sync::Mutex;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use serde_json::Value;

/// A browser with its cookies.
pub(crate) struct Web {
    base: String,
    client: Client,
    cookies: Mutex<Vec<(String, String)>>,
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where it sends the browser.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location")
    }

    pub(crate) fn json(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        serde_json::from_str(&self.body).expect("it is JSON")
    }
}

impl Web {
    pub(crate) fn new(base: &str) -> Self {
        egress::install_tls();
        let client = Client::builder().redirect(Policy::none()).no_proxy().build();
        let client = client.expect("a client can be made");
        Self { base: base.to_owned(), client, cookies: Mutex::default() }
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(self.request(Method::POST, path).form(fields)).await
    }

    /// A request with the cookies; a path or a whole address of this server.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        let jar = self.cookies.lock().expect("nobody broke it");
        let jar: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.request(method, format!("{}{path}", self.base));
        request.header(header::COOKIE, jar.join("; "))
    }

    /// What the server gave it to keep.
    pub(crate) fn all_cookies(&self) -> Vec<(String, String)> {
        self.cookies.lock().expect("nobody broke it").clone()
    }

    /// A cookie by its name.
    pub(crate) fn cookie(&self, name: &str) -> String {
        let all = self.all_cookies();
        let found = all.into_iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("there is no cookie {name}")).1
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Page {
        let answer = request.send().await.expect("the server answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        for cookie in headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("a readable cookie");
            let pair = text.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie has a name");
            let mut jar = self.cookies.lock().expect("nobody broke it");
            jar.retain(|(known, _)| known != name);
            jar.push((name.to_owned(), value.to_owned()));
        }
        let body = answer.bytes().await.expect("the answer is whole");
        Page { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }
}
