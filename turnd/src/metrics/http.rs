//! Connections of those who ask: how many there may be, how long each may take for what, and how often it is answered. Nothing
//! that a stranger does here keeps others from their answer.

use std::{collections::VecDeque, io, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request, http::HeaderValue, http::header, response::Response};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::AbortHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{answers::Desk, certificate};
use crate::{streams::limits::source, tls::TlsServer};

/// Connections at once.
const CONNECTIONS: usize = 32;
/// Of those, from one address.
const PER_ADDRESS: usize = 8;
/// For a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For the header of a request; also how long a connection may be idle between two.
const HEADER: Duration = Duration::from_secs(10);
/// Most bytes of a header.
const HEADER_BYTES: usize = 16 << 10;
/// Most lines of a header.
const HEADER_LINES: usize = 64;
/// Between two answers on a connection: each is work of its own, however often it is asked for.
const ANSWERS_APART: Duration = Duration::from_millis(50);
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
    let mut open = Open::default();
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                sleep(NO_DESCRIPTOR).await;
                continue;
            }
        };
        let source = source(from.ip());
        if !open.admits(source) {
            desk.counts.connection_refused();
            continue;
        }
        if open.make_room() {
            desk.counts.connection_refused();
        }
        let task = tokio::spawn(converse(stream, from, tls.clone(), desk.clone()));
        open.tasks.push_back((source, task.abort_handle()));
    }
}

/// The connections, in the order in which they came.
#[derive(Default)]
struct Open {
    tasks: VecDeque<(IpAddr, AbortHandle)>,
}

impl Open {
    /// Whether the address may have another.
    fn admits(&mut self, source: IpAddr) -> bool {
        self.tasks.retain(|(_, task)| !task.is_finished());
        self.of(source) < PER_ADDRESS
    }

    fn of(&self, source: IpAddr) -> usize {
        self.tasks.iter().filter(|(it, _)| *it == source).count()
    }

    /// Ends one connection if there are as many as there may be: the oldest of the address that has most. Whoever comes is
    /// let in, because it may be who asks whether the server is alive, and ends it if nobody answers.
    fn make_room(&mut self) -> bool {
        if self.tasks.len() < CONNECTIONS {
            return false;
        }
        // Of several the last, so the search goes from the newest to the oldest.
        let most = (0..self.tasks.len())
            .rev()
            .max_by_key(|&at| self.tasks.get(at).map_or(0, |(it, _)| self.of(*it)));
        let ended = most.and_then(|at| self.tasks.remove(at));
        if let Some((_, task)) = &ended {
            task.abort();
        }
        ended.is_some()
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
    // One request after the other, so nobody else waits for it.
    let next = Arc::new(Mutex::new(Instant::now()));
    let service = Router::new().fallback(async move |request: Request| {
        let mut next = next.lock().await;
        sleep_until(*next).await;
        *next = Instant::now() + ANSWERS_APART;
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
