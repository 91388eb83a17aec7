//! Forms that bring files.

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use tokio::sync::Semaphore;

use crate::{Fields, WebError};

/// One file may have this many bytes.
pub const FILE_BYTES_MAX: usize = 25 * 1024 * 1024;
const ALL_BYTES_MAX: usize = 100 * 1024 * 1024;
const PARTS_MAX: usize = 400;
/// Longer texts in one field are refused.
const FIELD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Uploads are held in memory while they arrive, so only so many may arrive at once.
static AT_ONCE: Semaphore = Semaphore::const_new(8);

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
        let _place = AT_ONCE.acquire().await.map_err(anyhow::Error::from)?;
        let form = Multipart::from_request(request, state).await.map_err(|fault| {
            tracing::debug!(%fault, "a form with files could not be read");
            unreadable()
        })?;
        read(form).await
    }
}

fn unreadable() -> WebError {
    WebError::BadInput("The form was not as expected; reload the page and try again.".to_owned())
}

async fn read(mut form: Multipart) -> Result<Upload, WebError> {
    let mut upload = Upload::default();
    let refused = |fault: axum::extract::multipart::MultipartError| {
        if fault.status() == StatusCode::PAYLOAD_TOO_LARGE {
            WebError::TooLarge
        } else {
            unreadable()
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
                let text = String::from_utf8(bytes).ok().ok_or_else(unreadable)?;
                upload.fields.0.push((field, text.replace("\r\n", "\n")));
            }
        }
    }
    Err(WebError::TooLarge)
}
