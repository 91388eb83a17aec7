//! Both ends of the socket.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Answer, Command, carry_out};
use crate::Foundation;

const LINE_BYTES_MAX: u64 = 64 * 1024;
const WITHIN: Duration = Duration::from_mins(1);

/// The server's end.
pub(crate) struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Door {
    /// Opens the socket. Without one the server runs all the same, and commands work on the
    /// database by themselves.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        // A socket that nobody answers is what a crash left behind.
        if std::os::unix::net::UnixStream::connect(path).is_err() {
            let _ = std::fs::remove_file(path);
        }
        match UnixListener::bind(path) {
            Ok(listener) => {
                let private = std::fs::Permissions::from_mode(0o600);
                if let Err(fault) = std::fs::set_permissions(path, private) {
                    tracing::warn!("the socket {} cannot be made private: {fault}", path.display());
                    return None;
                }
                Some(Self { listener, path: path.to_owned() })
            }
            Err(fault) => {
                tracing::warn!("commands cannot be taken at {}: {fault}", path.display());
                None
            }
        }
    }

    pub(crate) async fn serve(self, foundation: Foundation, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(answer(stream, foundation.clone()));
                }
                Err(fault) => {
                    tracing::warn!("a command cannot be taken: {fault}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            while tasks.try_join_next().is_some() {}
        }
        let _ = std::fs::remove_file(&self.path);
        tasks.join_all().await;
    }
}

async fn answer(stream: UnixStream, foundation: Foundation) {
    let talk = async {
        let mut stream = BufReader::new(stream);
        let command: Command = serde_json::from_str(&line(&mut stream).await?)?;
        let length = command.bytes_that_follow();
        let mut bytes = Vec::new();
        (&mut stream).take(length).read_to_end(&mut bytes).await?;
        if kernel::count(bytes.len()).unsigned_abs() != length {
            bail!("the command broke off");
        }
        let answer = carry_out(&foundation, command, bytes).await;
        let mut text = serde_json::to_string(&answer)?;
        text.push('\n');
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
        anyhow::Ok(())
    };
    match tokio::time::timeout(WITHIN, talk).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => tracing::warn!("a command broke off: {fault:#}"),
        Err(_) => tracing::warn!("a command took too long"),
    }
}

async fn line(stream: &mut (impl AsyncRead + AsyncBufReadExt + Unpin)) -> Result<String> {
    let mut text = String::new();
    stream.take(LINE_BYTES_MAX).read_line(&mut text).await?;
    if !text.ends_with('\n') {
        bail!("there was no whole line");
    }
    Ok(text)
}

/// Hands a command to the running server. `None`: none runs, the caller does it.
pub async fn hand_over(socket: &Path, command: &Command, bytes: &[u8]) -> Result<Option<Answer>> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(fault)
            if matches!(
                fault.kind(),
                // Too long a path counts as invalid input: then no server listens there either.
                ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput
            ) =>
        {
            return Ok(None);
        }
        Err(fault) => return Err(fault).context("the running server cannot be asked"),
    };
    let talk = async {
        let mut stream = BufReader::new(stream);
        let mut text = serde_json::to_string(command)?;
        text.push('\n');
        stream.write_all(text.as_bytes()).await?;
        stream.write_all(bytes).await?;
        stream.flush().await?;
        let answer = line(&mut stream).await?;
        anyhow::Ok(serde_json::from_str(&answer)?)
    };
    tokio::time::timeout(WITHIN, talk)
        .await
        .context("the running server does not answer")?
        .context("the running server broke off")
        .map(Some)
}
