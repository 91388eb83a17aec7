//! The log: for people on a terminal, for machines elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Who writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Server,
    /// A command says only what went wrong.
    Command,
}

/// Begins to log on standard error. `RECOURSE_LOG` says how much, as in `info,mailroom=debug`.
pub(crate) fn start(kind: Kind) {
    let usual = match kind {
        // What libraries say about every query would drown the rest, and may hold what people
        // wrote.
        Kind::Server => "info,tokio_postgres=warn,hyper=warn,rustls=warn",
        Kind::Command => "warn,tokio_postgres=error",
    };
    let filter = EnvFilter::try_from_env("RECOURSE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    // What it says of requests holds their whole addresses, some of which are keys.
    let filter = match "tower_http::csrf=off".parse() {
        Ok(never) => filter.add_directive(never),
        Err(_) => filter,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as in tests, changes nothing.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
}
