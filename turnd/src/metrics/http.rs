//! Connections of those who ask: how many there may be, and how long each may take for what. Nothing
//! that a stranger does here costs more than a place among a few dozen, for a minute.

use std::{io, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request, http::HeaderValue, http::header, response::Response};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{answers::Desk, certificate};
use crate::{streams::limits::Connections, tls::TlsServer};

/// Connections at once.
pub(super) const CONNECTIONS: u32 = 32;
/// Of those, from one address.
pub(super) const PER_ADDRESS: u32 = 8;
/// For a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For the header of a request; also how long a connection may be idle between two.
const HEADER: Duration = Duration::from_secs(10);
/// Most bytes of a header.
const HEADER_BYTES: usize = 16 << 10;
/// Most lines of a header.
const HEADER_LINES: usize = 64;
/// How long a connection serves requests.
const LIFE: Duration = Duration::from_secs(60);
/// For the last answer after that, before the connection is cut off.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// How long to wait when the system has no descriptor for a connection.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// Answers until the end of the program.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    tls: Option<Arc<TlsServer>>,
    desk: Arc<Desk>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let connections = Connections::new(CONNECTIONS, PER_ADDRESS);
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                sleep(NO_DESCRIPTOR).await;
                continue;
            }
        };
        let Ok(place) = connections.admit(from.ip().to_canonical()) else {
            desk.counts.connection_refused();
            continue;
        };
        let (tls, desk) = (tls.clone(), desk.clone());
        tokio::spawn(async move {
            converse(stream, from, tls, desk).await;
            drop(place);
        });
    }
}

async fn converse(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<Arc<TlsServer>>,
    desk: Arc<Desk>,
) {
    let from = from.ip().to_canonical();
    match tls {
        None => answer(stream, from, desk).await,
        Some(tls) => {
            let acceptor = TlsAcceptor::from(certificate::over_http(&tls));
            // Whoever cannot agree on TLS learns it from the alert; there is nothing to log.
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                answer(stream, from, desk).await;
            }
        }
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: IpAddr,
    desk: Arc<Desk>,
) {
    let service = Router::new().fallback(async move |request: Request| {
        let (request, _) = request.into_parts();
        let mut response = desk.answer(from, &request).await;
        seal(&mut response);
        response
    });
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADER_LINES);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    tokio::select! {
        _ = &mut connection => {}
        () = sleep(LIFE) => {
            connection.as_mut().graceful_shutdown();
            // Whoever does not read it is cut off.
            let _ = timeout(LAST_ANSWER, connection).await;
        }
    }
}

/// What every answer carries: nobody keeps it, and no browser makes more of it than text.
fn seal(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
