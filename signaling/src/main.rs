//! The `signaling` program.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Parser as _;
use signaling::{
    connections::{self, Crowd, Patience, Terms},
    gate::{Gate, Origins},
    hub::{Limits, limits::Rate},
    options::Options,
    pages::Pages,
    server,
    switchboard::{Setup, Switchboard, refresh},
    tls::Tls,
    tokens::RoomTokens,
    turn::TurnOffer,
    turn_file::TurnFile,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::{JoinError, JoinSet},
};
use turnd::config::{LogSettings, Secret, Settings};

const HTTPS_PORT: u16 = 8443;
const HTTP_PORT: u16 = 8080;

fn main() -> ExitCode {
    let options = Options::parse();
    let log = turnd::log::start(&LogSettings::default());
    let outcome = match log {
        Ok(guard) => {
            let outcome = run(options);
            drop(guard);
            outcome
        }
        Err(error) => Err(format!("the log: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signaling: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: Options) -> Result<(), String> {
    // From here on it is no reason to end.
    let hangup = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
    let mut turn_file = options.turn_config.as_deref().map(TurnFile::new);
    let settings = turn_file.as_mut().map(TurnFile::read).transpose()?;
    let tls = Tls::load(&options, settings.as_ref()).map_err(|error| error.to_string())?;
    let turn = settings
        .as_ref()
        .map(|settings| offer(&options, settings, tls.as_ref()));
    let origins = Origins::new(&options.allow_origin)?;
    let pages = pages(&options)?;
    let listener = bind(listen_address(&options, tls.is_some())?)?;
    let metrics = (!options.no_metrics)
        .then(|| bind(options.metrics_listen))
        .transpose()?;
    let redirect = options.redirect_from.map(bind).transpose()?;
    if redirect.is_some() && tls.is_none() {
        return Err("--redirect-from: there is no HTTPS to redirect to".to_owned());
    }

    let board = Switchboard::new(setup(&options, turn.clone())?);
    let gate = Gate::new(
        origins.clone(),
        options.trusted_proxy.clone(),
        options.max_connect_rate,
        options.max_turn_rate,
        Arc::clone(&board),
    );
    let port = port_of(&listener)?;
    let redirected = redirect.as_ref().map(port_of).transpose()?;
    let whole_host = server::has_whole_host(port, redirected);
    let app = server::app(&board, gate, &origins, pages, whole_host);
    // Before anybody knows that it is there: a signal that comes then must not be lost.
    let mut stop = StopSignals::new().map_err(|error| error.to_string())?;
    greet(
        &listener,
        metrics.as_ref(),
        redirect.as_ref(),
        tls.as_ref(),
        turn.as_ref(),
    )
    .map_err(|error| error.to_string())?;

    let (end, ending) = watch::channel(false);
    let terms = terms(&options, &board, ending);
    let mut servers = JoinSet::new();
    if let Some(metrics) = metrics {
        let board = Arc::clone(&board);
        servers.spawn(server::serve_metrics(metrics, board, terms.clone()));
    }
    if let Some(redirect) = redirect {
        servers.spawn(server::redirect(redirect, port, terms.clone()));
    }
    servers.spawn(connections::serve(listener, tls.clone(), app, terms));
    if let Some(file) = turn_file {
        let (board, tls) = (Arc::clone(&board), tls.clone());
        tokio::spawn(file.follow(hangup, move |settings| {
            offer_anew(&board, offer(&options, settings, tls.as_ref()));
        }));
    }
    tokio::spawn(async move { board.keep_time().await });
    if let Some(tls) = tls {
        tokio::spawn(tls.follow_files());
    }

    let ended = tokio::select! {
        ended = servers.join_next() => ended,
        () = stop.next() => None,
    };
    end.send_replace(true);
    outcome(ended)?;
    while let Some(ended) = servers.join_next().await {
        outcome(Some(ended))?;
    }
    Ok(())
}

fn terms(options: &Options, board: &Arc<Switchboard>, ending: watch::Receiver<bool>) -> Terms {
    Terms {
        crowd: Crowd::new(
            options.max_sockets,
            options.max_sockets_per_address,
            options.trusted_proxy.clone(),
            Arc::clone(board),
        ),
        patience: Patience::new(Duration::from_millis(options.patience)),
        ending,
    }
}

fn outcome(ended: Option<Result<io::Result<()>, JoinError>>) -> Result<(), String> {
    match ended {
        Some(Ok(Err(error))) => Err(format!("cannot serve: {error}")),
        _ => Ok(()),
    }
}

/// What pages are told of the turnd that is configured so.
fn offer(options: &Options, settings: &Settings, tls: Option<&Tls>) -> TurnOffer {
    let name = tls.and_then(Tls::name);
    let host = options.turn_host.as_deref();
    TurnOffer::new(settings, host, name.as_deref(), options.credential_life())
}

/// Tells everybody of what the configuration of turnd says now.
fn offer_anew(board: &Switchboard, offer: TurnOffer) {
    tracing::info!("the configuration of turnd was read again");
    if let Some(warning) = offer.warning() {
        tracing::warn!("{warning}");
    }
    board.offer(offer);
}

fn pages(options: &Options) -> Result<Pages, String> {
    let Some(root) = &options.web_root else {
        return Ok(Pages::Embedded);
    };
    if !root.is_dir() {
        return Err(format!(
            "--web-root {}: there is no such directory",
            root.display()
        ));
    }
    Ok(Pages::Directory {
        root: root.clone(),
        list: options.list_directories,
    })
}

fn setup(options: &Options, turn: Option<TurnOffer>) -> Result<Setup, String> {
    let tokens = match &options.room_secret_file {
        Some(path) => {
            let read = std::fs::read_to_string(path);
            let secret =
                read.map_err(|error| format!("--room-secret-file {}: {error}", path.display()))?;
            let secret = secret.trim_end();
            if secret.len() < 16 {
                return Err(format!(
                    "--room-secret-file {}: expected at least 16 characters",
                    path.display()
                ));
            }
            Some(RoomTokens::new(Secret::new(secret)))
        }
        None => None,
    };
    let per_second = f64::from(options.max_rate);
    Ok(Setup {
        limits: Limits {
            capacity: options.capacity.into(),
            sockets: options.max_sockets,
            sockets_per_address: options.max_sockets_per_address,
            rooms: options.max_rooms,
            commands: Rate {
                // Below the queue of a reader, which would lose its place to one sender's burst.
                burst: (per_second * 4.0).min(800.0).max(per_second),
                per_second,
            },
            grace: Duration::from_secs(options.grace),
            refresh: refresh(turn.as_ref().and_then(TurnOffer::lifetime)),
            ..Limits::default()
        },
        turn,
        tokens,
        spelling: options.other_joined,
        log_addresses: options.log_addresses,
    })
}

fn listen_address(options: &Options, tls: bool) -> Result<SocketAddr, String> {
    let address = options.listen.unwrap_or_else(|| {
        if tls {
            SocketAddr::new(everywhere(), HTTPS_PORT)
        } else {
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), HTTP_PORT)
        }
    });
    if !tls && !options.plain_http && !address.ip().is_loopback() {
        return Err(format!(
            "{address}: browsers give camera and microphone to HTTPS only: --cert and --key, or --self-signed \
             to try it; --plain-http behind a proxy that does TLS"
        ));
    }
    Ok(address)
}

/// Both families, where the machine has IPv6.
fn everywhere() -> IpAddr {
    if TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok() {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))
}

fn port_of(listener: &TcpListener) -> Result<u16, String> {
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(address.port())
}

/// Says where everything is.
fn greet(
    listener: &TcpListener,
    metrics: Option<&TcpListener>,
    redirect: Option<&TcpListener>,
    tls: Option<&Tls>,
    turn: Option<&TurnOffer>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("listening on {address}");
    if let Some(metrics) = metrics {
        tracing::info!("metrics: http://{}/metrics", metrics.local_addr()?);
    }
    if let Some(redirect) = redirect {
        tracing::info!("redirecting from {}", redirect.local_addr()?);
    }
    if let Some(tls) = tls {
        tracing::info!("certificate: SHA-256 {}", tls.fingerprint());
    }
    let hosts = hosts(address.ip(), tls.and_then(Tls::name));
    match turn {
        Some(turn) => {
            for url in turn.urls(&hosts[0]) {
                tracing::info!("pages are sent to {url}");
            }
            if let Some(warning) = turn.warning() {
                tracing::warn!("{warning}");
            }
        }
        None => tracing::warn!("no --turn-config: calls that cannot go direct will not work"),
    }
    for host in hosts {
        tracing::info!("open {scheme}://{host}:{}/", address.port());
    }
    if tls.is_none() && address.ip().is_loopback() {
        tracing::info!("for other devices: --self-signed, or --cert and --key");
    }
    Ok(())
}

/// What to type into a browser; at least one.
fn hosts(ip: IpAddr, name: Option<String>) -> Vec<String> {
    if let Some(name) = name {
        return vec![name];
    }
    if ip.is_loopback() {
        return vec!["localhost".to_owned()];
    }
    if !ip.is_unspecified() {
        return vec![shown(ip)];
    }
    let own = turnd_net::local_addresses().unwrap_or_default();
    let reachable = own.into_iter().filter(|own| match own {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => ip.is_ipv6() && !v6.is_loopback() && !v6.is_unicast_link_local(),
    });
    let mut hosts = reachable.map(shown).collect::<Vec<_>>();
    hosts.push("localhost".to_owned());
    hosts
}

fn shown(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// SIGTERM and SIGINT, from here on.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
