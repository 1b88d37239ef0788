//! Which request gets which answer.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use subtle::ConstantTimeEq;

use super::{Sources, collection::Collection};
use crate::{
    clock::Clock,
    config::{self, Login},
    control::{Handle, Phase},
    streams::limits::PerAddress,
    tls::TlsServer,
};

/// Passwords that one address may try in a second.
const TRIES: u32 = 5;
/// Media type of Prometheus' text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where requests are answered.
pub(super) struct Desk {
    pub(super) path: String,
    pub(super) tls: Option<Arc<TlsServer>>,
    control: Handle,
    pub(super) counts: Counts,
    login: Option<Login>,
    tries: Mutex<PerAddress>,
    clock: Clock,
    top_users: Option<usize>,
    collection: OnceLock<Collection>,
}

/// What was refused here.
#[derive(Debug, Default)]
pub(super) struct Counts {
    connections: AtomicU64,
    wrong: AtomicU64,
    too_many: AtomicU64,
}

impl Counts {
    pub(super) fn connection_refused(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Each with its label.
    pub(super) fn each(&self) -> [(&'static str, u64); 3] {
        [
            ("connections", self.connections.load(Ordering::Relaxed)),
            ("password", self.wrong.load(Ordering::Relaxed)),
            ("too-many-tries", self.too_many.load(Ordering::Relaxed)),
        ]
    }
}

impl Desk {
    pub(super) fn new(
        settings: &config::Metrics,
        tls: Option<Arc<TlsServer>>,
        control: Handle,
    ) -> Self {
        Self {
            path: settings.path.clone(),
            tls,
            control,
            counts: Counts::default(),
            login: settings.login.clone(),
            tries: Mutex::new(PerAddress::new(TRIES)),
            clock: Clock::start(),
            top_users: settings.top_users,
            collection: OnceLock::new(),
        }
    }

    pub(super) fn attach(&self, sources: Sources) {
        let new = Collection::new(sources, self.top_users);
        if let Err(new) = self.collection.set(new)
            && let Some(collection) = self.collection.get()
        {
            collection.take_sources_of(&new);
        }
    }

    /// Also for HEAD: the body is left out on the way.
    pub(super) async fn answer(&self, from: IpAddr, request: &Parts) -> Response {
        let path = request.uri.path();
        let is_metrics = path == self.path;
        if !is_metrics && !["/", "/healthz", "/readyz"].contains(&path) {
            return (StatusCode::NOT_FOUND, "not found\n").into_response();
        }
        if !matches!(request.method, Method::GET | Method::HEAD) {
            let allowed = [(header::ALLOW, "GET, HEAD")];
            return (StatusCode::METHOD_NOT_ALLOWED, allowed, "GET or HEAD\n").into_response();
        }
        match path {
            // What coturn answers, byte by byte.
            "/" => "ok".into_response(),
            "/healthz" => health(self.what_ails().await),
            "/readyz" => health(self.why_not_ready()),
            _ => match self.refusal(from, &request.headers) {
                Some(refusal) => refusal,
                None => self.metrics().await,
            },
        }
    }

    async fn metrics(&self) -> Response {
        let Some(collection) = self.collection.get() else {
            return health(Some("turnd is starting".to_owned()));
        };
        let text = collection.text(self).await;
        ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response()
    }

    /// A start is slow rather than dead, so it is no reason to end the process.
    async fn what_ails(&self) -> Option<String> {
        let silent = self.collection.get()?.silent_workers().await;
        if silent.is_empty() {
            return None;
        }
        let silent: Vec<String> = silent.iter().map(ToString::to_string).collect();
        Some(format!("no answer from worker {}", silent.join(", ")))
    }

    /// Why no new clients should be sent here.
    pub(super) fn why_not_ready(&self) -> Option<String> {
        let serves_nobody = || self.collection.get().is_some_and(Collection::serves_nobody);
        why_not_ready(self.phase()).or_else(|| {
            let why = "nobody may relay: there is no user and no static-auth-secret";
            serves_nobody().then(|| why.to_owned())
        })
    }

    /// What the program is doing.
    pub(super) fn phase(&self) -> Phase {
        self.control.phase()
    }

    /// What a request gets that may not read the metrics.
    fn refusal(&self, from: IpAddr, headers: &HeaderMap) -> Option<Response> {
        let login = self.login.as_ref()?;
        let challenge = [(
            header::WWW_AUTHENTICATE,
            "Basic realm=\"turnd\", charset=\"UTF-8\"",
        )];
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            let text = "a user name and password are needed\n";
            return Some((StatusCode::UNAUTHORIZED, challenge, text).into_response());
        };
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        // Right ones count too: otherwise the limit itself would tell them apart.
        if !tries.take(from, self.clock.now().instant) {
            self.counts.too_many.fetch_add(1, Ordering::Relaxed);
            let later = [(header::RETRY_AFTER, "1")];
            let text = "too many tries\n";
            return Some((StatusCode::TOO_MANY_REQUESTS, later, text).into_response());
        }
        if is_right(login, given.as_bytes()) {
            return None;
        }
        self.counts.wrong.fetch_add(1, Ordering::Relaxed);
        let text = "wrong user name or password\n";
        Some((StatusCode::UNAUTHORIZED, challenge, text).into_response())
    }
}

fn why_not_ready(phase: Phase) -> Option<String> {
    let why = match phase {
        Phase::Ready | Phase::Reloading => return None,
        Phase::Starting => "turnd is starting",
        Phase::Draining => "turnd is draining",
        Phase::Stopping => "turnd is stopping",
    };
    Some(why.to_owned())
}

/// RFC 7617 section 2. How long it takes says nothing about how much of a guess is right.
fn is_right(login: &Login, given: &[u8]) -> bool {
    let scheme = given.get(..6).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return false;
    }
    let encoded = given[6..].trim_ascii();
    let Ok(decoded) = STANDARD.decode(encoded) else {
        return false;
    };
    let right = format!("{}:{}", login.user, login.password.expose());
    decoded.ct_eq(right.as_bytes()).into()
}

fn health(problem: Option<String>) -> Response {
    match problem {
        None => "ok\n".into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem + "\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Secret, control, metrics::http};

    fn settings() -> config::Metrics {
        config::Metrics {
            address: None,
            port: 0,
            path: "/metrics".to_owned(),
            top_users: None,
            tls: None,
            login: None,
        }
    }

    /// Serves nothing but what can be said before anything is there to tell.
    #[tokio::test]
    async fn a_server_that_is_starting_is_alive_and_not_ready() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (control, _desk) = control::handle(1);
        let desk = Arc::new(Desk::new(&settings(), None, control));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let ask = async {
            let mut statuses = Vec::new();
            for path in ["/", "/healthz", "/readyz", "/metrics"] {
                let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
                let request =
                    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                statuses.push(answer[9..12].to_owned());
            }
            statuses
        };
        let statuses = tokio::select! {
            statuses = ask => statuses,
            ended = http::serve(listener, None, desk) => panic!("{ended:?}"),
        };
        assert_eq!(statuses, ["200", "200", "503", "503"]);
    }

    #[test]
    fn new_clients_are_wanted_while_a_server_serves_and_reloads_only() {
        for phase in [Phase::Ready, Phase::Reloading] {
            assert_eq!(why_not_ready(phase), None);
        }
        for phase in [Phase::Starting, Phase::Draining, Phase::Stopping] {
            assert!(why_not_ready(phase).is_some());
        }
    }

    #[test]
    fn only_the_right_name_and_password_pass() {
        let login = Login {
            user: "scraper".to_owned(),
            password: Secret::new("pass:wörd"),
        };
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(is_right(&login, header("scraper:pass:wörd").as_bytes()));
        let lower = header("scraper:pass:wörd").replace("Basic", "bASIC");
        assert!(is_right(&login, lower.as_bytes()));
        for wrong in [
            "",
            "scraper",
            "scraper:",
            "scraper:pass:wörd ",
            "x:pass:wörd",
            ":",
        ] {
            assert!(!is_right(&login, header(wrong).as_bytes()), "{wrong}");
        }
        for odd in [
            "",
            "Basic",
            "Basic ",
            "Basic !",
            "Bearer c2NyYXBlcg==",
            "basic",
        ] {
            assert!(!is_right(&login, odd.as_bytes()), "{odd}");
        }
    }
}
