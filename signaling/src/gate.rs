//! What every request passes first: who asks, from which site, and how often.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ipnet::IpNet;

use crate::{
    hub::{addresses::place, bucket::Bucket, limits::Rate},
    metrics::Metrics,
    switchboard::{Switchboard, Visitor},
    turn::host_of,
};

/// Addresses whose handshakes are counted at a time.
const ADDRESSES: usize = 100_000;

/// Who may connect.
pub struct Gate {
    origins: Origins,
    proxies: Vec<IpNet>,
    handshakes: ByAddress,
    /// Requests for TURN credentials; `None`: not counted.
    credentials: Option<ByAddress>,
    board: Arc<Switchboard>,
}

/// How often what comes from each address.
struct ByAddress {
    rate: Rate,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl ByAddress {
    fn new(rate: Rate) -> Self {
        let buckets = Mutex::default();
        Self { rate, buckets }
    }

    /// Counts one, if it is not one too many.
    fn take(&self, client: IpAddr, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place(client);
        if buckets.len() >= ADDRESSES && !buckets.contains_key(&place) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= ADDRESSES {
                return false;
            }
        }
        let bucket = buckets.entry(place);
        bucket
            .or_insert_with(|| Bucket::full(now, self.rate))
            .take(now)
    }
}

/// The sites whose pages may connect, besides our own.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    /// Takes origins such as `https://app.example.org`, or `*` for any.
    ///
    /// # Errors
    /// One of them is no origin; the text says which.
    pub fn new(allowed: &[String]) -> Result<Self, String> {
        for origin in allowed.iter().filter(|origin| *origin != "*") {
            let rest = origin
                .strip_prefix("https://")
                .or(origin.strip_prefix("http://"));
            if rest.is_none_or(|rest| rest.parse::<http::uri::Authority>().is_err()) {
                return Err(format!(
                    "--allow-origin {origin}: expected a scheme and a host, such as https://app.example.org"
                ));
            }
        }
        let allowed = allowed
            .iter()
            .map(|origin| origin.to_ascii_lowercase())
            .collect();
        Ok(Self { allowed })
    }

    /// Whether a page of `origin` may connect to what it calls `host`.
    #[must_use]
    pub fn allow(&self, origin: &str, host: Option<&str>) -> bool {
        let own = origin.split_once("://").map(|(_, authority)| authority);
        let same = |host: &str| own.is_some_and(|own| own.eq_ignore_ascii_case(host));
        host.is_some_and(same) || self.names(origin)
    }

    /// Whether `origin` is one that was named.
    #[must_use]
    pub fn names(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.allowed
            .iter()
            .any(|allowed| *allowed == origin || allowed == "*")
    }
}

impl Gate {
    /// A gate before `board`.
    #[must_use]
    pub fn new(
        origins: Origins,
        proxies: Vec<IpNet>,
        per_second: u32,
        credentials_per_minute: u32,
        board: Arc<Switchboard>,
    ) -> Self {
        let per_second = f64::from(per_second);
        let per_minute = f64::from(credentials_per_minute);
        Self {
            origins,
            proxies,
            handshakes: ByAddress::new(Rate {
                burst: per_second * 10.0,
                per_second,
            }),
            credentials: (credentials_per_minute > 0).then(|| {
                ByAddress::new(Rate {
                    burst: per_minute,
                    per_second: per_minute / 60.0,
                })
            }),
            board,
        }
    }

    fn metrics(&self) -> &Metrics {
        self.board.metrics()
    }

    /// The client's address: that of the connection, or what a proxy that is believed says.
    fn client(&self, connection: IpAddr, headers: &HeaderMap) -> IpAddr {
        let believed = |address: IpAddr| {
            let address = address.to_canonical();
            self.proxies
                .iter()
                .any(|network| network.contains(&address))
        };
        let mut client = connection.to_canonical();
        let forwarded = headers.get_all("x-forwarded-for").into_iter();
        let forwarded = forwarded.filter_map(|value| value.to_str().ok());
        let hops = forwarded
            .flat_map(|value| value.split(','))
            .collect::<Vec<_>>();
        // Each proxy adds the address that it saw; the last ones are those we know something of.
        for hop in hops.iter().rev() {
            if !believed(client) {
                break;
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(address) => client = address.to_canonical(),
                Err(_) => break,
            }
        }
        client
    }

    fn refusal(&self, parts: &Parts, client: IpAddr) -> Option<(StatusCode, &'static str)> {
        let origin = parts.headers.get(header::ORIGIN);
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let allowed = |origin: &HeaderValue| {
            let origin = origin.to_str().ok();
            origin.is_some_and(|origin| self.origins.allow(origin, host))
        };
        if origin.is_some_and(|origin| !allowed(origin)) {
            self.metrics()
                .turned_away
                .with_label_values(&["origin"])
                .inc();
            return Some((
                StatusCode::FORBIDDEN,
                "pages of this origin may not connect: it is not the Host that was asked for, which a proxy has to pass on, \
                 and no --allow-origin\n",
            ));
        }
        let turned_away = |text| {
            let turned_away = &self.metrics().turned_away;
            turned_away.with_label_values(&["rate"]).inc();
            Some((StatusCode::TOO_MANY_REQUESTS, text))
        };
        let now = Instant::now();
        if begins_something(parts) && !self.handshakes.take(client, now) {
            return turned_away("too many connections\n");
        }
        // A page of another site asks first whether it may ask, and gets nothing for that.
        if parts.uri.path() == "/api/turn"
            && parts.method != Method::OPTIONS
            && let Some(credentials) = &self.credentials
            && !credentials.take(client, now)
        {
            return turned_away("TURN credentials are asked for too often\n");
        }
        None
    }
}

/// The middleware.
pub async fn pass(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let client = gate.client(connection.ip(), &parts.headers);
    if speaks(&parts)
        && let Some(refusal) = gate.refusal(&parts, client)
    {
        return refusal.into_response();
    }
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let visitor = Visitor {
        address: client,
        host: host_of(host.unwrap_or_default()),
    };
    parts.extensions.insert(visitor);
    next.run(Request::from_parts(parts, body)).await
}

/// Whether this is about signalling, and not a page.
fn speaks(parts: &Parts) -> bool {
    let path = parts.uri.path();
    path.starts_with("/socket.io") || path == "/ws" || path.starts_with("/api/")
}

/// Whether it costs something new, and does not go on with a session of socket.io.
fn begins_something(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    !parts.uri.path().starts_with("/socket.io")
        || !query.split('&').any(|pair| pair.starts_with("sid="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(proxies: &[&str]) -> Gate {
        let setup = crate::switchboard::Setup {
            limits: crate::hub::Limits::default(),
            turn: None,
            tokens: None,
            spelling: crate::options::Spelling::Both,
            log_addresses: crate::options::LogAddresses::Full,
        };
        let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap());
        Gate::new(
            Origins::default(),
            proxies.collect(),
            2,
            10,
            Switchboard::new(setup),
        )
    }

    #[test]
    fn only_proxies_that_are_named_are_believed() {
        let client = |gate: &Gate, connection: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            gate.client(connection.parse().unwrap(), &headers)
                .to_string()
        };
        let gate_of_none = gate(&[]);
        assert_eq!(
            client(&gate_of_none, "10.0.0.1", &["192.0.2.7"]),
            "10.0.0.1"
        );
        let gate = gate(&["10.0.0.0/8", "::1/128"]);
        assert_eq!(client(&gate, "10.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(
            client(&gate, "::ffff:10.0.0.1", &["192.0.2.7"]),
            "192.0.2.7"
        );
        assert_eq!(
            client(&gate, "198.51.100.1", &["192.0.2.7"]),
            "198.51.100.1"
        );
        // What the client itself wrote stands before what the proxies added.
        assert_eq!(
            client(&gate, "10.0.0.1", &["203.0.113.9, 192.0.2.7, 10.0.0.2"]),
            "192.0.2.7"
        );
        assert_eq!(
            client(&gate, "::1", &["203.0.113.9", "192.0.2.7"]),
            "192.0.2.7"
        );
        assert_eq!(client(&gate, "10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(client(&gate, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn handshakes_come_back_with_time() {
        let gate = gate(&[]);
        let (start, client) = (Instant::now(), "192.0.2.7".parse().unwrap());
        let handshakes = &gate.handshakes;
        let taken = (0..30).filter(|_| handshakes.take(client, start)).count();
        assert_eq!(taken, 20);
        assert!(handshakes.take("192.0.2.8".parse().unwrap(), start));
        assert!(handshakes.take(client, start + std::time::Duration::from_millis(500)));
    }

    #[test]
    fn an_address_asks_for_ten_credentials_a_minute() {
        let gate = gate(&[]);
        let credentials = gate.credentials.as_ref().unwrap();
        let (start, client) = (Instant::now(), "192.0.2.7".parse().unwrap());
        let taken = |at| (0..30).filter(|_| credentials.take(client, at)).count();
        assert_eq!(taken(start), 10);
        assert_eq!(taken(start + std::time::Duration::from_secs(6)), 1);
        assert_eq!(taken(start + std::time::Duration::from_secs(66)), 10);
        assert!(credentials.take("192.0.2.8".parse().unwrap(), start));
    }

    #[test]
    fn own_pages_and_named_sites_may_connect() {
        let named = ["https://App.example.org".to_owned()];
        let origins = Origins::new(&named).unwrap();
        assert!(origins.allow(
            "https://call.example.org:8443",
            Some("call.example.org:8443")
        ));
        assert!(origins.allow("http://LOCALHOST:8080", Some("localhost:8080")));
        assert!(origins.allow("https://app.example.org", Some("call.example.org")));
        for origin in [
            "https://evil.example",
            "https://call.example.org",
            "http://app.example.org",
            "https://app.example.org.evil.example",
            "null",
            "",
        ] {
            assert!(
                !origins.allow(origin, Some("call.example.org:8443")),
                "{origin}"
            );
        }
        assert!(!origins.allow("null", None));
        assert!(
            Origins::new(&["*".to_owned()])
                .unwrap()
                .allow("https://any.example", None)
        );
        for nonsense in ["app.example.org", "https://", "https://a b"] {
            assert!(Origins::new(&[nonsense.to_owned()]).is_err(), "{nonsense}");
        }
    }
}
