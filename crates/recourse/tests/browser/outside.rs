//! Everything outside of the program that a browser could reach, in one place that listens: every
//! name that ends in `.example` leads here, so nothing that runs or is fetched goes unheard.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::tab::Tab;
use crate::world::World;

/// A page that the place outside gives: further fields of the header, each with its line end, and
/// the body.
type Given = (String, Vec<u8>);

#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) base: String,
    port: u16,
    heard: Arc<Mutex<BTreeSet<usize>>>,
    pages: Arc<Mutex<HashMap<String, Given>>>,
}

/// What a page hears of whatever runs in it or in its frames.
pub(crate) const LISTENS: &str = "window.ran = window.ran ?? [];
    addEventListener('message', ({ data }) => typeof data === 'number' && window.ran.push(data));";

/// The name of the place outside that only the thing of this number knows.
pub(crate) fn name_for(number: usize) -> String {
    format!("v{number}.evil.example")
}

impl Outside {
    #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
    pub(crate) async fn opens() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let base = format!("http://127.0.0.1:{port}");
        let one = Self { base, port, heard: Arc::default(), pages: Arc::default() };
        let outside = one.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(outside.clone().answers(stream));
            }
        });
        one
    }

    /// A browser for which everything outside is here.
    pub(crate) async fn tab(&self, world: &World) -> Tab {
        let names = format!("--host-resolver-rules=MAP *.example 127.0.0.1:{}", self.port);
        // What a page fetches when it opens another window is no concern of these tests.
        let tab = Tab::with(world, &[names, "--disable-popup-blocking".to_owned()]).await;
        let listens = serde_json::json!({ "source": LISTENS });
        tab.tool("Page.addScriptToEvaluateOnNewDocument", listens).await;
        tab
    }

    pub(crate) fn gives(&self, path: &str, fields: &str, body: impl Into<Vec<u8>>) {
        self.pages.lock().unwrap().insert(path.to_owned(), (fields.to_owned(), body.into()));
    }

    /// Who got through to the outside; forgotten with that.
    pub(crate) fn heard(&self) -> BTreeSet<usize> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// Plain HTTP is answered. Of TLS the first message is enough: it names who is meant.
    async fn answers(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut piece = [0; 4096];
        let is_whole = |head: &[u8]| head.starts_with(&[22]) || head.ends_with(b"\r\n\r\n");
        while !is_whole(&head) {
            match stream.read(&mut piece).await {
                Ok(length) if length > 0 => head.extend_from_slice(&piece[..length]),
                Ok(_) | Err(_) => break,
            }
        }
        let head = String::from_utf8_lossy(&head);
        let number = head.split(".evil.example").next().filter(|before| *before != head);
        let number = number.and_then(|before| before.rsplit('v').next()?.parse().ok());
        let path = head.split(' ').nth(1).unwrap_or_default();
        let page = match number {
            Some(number) => {
                self.heard.lock().unwrap().insert(number);
                None
            }
            None => self.pages.lock().unwrap().get(path).cloned(),
        };
        let (status, (fields, body)) =
            page.map_or(("404 Not Found", Given::default()), |page| ("200 OK", page));
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{fields}\r\n"
        );
        // Whoever asked may have gone.
        let _ = stream.write_all(&[head.into_bytes(), body].concat()).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.shutdown()).await;
    }
}

impl Tab {
    /// What ran in this page and its frames, by number.
    pub(crate) async fn ran(&self) -> BTreeSet<usize> {
        let ran = self.js("window.ran").await.as_array().cloned().unwrap_or_default();
        ran.iter().filter_map(|one| usize::try_from(one.as_u64()?).ok()).collect()
    }

    /// Whatever begins by itself has begun after this.
    pub(crate) async fn gives_it_time(&self) {
        let script = "const done = arguments[arguments.length - 1];
            setTimeout(() => requestAnimationFrame(() => done(true)), 700);";
        self.client.execute_async(script, Vec::new()).await.expect("time goes by");
    }
}
