//! Forms that bring files.

use std::sync::{Arc, LazyLock};

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use tokio::sync::Semaphore;

use crate::form::not_as_expected;
use crate::{Client, Fields, Shares, WebError};

/// One file may have this many bytes.
pub const FILE_BYTES_MAX: usize = 25 * 1024 * 1024;
const ALL_BYTES_MAX: usize = 100 * 1024 * 1024;
const PARTS_MAX: usize = 400;
/// Longer texts in one field are refused.
const FIELD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Uploads are held in memory while they arrive, so only so many may arrive at once. Strangers
/// who send slowly keep no place from those who work here.
static OF_THE_TEAM: Semaphore = Semaphore::const_new(4);
static OF_OTHERS: Semaphore = Semaphore::const_new(4);

/// Marks a request of somebody who works here.
#[derive(Clone, Copy, Debug)]
pub struct Insider;

/// One network may have this many forms of strangers on their way.
static NETWORKS: LazyLock<Arc<Shares>> = LazyLock::new(|| Shares::new(2));

/// The fields by which forms bring files, all at once or one at a time.
const FILE_FIELDS: [&str; 2] = ["files", "file"];

/// A file as the browser sent it. Nothing in it is to be believed.
#[derive(Clone, Debug)]
pub struct UploadedFile {
    /// The name of the form's field.
    pub field: String,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The fields and files of a form, whether it was sent as `multipart/form-data` or plainly.
#[derive(Debug, Default)]
pub struct Upload {
    pub fields: Fields,
    pub files: Vec<UploadedFile>,
    /// Names of files that were too large and are left out.
    pub too_large: Vec<String>,
}

impl Upload {
    /// Refuses fields and files that nobody asked for, as [`Fields::only`] does.
    pub fn only<N: AsRef<str>>(&self, names: &[N]) -> Result<(), WebError> {
        self.only_files()?;
        self.fields.only(names)
    }

    /// The same with one field for each of some things, as [`Fields::only_and`] has it.
    pub fn only_and<N: AsRef<str>>(&self, names: &[N], prefix: &str) -> Result<(), WebError> {
        self.only_files()?;
        self.fields.only_and(names, prefix)
    }

    fn only_files(&self) -> Result<(), WebError> {
        let is_known = |file: &UploadedFile| FILE_FIELDS.contains(&file.field.as_str());
        if self.files.iter().all(is_known) { Ok(()) } else { Err(not_as_expected()) }
    }
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = WebError;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let is_multipart = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("multipart/form-data"));
        if !is_multipart {
            let fields = Fields::from_request(request, state).await?;
            return Ok(Self { fields, ..Self::default() });
        }
        DefaultBodyLimit::max(ALL_BYTES_MAX).apply(&mut request);
        let is_insider = request.extensions().get::<Insider>().is_some();
        let client = request.extensions().get::<Client>().filter(|_| !is_insider);
        let too_many = WebError::TooMany { retry_after_seconds: 10 };
        let share = client.map(|client| NETWORKS.take(client.network()).ok_or(too_many));
        let _share = share.transpose()?;
        let places = if is_insider { &OF_THE_TEAM } else { &OF_OTHERS };
        let _place = places.acquire().await.map_err(anyhow::Error::from)?;
        let form = Multipart::from_request(request, state).await.map_err(|fault| {
            tracing::debug!(%fault, "a form with files could not be read");
            not_as_expected()
        })?;
        read(form).await
    }
}

async fn read(mut form: Multipart) -> Result<Upload, WebError> {
    let mut upload = Upload::default();
    let refused = |fault: axum::extract::multipart::MultipartError| {
        if fault.status() == StatusCode::PAYLOAD_TOO_LARGE {
            WebError::TooLarge
        } else {
            not_as_expected()
        }
    };
    for _ in 0..PARTS_MAX {
        let Some(mut part) = form.next_field().await.map_err(refused)? else { return Ok(upload) };
        let field = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::to_owned);
        let limit = if file.is_some() { FILE_BYTES_MAX } else { FIELD_BYTES_MAX };
        let mut bytes = Vec::new();
        let mut fits = true;
        while let Some(chunk) = part.chunk().await.map_err(refused)? {
            fits &= bytes.len() + chunk.len() <= limit;
            if fits {
                bytes.extend_from_slice(&chunk);
            }
        }
        match file {
            // A file field that was left empty comes as a file without a name.
            Some(name) if name.is_empty() && bytes.is_empty() => {}
            Some(name) if !fits => upload.too_large.push(name),
            Some(name) => upload.files.push(UploadedFile { field, name, bytes }),
            None if !fits => return Err(WebError::TooLarge),
            None => {
                let text = String::from_utf8(bytes).ok().ok_or_else(not_as_expected)?;
                upload.fields.0.push((field, text.replace("\r\n", "\n")));
            }
        }
    }
    Err(WebError::TooLarge)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;

    use super::*;

    fn form() -> Request {
        let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--b--\r\n";
        Request::builder()
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(Body::from(body))
            .unwrap()
    }

    #[tokio::test]
    async fn strangers_take_no_place_of_those_who_work_here() {
        let _slow = OF_OTHERS.acquire_many(4).await.unwrap();
        let mut inside = form();
        inside.extensions_mut().insert(Insider);
        assert_eq!(Upload::from_request(inside, &()).await.unwrap().fields.get("a"), Some("b"));
        let outside = Upload::from_request(form(), &());
        assert!(tokio::time::timeout(Duration::from_millis(50), outside).await.is_err());
    }

    #[test]
    fn fields_and_files_that_nobody_asked_for_are_refused() {
        let form = |names: &[&str]| {
            let pairs = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
            Upload { fields: Fields(pairs), ..Upload::default() }
        };
        for names in [&["a"][..], &["a", "b", "a"], &["key", "version"], &["f-1", "f-1-2"], &[]] {
            assert!(form(names).only_and(&["a", "b"], "f-").is_ok(), "{names:?}");
        }
        for name in ["c", "", "A", "f-", "f-x", "f", "keys"] {
            assert!(form(&["a", name]).only_and(&["a", "b"], "f-").is_err(), "{name}");
        }
        assert!(form(&["f-1"]).only(&["a"]).is_err());
        let file = |field: &str| {
            let (name, bytes) = ("a.txt".to_owned(), Vec::new());
            let files = vec![UploadedFile { field: field.to_owned(), name, bytes }];
            Upload { files, ..Upload::default() }
        };
        assert!(file("files").only(&["a"]).is_ok() && file("avatar").only(&["avatar"]).is_err());
    }

    #[tokio::test]
    async fn one_network_sends_a_few_forms_at_once() {
        let client = Client([192, 0, 2, 1].into());
        let ask = || {
            let mut stranger = form();
            stranger.extensions_mut().insert(client);
            Upload::from_request(stranger, &())
        };
        let _slow = (NETWORKS.take(client.network()), NETWORKS.take(client.network()));
        assert!(matches!(ask().await, Err(WebError::TooMany { .. })));
    }
}
