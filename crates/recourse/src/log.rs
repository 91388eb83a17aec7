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
        Kind::Server => "info,hyper=warn,rustls=warn",
        Kind::Command => "warn",
    };
    let filter = EnvFilter::try_from_env("RECOURSE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    // What it says of requests holds their whole addresses, some of which are keys.
    // And the driver says at lower levels what is bound to each statement.
    let never = ["tower_http::csrf=off", "tokio_postgres=warn"].map(str::parse);
    let filter = never.into_iter().flatten().fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as in tests, changes nothing.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
}
