//! Connections of clients: how many there may be, and how long each may take for what. Nothing that a stranger does
//! here holds a connection longer than it is used.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use turnd::{
    process::limits::for_client,
    streams::limits::{Connections, Place},
};

use crate::{patient::Patient, switchboard::Switchboard, tls::Tls};

/// Most bytes of a header.
const HEADER_BYTES: usize = 64 << 10;
/// For connections that are up, when the server ends.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long to wait when the system has no descriptor for a connection.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);
/// Connections beside those of sockets: for pages, and between two requests.
const SPARE: usize = 64;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a TLS handshake, and for a header; so also between two requests.
    pub header: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// To take some of what is written to it.
    pub stall: Duration,
}

impl Patience {
    /// All of it, by how long a header may take.
    #[must_use]
    pub fn new(header: Duration) -> Self {
        let (body, stall) = (header * 2, header * 2);
        Self {
            header,
            body,
            stall,
        }
    }
}

/// The connections that there are, of all addresses and of each.
pub struct Crowd {
    places: Arc<Connections>,
    proxies: Vec<IpNet>,
    board: Arc<Switchboard>,
}

impl Crowd {
    /// Room for `sockets` clients, `per_address` from one address: one that polls has two connections. `proxies` count
    /// for no address.
    #[must_use]
    pub fn new(
        sockets: usize,
        per_address: usize,
        proxies: Vec<IpNet>,
        board: Arc<Switchboard>,
    ) -> Arc<Self> {
        let of = |sockets: usize| {
            let connections = sockets.saturating_mul(2).saturating_add(SPARE);
            u32::try_from(connections).unwrap_or(u32::MAX)
        };
        Arc::new(Self {
            places: Connections::new(of(sockets), of(per_address)),
            proxies,
            board,
        })
    }

    fn admit(&self, from: IpAddr) -> Option<Place> {
        let from = from.to_canonical();
        let place = if self.proxies.iter().any(|network| network.contains(&from)) {
            self.places.admit_unnamed()
        } else {
            self.places.admit(from)
        };
        if place.is_err() {
            let turned_away = &self.board.metrics().turned_away;
            turned_away.with_label_values(&["connections"]).inc();
        }
        place.ok()
    }
}

/// On what terms clients are served.
#[derive(Clone)]
pub struct Terms {
    /// Those who are served.
    pub crowd: Arc<Crowd>,
    /// How long they may take.
    pub patience: Patience,
    /// Whether the servers are to end: true, or nobody is there any more who could say so.
    pub ending: watch::Receiver<bool>,
}

/// Serves `app` until it is to end.
///
/// # Errors
/// The socket fails.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    app: Router,
    mut terms: Terms,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let app = app.layer(axum::middleware::from_fn_with_state(
        terms.patience,
        in_time,
    ));
    let mut conversations = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = terms.ending.wait_for(|ending| *ending) => break,
            Some(_) = conversations.join_next() => continue,
        };
        let accepted = accepted.and_then(|(stream, from)| Ok((for_client(stream)?, from)));
        let Ok((stream, from)) = accepted else {
            sleep(NO_DESCRIPTOR).await;
            continue;
        };
        let Some(place) = terms.crowd.admit(from.ip()) else {
            continue;
        };
        // Fails only for a connection that is gone already.
        let Ok(stream) = Patient::new(stream, terms.patience.stall, place) else {
            continue;
        };
        conversations.spawn(converse(
            stream,
            from,
            tls.clone(),
            app.clone(),
            terms.clone(),
        ));
    }
    drop(listener);
    // Those that take longer are cut off.
    let _ = timeout(GOODBYE, async {
        while conversations.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

async fn converse(stream: Patient, from: SocketAddr, tls: Option<Tls>, app: Router, terms: Terms) {
    match tls {
        None => answer(stream, from, app, terms).await,
        Some(tls) => {
            let acceptor = TlsAcceptor::from(tls.config());
            // Whoever cannot agree on TLS learns it from the alert; there is nothing to log.
            if let Ok(Ok(stream)) = timeout(terms.patience.header, acceptor.accept(stream)).await {
                answer(stream, from, app, terms).await;
            }
        }
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: SocketAddr,
    app: Router,
    mut terms: Terms,
) {
    let service = app.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        request
    });
    // HTTP/1 alone, from the first byte on: its timer runs from the beginning. To tell it from HTTP/2 one would have to
    // wait for what a client says first, and some never say anything.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(terms.patience.header)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let mut connection = pin!(connection);
    let is_over = tokio::select! {
        _ = &mut connection => true,
        _ = terms.ending.wait_for(|ending| *ending) => false,
    };
    if !is_over {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// A body that does not end does not hold its connection. Only a GET waits for anything else: for what there is to say.
async fn in_time(State(patience): State<Patience>, request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    let answered = timeout(patience.body, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        let text = "the body of the request did not come\n";
        (StatusCode::REQUEST_TIMEOUT, text).into_response()
    })
}
