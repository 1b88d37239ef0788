//! What a new configuration changes, setting by setting, and what of that a running program can take.

use crate::config::{Access, Listen, ProcessSettings, Settings};

/// Settings that differ, by the words of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Taken by a reload.
    pub(crate) taken: Vec<&'static str>,
    /// By the options that need a new start.
    pub(crate) need_start: Vec<&'static str>,
}

/// Notes down what differs.
struct Comparison(Differences);

impl Comparison {
    fn live<T: PartialEq>(&mut self, name: &'static str, old: &T, new: &T) {
        if old != new && !self.0.taken.contains(&name) {
            self.0.taken.push(name);
        }
    }

    fn start<T: PartialEq>(&mut self, option: &'static str, old: &T, new: &T) {
        if old != new {
            self.0.need_start.push(option);
        }
    }
}

/// What differs. Every field is named here, so that a new one does not compile before it is decided what a
/// reload does with it.
#[must_use]
pub(crate) fn differences(old: &Settings, new: &Settings) -> Differences {
    let Settings {
        listening_ips,
        listening_port,
        listen,
        tls,
        proxy,
        http,
        connections,
        stream_queue,
        relay_ips,
        external,
        relay_ports,
        udp_relay,
        tcp_relay,
        mobility,
        relay_threads,
        coalesce,
        // In `compare_access`.
        realm: _,
        denied_users: _,
        access: _,
        users: _,
        shared_secrets: _,
        third_party: _,
        rest_separator: _,
        fingerprint,
        nonce_lifetime,
        user_quota,
        total_quota,
        max_allocate_lifetime,
        channel_lifetime,
        permission_lifetime,
        peers,
        legacy_channels,
        default_family,
        socket_buffer,
        stun_only,
        no_stun,
        binding,
        redirects,
        log,
        drain,
        process,
        metrics,
        rates,
        nonce_secret,
    } = new;
    let mut it = Comparison(Differences::default());
    it.live("listeners", &old.listening_ips, listening_ips);
    it.live("listeners", &old.listening_port, listening_port);
    compare_listen(&mut it, &old.listen, listen);
    it.live("TLS", &old.tls, tls);
    it.live("PROXY protocol", &old.proxy, proxy);
    it.live("HTTP", &old.http, http);
    it.live("limits of connections", &old.connections, connections);
    it.live("queues of streams", &old.stream_queue, stream_queue);
    it.live("relay addresses", &old.relay_ips, relay_ips);
    it.live("external addresses", &old.external, external);
    it.live("relay ports", &old.relay_ports, relay_ports);
    it.live("relaying", &old.udp_relay, udp_relay);
    it.live("relaying", &old.tcp_relay, tcp_relay);
    it.live("mobility", &old.mobility, mobility);
    it.start("relay-threads", &old.relay_threads, relay_threads);
    it.start("coalesce-usecs", &old.coalesce, coalesce);
    it.start("sock-buf-size", &old.socket_buffer, socket_buffer);
    compare_access(&mut it, old, new);
    it.live("fingerprint", &old.fingerprint, fingerprint);
    it.live("nonces", &old.nonce_lifetime, nonce_lifetime);
    it.live("quotas", &old.user_quota, user_quota);
    it.live("quotas", &old.total_quota, total_quota);
    let lifetimes = "life times";
    it.live(lifetimes, &old.max_allocate_lifetime, max_allocate_lifetime);
    it.live(lifetimes, &old.channel_lifetime, channel_lifetime);
    it.live(lifetimes, &old.permission_lifetime, permission_lifetime);
    it.live("peers", &old.peers, peers);
    it.live("channel numbers", &old.legacy_channels, legacy_channels);
    it.live("default family", &old.default_family, default_family);
    it.live("services", &old.stun_only, stun_only);
    it.live("services", &old.no_stun, no_stun);
    it.live("Binding", &old.binding, binding);
    it.live("redirects", &old.redirects, redirects);
    it.live("log", &old.log, log);
    it.live("draining", &old.drain, drain);
    it.live("rates", &old.rates, rates);
    it.start("stateless-nonce-secret", &old.nonce_secret, nonce_secret);
    it.start("prometheus and what begins with it", &old.metrics, metrics);
    compare_process(&mut it, &old.process, process);
    it.0
}

/// Who may relay. A relay is opened to everybody, or closed, by a new start only.
fn compare_access(it: &mut Comparison, old: &Settings, new: &Settings) {
    if opens(old.access) != opens(new.access) {
        return it.start("no-auth", &old.access, &new.access);
    }
    it.live("realm", &old.realm, &new.realm);
    it.live("users", &old.users, &new.users);
    it.live("users", &old.access, &new.access);
    it.live("denied users", &old.denied_users, &new.denied_users);
    it.live("secrets", &old.shared_secrets, &new.shared_secrets);
    it.live("secrets", &old.rest_separator, &new.rest_separator);
    it.live("keys of tokens", &old.third_party, &new.third_party);
}

fn compare_listen(it: &mut Comparison, old: &Listen, new: &Listen) {
    let Listen {
        on_ports,
        listeners: urls,
        udp,
        tcp,
        tls_over_tcp,
        dtls,
        tls_listening_port,
        alt_listening_port,
        alt_tls_listening_port,
        aux_servers,
        listening_device,
        relay_device,
    } = new;
    let listeners = "listeners";
    it.live(listeners, &old.on_ports, on_ports);
    it.live(listeners, &old.listeners, urls);
    it.live(listeners, &old.udp, udp);
    it.live(listeners, &old.tcp, tcp);
    it.live(listeners, &old.tls_over_tcp, tls_over_tcp);
    it.live(listeners, &old.dtls, dtls);
    it.live(listeners, &old.tls_listening_port, tls_listening_port);
    it.live(listeners, &old.alt_listening_port, alt_listening_port);
    let alt_tls = &old.alt_tls_listening_port;
    it.live(listeners, alt_tls, alt_tls_listening_port);
    it.live(listeners, &old.aux_servers, aux_servers);
    it.start("listening-device", &old.listening_device, listening_device);
    it.live("relay device", &old.relay_device, relay_device);
}

fn compare_process(it: &mut Comparison, old: &ProcessSettings, new: &ProcessSettings) {
    let ProcessSettings {
        user,
        group,
        pid_file,
        daemon,
        core_dumps,
    } = new;
    it.start("proc-user", &old.user, user);
    it.start("proc-group", &old.group, group);
    it.start("pidfile", &old.pid_file, pid_file);
    it.start("daemon", &old.daemon, daemon);
    it.start("core-dumps", &old.core_dumps, core_dumps);
}

/// Whether anyone may relay.
fn opens(access: Access) -> bool {
    access == Access::Anonymous
}

/// The new settings, but with the old ones where only a new start takes a change.
#[must_use]
pub(crate) fn without_restarts(old: &Settings, mut new: Settings) -> Settings {
    new.relay_threads = old.relay_threads;
    new.coalesce = old.coalesce;
    new.socket_buffer = old.socket_buffer;
    new.nonce_secret.clone_from(&old.nonce_secret);
    new.process.clone_from(&old.process);
    new.metrics.clone_from(&old.metrics);
    new.listen
        .listening_device
        .clone_from(&old.listen.listening_device);
    // An open relay stays one and a closed one closed, with everything that goes with it.
    if opens(old.access) != opens(new.access) {
        new.access = old.access;
        new.realm.clone_from(&old.realm);
        new.users.clone_from(&old.users);
        new.denied_users.clone_from(&old.denied_users);
        new.shared_secrets.clone_from(&old.shared_secrets);
        new.third_party.clone_from(&old.third_party);
        new.rest_separator = old.rest_separator;
    }
    new
}
