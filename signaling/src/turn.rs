//! What pages are told of turnd: URLs and credentials, from the configuration that turnd itself reads.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde_json::{Value, json};
use turnd::{
    auth::password,
    config::{Access, PublicName, Scheme, Secret, Settings, UserSecret},
};

/// The TURN server that pages are sent to.
#[derive(Clone, Debug)]
pub struct TurnOffer {
    host: Host,
    /// The host of `turns:`, whose certificate must carry it.
    tls_host: Host,
    stun_port: Option<u16>,
    udp_port: Option<u16>,
    tcp_port: Option<u16>,
    tls_port: Option<u16>,
    credentials: Credentials,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Named(String),
    /// That of the page: turnd listens on every address of the machine that signaling runs on.
    OfThePage,
}

#[derive(Clone, Debug)]
enum Credentials {
    /// Made for each member, and they end.
    TimeLimited {
        secret: Secret,
        separator: char,
        lifetime: Duration,
    },
    /// The same for everybody.
    Static { name: String, password: Secret },
    /// Any will do, but browsers want some.
    Anonymous,
    /// Nobody can relay.
    None,
}

impl TurnOffer {
    /// What turnd offers with `settings`. `host` and `certificate_name` are where it is found, if known.
    #[must_use]
    pub fn new(
        settings: &Settings,
        host: Option<&str>,
        certificate_name: Option<&str>,
        lifetime: Duration,
    ) -> Self {
        let own = host.map_or_else(|| own_host(settings), |host| Host::Named(bracketed(host)));
        let tls_host = match (host, certificate_name) {
            (None, Some(name)) => Host::Named(name.to_owned()),
            _ => own.clone(),
        };
        let (udp, tcp) = (
            settings.port_for(Scheme::Udp),
            settings.port_for(Scheme::Tcp),
        );
        let relays = !settings.stun_only;
        Self {
            host: own,
            tls_host,
            stun_port: udp.filter(|_| !settings.no_stun),
            udp_port: udp.filter(|_| relays),
            tcp_port: tcp.filter(|_| relays),
            tls_port: settings.port_for(Scheme::Tls).filter(|_| relays),
            credentials: credentials(settings, lifetime),
        }
    }

    /// How long credentials are good for, if they end.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        match self.credentials {
            Credentials::TimeLimited { lifetime, .. } => Some(lifetime),
            _ => None,
        }
    }

    /// What an operator should know of it.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        match &self.credentials {
            Credentials::TimeLimited { .. } => None,
            Credentials::Static { name, .. } => Some(format!(
                "every visitor is told the password of the user {name}, and it never ends: \
                 use-auth-secret and static-auth-secret make passwords that do"
            )),
            Credentials::Anonymous => Some("anybody may relay through turnd: no-auth".to_owned()),
            Credentials::None => Some(
                "nobody may relay through turnd: it has no secret and no user with a password"
                    .to_owned(),
            ),
        }
    }

    /// The URLs, for a page that was opened as `page`.
    #[must_use]
    pub fn urls(&self, page: &str) -> Vec<String> {
        let mut urls = self.stun_urls(page);
        urls.extend(self.turn_urls(page));
        urls
    }

    fn stun_urls(&self, page: &str) -> Vec<String> {
        let port = self.stun_port.into_iter();
        port.map(|port| format!("stun:{}:{port}", self.host.of(page)))
            .collect()
    }

    fn turn_urls(&self, page: &str) -> Vec<String> {
        let (host, tls_host) = (self.host.of(page), self.tls_host.of(page));
        let udp = self
            .udp_port
            .map(|port| format!("turn:{host}:{port}?transport=udp"));
        let tcp = self
            .tcp_port
            .map(|port| format!("turn:{host}:{port}?transport=tcp"));
        let tls = self
            .tls_port
            .map(|port| format!("turns:{tls_host}:{port}?transport=tcp"));
        [udp, tcp, tls].into_iter().flatten().collect()
    }

    /// URLs and credentials for the member `session`, who opened the page as `page`: an object.
    #[must_use]
    pub fn servers(&self, session: &str, page: &str, unix: u64) -> Value {
        let (stun, turn) = (self.stun_urls(page), self.turn_urls(page));
        let mut servers = Vec::new();
        if !stun.is_empty() {
            servers.push(json!({ "urls": stun }));
        }
        let Some((username, password)) = self.username_and_password(session, unix) else {
            return json!({ "iceServers": servers });
        };
        if !turn.is_empty() {
            servers.push(json!({ "urls": turn, "username": username, "credential": password }));
        }
        let mut told = json!({
            "iceServers": servers,
            "username": username,
            "password": password,
            "uris": turn,
        });
        if let Some(lifetime) = self.lifetime() {
            told["ttl"] = json!(lifetime.as_secs());
            told["expires"] = json!(unix.saturating_add(lifetime.as_secs()));
        }
        told
    }

    fn username_and_password(&self, session: &str, unix: u64) -> Option<(String, String)> {
        match &self.credentials {
            Credentials::TimeLimited {
                secret,
                separator,
                lifetime,
            } => {
                let expires = unix.saturating_add(lifetime.as_secs());
                let name = format!("{expires}{separator}{session}");
                let password = password(secret.expose(), &name);
                Some((name, password))
            }
            Credentials::Static { name, password } => {
                Some((name.clone(), password.expose().to_owned()))
            }
            Credentials::Anonymous => Some(("anonymous".to_owned(), "anonymous".to_owned())),
            Credentials::None => None,
        }
    }
}

impl Host {
    fn of<'a>(&'a self, page: &'a str) -> &'a str {
        match self {
            Self::Named(name) => name,
            Self::OfThePage => page,
        }
    }
}

fn credentials(settings: &Settings, lifetime: Duration) -> Credentials {
    // The first: one that replaces another is added behind it, and turnd may not have read it yet.
    if let Some(secret) = settings.shared_secrets.first() {
        return Credentials::TimeLimited {
            secret: secret.clone(),
            separator: settings.rest_separator,
            lifetime,
        };
    }
    if settings.access == Access::Anonymous {
        return Credentials::Anonymous;
    }
    let user = settings.users.iter().find_map(|user| match &user.secret {
        UserSecret::Password(password) => Some(Credentials::Static {
            name: user.name.clone(),
            password: password.clone(),
        }),
        UserSecret::Md5Key(_) => None,
    });
    user.unwrap_or(Credentials::None)
}

fn own_host(settings: &Settings) -> Host {
    let external = &settings.external;
    // A name is looked up by whoever calls, each time anew.
    for named in &external.named {
        if let PublicName::Host(host) = &named.name {
            return Host::Named(host.clone());
        }
    }
    let outside = external
        .plain_v4
        .map(IpAddr::from)
        .or_else(|| external.pairs.first().map(|pair| pair.public))
        .or(external.plain_v6.map(IpAddr::from));
    let listening = || {
        let ips = &settings.listening_ips;
        if ips.iter().any(IpAddr::is_unspecified) {
            return None;
        }
        ips.iter().find(|ip| ip.is_ipv4()).or(ips.first()).copied()
    };
    match outside.or_else(listening) {
        Some(ip) => Host::Named(bracketed(&ip.to_string())),
        None => Host::OfThePage,
    }
}

/// As it stands in a URL.
fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
        _ => host.to_owned(),
    }
}

/// The host of a `Host` header or an authority, without its port; loopback if it is none.
#[must_use]
pub fn host_of(authority: &str) -> String {
    let parsed = authority.parse::<http::uri::Authority>();
    parsed.map_or_else(
        |_| Ipv4Addr::LOCALHOST.to_string(),
        |authority| authority.host().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::{io, path::Path};

    use turnd::config::{Machine, Outcome, load_on};

    use super::*;

    fn offer(file: &str, host: Option<&str>, certificate: Option<&str>) -> TurnOffer {
        let file = file.to_owned();
        let machine = Machine {
            cores: 1,
            host_name: None,
            read: Box::new(move |path: &Path| match path.to_str() {
                Some("/turnserver.conf") => Ok(file.clone().into_bytes()),
                Some("/secrets") => Ok(b"# the old one, the new one\nnorth\nsouth\n".to_vec()),
                _ => Err(io::ErrorKind::NotFound.into()),
            }),
            environment: Box::new(|_| None),
        };
        let arguments = ["turnd", "--config", "/turnserver.conf"];
        match load_on(&machine, arguments.map(Into::into)) {
            Outcome::Run(loaded) => TurnOffer::new(
                &loaded.settings,
                host,
                certificate,
                Duration::from_secs(600),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_secret_in_a_file_of_its_own_makes_credentials_too() {
        let offer = offer("static-auth-secret-file=/secrets\n", None, None);
        let told = offer.servers("abc", "page.example.org", 1_700_000_000);
        assert_eq!(
            told["password"],
            turnd::auth::password("north", "1700000600:abc")
        );
    }

    #[test]
    fn credentials_carry_session_and_expiry() {
        // echo -n 1700000600:abc | openssl dgst -sha1 -hmac north -binary | base64
        let offer = offer(
            "realm=example.org\nuse-auth-secret\nstatic-auth-secret=north\nstatic-auth-secret=new\n\
             external-ip=203.0.113.7\nlistening-port=3479\n",
            None,
            None,
        );
        let told = offer.servers("abc", "page.example.org", 1_700_000_000);
        assert_eq!(told["username"], "1700000600:abc");
        assert_eq!(told["expires"], 1_700_000_600);
        assert_eq!(told["ttl"], 600);
        assert_eq!(
            told["password"],
            turnd::auth::password("north", "1700000600:abc")
        );
        assert_eq!(told["iceServers"][0]["urls"][0], "stun:203.0.113.7:3479");
        assert_eq!(told["iceServers"][1]["credential"], told["password"]);
        assert_eq!(
            told["uris"],
            json!([
                "turn:203.0.113.7:3479?transport=udp",
                "turn:203.0.113.7:3479?transport=tcp"
            ])
        );
        assert!(offer.warning().is_none());
    }

    #[test]
    fn a_user_is_told_as_it_is() {
        let offer = offer(
            "realm=r\nuser=demo:pass\nlistening-ip=127.0.0.1\nlistening-ip=::1\n",
            None,
            None,
        );
        let told = offer.servers("abc", "x", 0);
        assert_eq!(
            (&told["username"], &told["password"]),
            (&json!("demo"), &json!("pass"))
        );
        assert!(told.get("expires").is_none());
        assert_eq!(told["uris"][0], "turn:127.0.0.1:3478?transport=udp");
        assert!(offer.warning().is_some_and(|text| text.contains("demo")));
    }

    #[test]
    fn where_turnd_is_everywhere_the_page_tells_the_host() {
        let file = "realm=r\nuser=demo:pass\nno-tcp\n";
        let everywhere = offer(file, None, None);
        assert_eq!(
            everywhere.urls("192.168.1.5"),
            [
                "stun:192.168.1.5:3478",
                "turn:192.168.1.5:3478?transport=udp"
            ]
        );
        let named = offer(file, Some("2001:db8::1"), None);
        assert_eq!(named.urls("x")[0], "stun:[2001:db8::1]:3478");
    }

    #[test]
    fn without_users_there_is_only_stun() {
        let offer = offer("realm=r\n", Some("turn.example.org"), None);
        let told = offer.servers("abc", "x", 0);
        assert_eq!(
            told,
            json!({ "iceServers": [{ "urls": ["stun:turn.example.org:3478"] }] })
        );
    }

    #[test]
    fn hosts_of_authorities() {
        assert_eq!(host_of("example.org:8443"), "example.org");
        assert_eq!(host_of("[::1]:8443"), "[::1]");
        assert_eq!(host_of("10.0.0.1"), "10.0.0.1");
        assert_eq!(host_of("no such thing"), "127.0.0.1");
    }
}
