//! What the settings alone tell: what is unsafe in them, and what coturn would do differently with the
//! same file. What is said at every start, too, comes as a note of the configuration and not from here.

mod peers;

use std::{net::IpAddr, path::Path};

use super::report::{Finding, InForce, Level, Report};
use crate::config::{
    Access, Identity, Origin, Settings, Standing, StaticUser, UserSecret, Written, reference,
};

/// Characters of a shared secret that cannot be found by trying: whoever has seen one credential can try
/// as fast as he computes.
const LEAST_SECRET: usize = 16;
/// What stands in examples, and is tried first.
const WELL_KNOWN: [&str; 14] = [
    "changeme",
    "change-me",
    "change_me",
    "guest",
    "hieristeensecret",
    "north",
    "password",
    "qwerty",
    "secret",
    "test",
    "turnpassword",
    "wonderland",
    "your-auth-secret",
    "your_secret",
];

/// Where coturn's database lies if nothing says where, in Debian's package and without one.
const DATABASES: [&str; 2] = ["/var/lib/turn/turndb", "/var/db/turndb"];

pub(super) fn apply(report: &mut Report, settings: &Settings, written: &[Written]) {
    let mut rules = Rules {
        report,
        settings,
        written,
    };
    rules.open_peers();
    rules.weak_secrets();
    rules.open_doors();
    rules.open_metrics();
    // Only who brings a file from coturn wants to know.
    if rules.report.file.is_some() {
        rules.other_access();
        rules.other_addresses();
        rules.other_tls();
        rules.way_back();
    }
}

struct Rules<'a> {
    report: &'a mut Report,
    settings: &'a Settings,
    written: &'a [Written],
}

impl Rules<'_> {
    fn say(&mut self, level: Level, code: &'static str, option: &str, text: impl Into<String>) {
        let origin = self.report.origin(option);
        self.report
            .findings
            .push(Finding::new(level, code, &origin, text));
    }

    fn danger(&mut self, code: &'static str, option: &str, text: impl Into<String>) {
        self.say(Level::Unsafe, code, option, text);
    }

    fn differs(&mut self, code: &'static str, option: &str, text: impl Into<String>) {
        self.say(Level::Coturn, code, option, text);
    }

    fn is_written(&self, name: &str) -> bool {
        self.written
            .iter()
            .any(|it| it.name == name && it.value != "off")
    }

    fn weak_secrets(&mut self) {
        let is_known = |text: &str| WELL_KNOWN.contains(&text.to_ascii_lowercase().as_str());
        let is_weak = |text: &str, least| text.chars().count() < least || is_known(text);
        let secrets = &self.settings.shared_secrets;
        if secrets
            .iter()
            .any(|secret| is_weak(secret.expose(), LEAST_SECRET))
        {
            self.danger(
                "weak-secret",
                "static-auth-secret",
                "static-auth-secret: fewer than 16 characters, or one from examples, is found by \
                 trying; take the output of: openssl rand -hex 32",
            );
        }
        for user in &self.settings.users {
            let UserSecret::Password(password) = &user.secret else {
                continue;
            };
            if is_weak(password.expose(), StaticUser::LEAST_PASSWORD) {
                let text = format!(
                    "user: the password of {:?} has fewer than 8 characters or is one from examples",
                    user.name
                );
                let origin = self.origin_of_user(&user.name);
                self.report.findings.push(Finding::new(
                    Level::Unsafe,
                    "weak-password",
                    &origin,
                    text,
                ));
            }
        }
    }

    fn origin_of_user(&self, name: &str) -> Origin {
        let start = format!("{name}:");
        let mut users = self.written.iter().filter(|it| it.name == "user");
        let found = users.rfind(|it| it.value.starts_with(&start));
        found.map_or(Origin::Configuration, |it| it.origin.clone())
    }

    fn open_doors(&mut self) {
        let settings = self.settings;
        if settings.access != Access::Nobody
            && settings.user_quota.is_none()
            && settings.total_quota.is_none()
        {
            self.danger(
                "no-quota",
                "",
                "there is neither a user-quota nor a total-quota: one user can take every relay port",
            );
        }
        if settings.access == Access::Credentials && settings.nonce_lifetime.is_none() {
            self.danger(
                "endless-nonce",
                "stale-nonce",
                "stale-nonce: with 0 a request that somebody recorded is good for ever",
            );
        }
        if settings.binding.discovery {
            self.danger(
                "behaviour-discovery",
                "rfc5780",
                "rfc5780: who forges his address has the victim sent three times as much, and to a port of \
                 his choice; only tests of NATs need it",
            );
        }
        if settings
            .tls
            .as_ref()
            .is_some_and(|tls| tls.identity == Identity::SelfSigned)
        {
            self.danger(
                "self-signed",
                "self-signed",
                "self-signed: nobody vouches for the certificate, and browsers refuse it",
            );
        }
    }

    /// From the options alone: what they come to is not known without them.
    fn open_metrics(&mut self) {
        let asking = ["prometheus", "prometheus-tls"];
        let is_served = |it: &InForce| {
            asking.contains(&it.name) && it.value == "on" && it.standing == Standing::Obeyed
        };
        let is_closed = |it: &InForce| match it.name {
            "prometheus-password" | "prometheus-password-file" => true,
            "prometheus-address" => {
                let address = it.value.parse::<IpAddr>();
                address.is_ok_and(|address| !address.is_unspecified())
            }
            _ => false,
        };
        let options = &self.report.options;
        if options.iter().any(is_served) && !options.iter().any(is_closed) {
            self.danger(
                "open-metrics",
                "prometheus",
                "prometheus: everybody can read the metrics, on every address and without a \
                 password; prometheus-address=127.0.0.1 keeps them here",
            );
        }
    }

    fn other_access(&mut self) {
        let settings = self.settings;
        if settings.access == Access::Nobody && !settings.stun_only {
            let asks = ["lt-cred-mech", "use-auth-secret"]
                .iter()
                .any(|name| self.is_written(name));
            let text = if asks {
                "without a user and a secret nobody can relay; coturn asks its database then"
            } else {
                "without a user and a secret nobody can relay; coturn relays for everybody then"
            };
            self.differs("nobody-relays", "", text);
        }
        self.users_not_read();
        self.users_elsewhere(&DATABASES.map(Path::new));
        if !settings.users.is_empty() && !settings.shared_secrets.is_empty() {
            self.differs(
                "users-and-secrets",
                "user",
                "user: they can log in beside the holders of static-auth-secret; coturn drops the users",
            );
        }
        self.private_peers();
    }

    /// Users that are in a database only, as most installations with a web page have them.
    fn users_not_read(&mut self) {
        if let Some(name) = self.database().filter(|_| self.report.nobody_relays) {
            let text = format!(
                "{name}: the users and secrets there are not read, and there are no others, so nobody can relay; \
                 bring them in with user-file (lines NAME:0xKEY, which are name and hmackey of the table turnusers_lt) or \
                 static-auth-secret"
            );
            self.say(Level::Warning, "users-not-read", name, text);
        }
    }

    /// The option that names a database of users, whichever way.
    fn database(&self) -> Option<&'static str> {
        let mut names = self.written.iter().map(|it| it.name);
        names.rfind(|name| name.ends_with("userdb") || *name == "db")
    }

    /// coturn looks for users in a database even if none is named, in one of these places.
    fn users_elsewhere(&mut self, places: &[&Path]) {
        // With secrets it looks at no users, but for more secrets.
        let takes_secrets =
            self.is_written("use-auth-secret") || self.is_written("static-auth-secret");
        let is_asked =
            takes_secrets || self.is_written("lt-cred-mech") || !self.settings.users.is_empty();
        let Some(place) = places.iter().find(|place| place.exists()) else {
            return;
        };
        if self.database().is_some() || !is_asked || self.settings.stun_only {
            return;
        }
        // Where there are users, that one is most likely as empty as it was installed.
        let level = if self.settings.access == Access::Nobody {
            Level::Warning
        } else {
            Level::Coturn
        };
        let (what, lines, origin) = if takes_secrets {
            ("secrets", "static-auth-secret", "use-auth-secret")
        } else {
            ("users", "user and user-file", "lt-cred-mech")
        };
        let text = format!(
            "coturn takes {what} from {}, too, without being told; turnd takes those of {lines} only",
            place.display()
        );
        self.say(level, "users-in-database", origin, text);
    }

    fn other_addresses(&mut self) {
        let settings = self.settings;
        if settings.relay_ips.is_empty() && settings.listening_ips.is_empty() && !settings.stun_only
        {
            self.differs(
                "relay-addresses",
                "",
                "without relay-ip and listening-ip the addresses of the default routes relay; \
                 coturn takes every address of the machine",
            );
        }
        if !settings.external.pairs.is_empty() {
            self.differs(
                "external-pair",
                "external-ip",
                "external-ip: the private half of a pair is not opened as a peer, which it is in coturn",
            );
        }
        let is_logged = ["log-file", "syslog"]
            .iter()
            .any(|name| self.is_written(name));
        if !is_logged {
            self.differs(
                "log-file",
                "",
                "without log-file the log goes to standard output alone; coturn makes up a file as well",
            );
        }
    }

    fn other_tls(&mut self) {
        let settings = self.settings;
        if settings.tls.is_none() {
            return;
        }
        self.differs(
            "tls-or-nothing",
            "cert",
            "turnd does not start if the certificate or its key cannot be used; coturn serves \
             without TLS then",
        );
        if !settings.listen.has_dtls() && !self.is_written("no-dtls") {
            self.differs(
                "dtls-off",
                "",
                "DTLS is off until dtls is written, as in coturn 4.17; older ones offer it with TLS",
            );
        }
        if self.is_written("cipher-list") {
            self.differs(
                "ciphers",
                "cipher-list",
                "cipher-list: suites with CBC, static RSA or finite-field Diffie-Hellman are passed over",
            );
        }
    }

    /// What coturn would not take of this file.
    fn way_back(&mut self) {
        let peers = ["allowed-peer-ip", "denied-peer-ip"];
        let block = self
            .written
            .iter()
            .find(|it| peers.contains(&it.name) && it.value.contains('/'));
        if let Some(block) = block {
            let text = format!(
                "{}: coturn takes no blocks such as {}; it needs FIRST-LAST",
                block.name, block.value
            );
            self.differs("peer-blocks", block.name, text);
        }
        let named = self
            .written
            .iter()
            .find(|it| it.name.ends_with("alternate-server") && it.value.contains('/'));
        if let Some(named) = named {
            let text = format!("{}: coturn takes no name behind a server", named.name);
            self.differs("alternate-name", named.name, text);
        }
        let ours: Vec<_> = reference()
            .into_iter()
            .flat_map(|heading| heading.options)
            .filter(|option| !option.is_coturns && self.is_written(option.name))
            .map(|option| option.name)
            .collect();
        if !ours.is_empty() {
            let text = format!("options that coturn does not know: {}", ours.join(", "));
            self.differs("not-in-coturn", "", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, path::Path};

    use super::*;
    use crate::config::{Machine, Outcome, examine_on};

    /// What is said of the database, if there is one in one of these places.
    fn said(config: &'static str, places: &[&Path]) -> Vec<(Level, String)> {
        let mut machine = Machine::this();
        machine.read = Box::new(|_| Ok(config.as_bytes().to_vec()));
        let args = ["turnd", "-c", "turnserver.conf"].map(OsString::from);
        let examined = examine_on(&machine, args.clone());
        let Outcome::Run(loaded) = examine_on(&machine, args).outcome else {
            panic!("{config}");
        };
        let written = examined.written.clone();
        let mut report = Report::of(&machine, examined);
        report.findings.clear();
        let mut rules = Rules {
            report: &mut report,
            settings: &loaded.settings,
            written: &written,
        };
        rules.users_elsewhere(places);
        let findings = report.findings.into_iter();
        findings.map(|it| (it.level, it.text)).collect()
    }

    #[test]
    fn users_that_are_left_behind_in_coturns_database_are_told() {
        let (there, gone) = (Path::new("/proc/self/exe"), Path::new("/proc/self/none"));
        let lone = "listening-ip=127.0.0.1\nlt-cred-mech\nrealm=example.org\n";
        let [(level, text)] = &said(lone, &[gone, there])[..] else {
            panic!("one place is told");
        };
        assert_eq!(*level, Level::Warning);
        assert!(text.contains("users from /proc/self/exe"), "{text}");
        assert_eq!(said(lone, &[gone]), []);

        let some = "listening-ip=127.0.0.1\nuser=alice:long enough, this one\nrealm=example.org\n";
        let levels: Vec<_> = said(some, &[there]).into_iter().map(|it| it.0).collect();
        assert_eq!(levels, [Level::Coturn]);
        // That a named one is not read is told already.
        let named = "listening-ip=127.0.0.1\nlt-cred-mech\nrealm=example.org\nuserdb=/a\n";
        assert_eq!(said(named, &[there]), []);
        // coturn looks at no users where there are secrets, but for more of those.
        let secret =
            "listening-ip=127.0.0.1\nlt-cred-mech\nstatic-auth-secret=north\nrealm=example.org\n";
        let [(level, text)] = &said(secret, &[there])[..] else {
            panic!("one place is told");
        };
        assert_eq!(*level, Level::Coturn);
        assert!(text.contains("secrets from /proc/self/exe"), "{text}");
    }
}
