//! Metrics and health over HTTP: what Prometheus reads at coturn's port, path and names, and what an
//! orchestrator asks.
//!
//! Everything happens on a thread of its own. It asks the workers by letter (see [`crate::report`]) and
//! waits for their answers; nobody ever waits for it.

mod answers;
mod certificate;
mod collection;
mod coturn;
mod families;
mod http;
mod process;
mod server;
mod top_users;
mod worker;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;
use turnd_proto::Memory;

use crate::{
    config,
    control::Handle,
    ports::RelayPorts,
    report::Reporter,
    tls::{TlsError, TlsServer},
};

use answers::Desk;

/// What there is to tell.
pub struct Sources {
    /// Asks the workers.
    pub reporter: Reporter,
    /// The relay ports.
    pub ports: Arc<RelayPorts>,
    /// Whether there is memory for more work.
    pub memory: Arc<Memory>,
    /// The certificate of TLS and DTLS, if they are offered.
    pub tls: Option<Arc<TlsServer>>,
    /// The realm that traffic is counted under.
    pub realm: String,
    /// Whether it is meant to relay, and there is nobody whom it relays for.
    pub serves_nobody: bool,
}

/// The running service. Dropping it ends it.
pub struct Exporter {
    desk: Arc<Desk>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why metrics cannot be served as they were asked for.
#[derive(Debug)]
pub enum MetricsError {
    /// The port cannot be had.
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The certificate cannot be used.
    Tls(TlsError),
    /// The system gives no thread or no poller.
    System(io::Error),
}

impl fmt::Display for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } => write!(
                f,
                "cannot serve metrics on TCP {address}: {error} (options prometheus-address, prometheus-port)"
            ),
            // What the file is named by is either the option of the metrics or its default.
            Self::Tls(error) => write!(
                f,
                "cannot serve metrics over TLS (options prometheus-tls, prometheus-cert, prometheus-key): {error}"
            ),
            Self::System(error) => write!(f, "cannot start the thread of the metrics: {error}"),
        }
    }
}

impl std::error::Error for MetricsError {}

impl Exporter {
    /// Binds the port, reads the certificate and begins to answer. Until [`Exporter::attach`] there is
    /// nothing to tell but that the server is starting. `control` says how far it is.
    ///
    /// # Errors
    /// See [`MetricsError`].
    pub fn start(settings: &config::Metrics, control: Handle) -> Result<Self, MetricsError> {
        let tls = match &settings.tls {
            Some(identity) => {
                let (tls, warnings) = certificate::load(identity).map_err(MetricsError::Tls)?;
                for warning in warnings {
                    tracing::warn!("metrics: {warning}");
                }
                Some(Arc::new(tls))
            }
            None => None,
        };
        let listener = bind(settings)?;
        let address = listener.local_addr().map_err(MetricsError::System)?;
        let desk = Arc::new(Desk::new(settings, tls.clone(), control));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(MetricsError::System)?;
        let shared = desk.clone();
        let thread = thread::Builder::new()
            .name("turnd-metrics".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = certificate::follow_files(tls.clone()) => {}
                        ended = http::serve(listener, tls, shared) => if let Err(error) = ended {
                            tracing::error!("metrics are not served any more: {error}");
                        },
                        _ = stopped => {}
                    }
                });
            })
            .map_err(MetricsError::System)?;
        Ok(Self {
            desk,
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Says where the figures come from; again, after a reload.
    pub fn attach(&self, sources: Sources) {
        self.desk.attach(sources);
    }

    /// Reads certificate and key of the metrics again, and logs what comes of it. Waits for files: not
    /// for a worker.
    pub fn reload(&self) {
        if let Some(tls) = &self.desk.tls {
            certificate::reload(tls);
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the metrics.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.desk.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{}", self.address, self.desk.path)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// Without an address: one socket for both families, or IPv4 alone on a machine without IPv6.
fn bind(settings: &config::Metrics) -> Result<std::net::TcpListener, MetricsError> {
    let wanted = settings.address.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
    let listen = |ip: IpAddr| {
        let address = SocketAddr::new(ip, settings.port);
        let listener = std::net::TcpListener::bind(address)
            .map_err(|error| MetricsError::Listen { address, error })?;
        listener
            .set_nonblocking(true)
            .map_err(MetricsError::System)?;
        Ok(listener)
    };
    match listen(wanted) {
        Err(MetricsError::Listen { error, .. })
            if settings.address.is_none() && has_no_ipv6(&error) =>
        {
            listen(Ipv4Addr::UNSPECIFIED.into())
        }
        other => other,
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
