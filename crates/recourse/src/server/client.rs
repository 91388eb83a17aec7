//! Who asks: the other side of the connection, or whom a trusted proxy names.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use ui::Client;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Each proxy adds one; nobody has a chain as long as this.
const HOPS_MAX: usize = 20;

/// Notes in the request who asks.
pub(crate) async fn note(
    State(trusted): State<Arc<[IpNet]>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    if let Some(peer) = peer {
        let client = resolve(peer, request.headers(), &trusted);
        request.extensions_mut().insert(Client(client));
    }
    next.run(request).await
}

/// Goes back along the chain of proxies as far as they are trusted. What anybody before them
/// wrote into the header is hearsay.
pub(super) fn resolve(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let named: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    for text in named.iter().rev().take(HOPS_MAX) {
        let Ok(address) = text.parse::<IpAddr>() else { return client };
        client = address.to_canonical();
        if !is_trusted(client) {
            return client;
        }
    }
    client
}

/// Whether a proxy took part that is not trusted, so that nobody can tell who really asks.
pub(super) fn is_hidden(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> bool {
    let forwarded = headers.contains_key(FORWARDED_FOR) || headers.contains_key("forwarded");
    forwarded && !trusted.iter().any(|network| network.contains(&peer.to_canonical()))
}
