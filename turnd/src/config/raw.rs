//! What was written, value by value and each with its origin, before anything is concluded from it.

use std::net::{IpAddr, SocketAddr};

use turnd_proto::Alternate;

use super::{
    error::Origin,
    settings::{DefaultFamily, Secret, StaticUser},
    value::{IpRange, Mapping},
    ways_in::ListenUrl,
    written::Trail,
};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// The values of one option in the order they were given. An option that does not repeat keeps
/// only the last.
#[derive(Debug)]
pub(super) struct Slot<T>(Vec<At<T>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Slot<T> {
    pub(super) fn put(&mut self, value: T, origin: &Origin, repeatable: bool) {
        if !repeatable {
            self.0.clear();
        }
        let origin = origin.clone();
        self.0.push(At { value, origin });
    }

    /// Back to the default.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The value that counts.
    pub(super) fn last(&self) -> Option<&At<T>> {
        self.0.last()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &At<T>> {
        self.0.iter()
    }
}

impl<T: Copy> Slot<T> {
    pub(super) fn or(&self, default: T) -> T {
        self.last().map_or(default, |at| at.value)
    }
}

impl Slot<bool> {
    pub(super) fn is_on(&self) -> bool {
        self.or(false)
    }

    /// Where it was switched on, if it is.
    pub(super) fn on(&self) -> Option<&Origin> {
        self.last().filter(|at| at.value).map(|at| &at.origin)
    }

    /// Where it was switched off in so many words, if it is.
    pub(super) fn off(&self) -> Option<&Origin> {
        self.last().filter(|at| !at.value).map(|at| &at.origin)
    }
}

/// One slot for each option that is obeyed.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// What was written of every option, obeyed or not.
    pub(super) written: Trail,
    // Program
    pub(super) config: Slot<String>,
    pub(super) no_config: Slot<bool>,
    pub(super) help: Slot<bool>,
    pub(super) version: Slot<bool>,
    // Listeners
    pub(super) listening_port: Slot<u16>,
    pub(super) listening_ip: Slot<IpAddr>,
    pub(super) tls_listening_port: Slot<u16>,
    pub(super) alt_listening_port: Slot<u16>,
    pub(super) alt_tls_listening_port: Slot<u16>,
    pub(super) aux_server: Slot<SocketAddr>,
    pub(super) listen: Slot<ListenUrl>,
    pub(super) listening_device: Slot<String>,
    pub(super) no_udp: Slot<bool>,
    pub(super) no_tcp: Slot<bool>,
    pub(super) no_tls: Slot<bool>,
    pub(super) dtls: Slot<bool>,
    pub(super) no_dtls: Slot<bool>,
    pub(super) tcp_proxy_port: Slot<u16>,
    pub(super) proxy_protocol_port: Slot<u16>,
    pub(super) proxy_protocol_from: Slot<IpRange>,
    pub(super) acme_redirect: Slot<String>,
    pub(super) respond_http_unsupported: Slot<bool>,
    pub(super) http_page: Slot<bool>,
    // Relay
    pub(super) relay_ip: Slot<IpAddr>,
    pub(super) relay_device: Slot<String>,
    pub(super) no_udp_relay: Slot<bool>,
    pub(super) tcp_relay: Slot<bool>,
    pub(super) no_tcp_relay: Slot<bool>,
    pub(super) mobility: Slot<bool>,
    pub(super) external_ip: Slot<Mapping>,
    pub(super) external_ip_stun_server: Slot<String>,
    pub(super) external_ip_interval: Slot<i64>,
    pub(super) min_port: Slot<u16>,
    pub(super) max_port: Slot<u16>,
    pub(super) relay_threads: Slot<i64>,
    pub(super) coalesce: Slot<i64>,
    pub(super) cpus: Slot<i64>,
    pub(super) default_family: Slot<DefaultFamily>,
    pub(super) keep_family: Slot<bool>,
    pub(super) legacy_channels: Slot<bool>,
    pub(super) socket_buffer: Slot<i64>,
    // Authentication
    pub(super) realm: Slot<String>,
    pub(super) user: Slot<StaticUser>,
    pub(super) denied_user: Slot<String>,
    pub(super) long_term: Slot<bool>,
    pub(super) no_auth: Slot<bool>,
    pub(super) use_auth_secret: Slot<bool>,
    pub(super) static_auth_secret: Slot<Secret>,
    pub(super) oauth: Slot<bool>,
    pub(super) oauth_key: Slot<Secret>,
    pub(super) oauth_key_file: Slot<String>,
    pub(super) server_name: Slot<String>,
    pub(super) user_file: Slot<String>,
    pub(super) static_auth_secret_file: Slot<String>,
    pub(super) rest_separator: Slot<char>,
    pub(super) stale_nonce: Slot<i64>,
    pub(super) secure_stun: Slot<bool>,
    // Peers
    pub(super) allowed_peers: Slot<IpRange>,
    pub(super) denied_peers: Slot<IpRange>,
    pub(super) allow_loopback: Slot<bool>,
    pub(super) allow_private: Slot<bool>,
    // Limits
    pub(super) drain_min_allocations: Slot<i64>,
    pub(super) drain_timeout: Slot<i64>,
    pub(super) user_quota: Slot<i64>,
    pub(super) total_quota: Slot<i64>,
    pub(super) max_bps: Slot<i64>,
    pub(super) bps_capacity: Slot<i64>,
    pub(super) unauthorized_ratelimit: Slot<bool>,
    pub(super) unauthorized_ratelimit_rps: Slot<i64>,
    pub(super) unanswered_challenges: Slot<i64>,
    pub(super) failed_logins: Slot<i64>,
    pub(super) new_peers: Slot<i64>,
    pub(super) nonce_secret: Slot<Secret>,
    pub(super) max_allocate_lifetime: Slot<i64>,
    pub(super) channel_lifetime: Slot<i64>,
    pub(super) permission_lifetime: Slot<i64>,
    pub(super) max_connections: Slot<i64>,
    pub(super) max_connections_per_address: Slot<i64>,
    pub(super) tls_handshakes_per_second: Slot<i64>,
    pub(super) tls_handshakes_per_address: Slot<i64>,
    pub(super) stream_queue_bytes: Slot<i64>,
    pub(super) stream_queue_time: Slot<i64>,
    // TLS
    pub(super) cert: Slot<String>,
    pub(super) pkey: Slot<String>,
    pub(super) pkey_pwd: Slot<Secret>,
    pub(super) pkey_pwd_file: Slot<String>,
    pub(super) self_signed: Slot<bool>,
    pub(super) cipher_list: Slot<String>,
    pub(super) ca_file: Slot<String>,
    pub(super) ec_curve_name: Slot<String>,
    pub(super) no_tlsv1_2: Slot<bool>,
    // Protocol
    pub(super) fingerprint: Slot<bool>,
    pub(super) stun_only: Slot<bool>,
    pub(super) no_stun: Slot<bool>,
    pub(super) rfc5780: Slot<bool>,
    pub(super) rfc3489_compatibility: Slot<bool>,
    pub(super) stun_backward_compatibility: Slot<bool>,
    pub(super) alternate_server: Slot<Alternate>,
    pub(super) udp_alternate_server: Slot<Alternate>,
    pub(super) tcp_alternate_server: Slot<Alternate>,
    pub(super) tls_alternate_server: Slot<Alternate>,
    pub(super) drain_alternate_server: Slot<Alternate>,
    pub(super) anycast_ip: Slot<(IpAddr, IpAddr)>,
    // Metrics
    pub(super) prometheus: Slot<bool>,
    pub(super) prometheus_port: Slot<u16>,
    pub(super) prometheus_address: Slot<IpAddr>,
    pub(super) prometheus_path: Slot<String>,
    pub(super) prometheus_username_labels: Slot<bool>,
    pub(super) prometheus_top_users: Slot<i64>,
    pub(super) prometheus_tls: Slot<bool>,
    pub(super) prometheus_cert: Slot<String>,
    pub(super) prometheus_key: Slot<String>,
    pub(super) prometheus_user: Slot<String>,
    pub(super) prometheus_password: Slot<Secret>,
    pub(super) prometheus_password_file: Slot<String>,
    // Process
    pub(super) daemon: Slot<bool>,
    pub(super) pid_file: Slot<String>,
    pub(super) proc_user: Slot<String>,
    pub(super) proc_group: Slot<String>,
    pub(super) core_dumps: Slot<bool>,
    // Log
    pub(super) verbose: Slot<bool>,
    pub(super) extra_verbose: Slot<bool>,
    pub(super) log_file: Slot<String>,
    pub(super) no_stdout_log: Slot<bool>,
    pub(super) simple_log: Slot<bool>,
    pub(super) syslog: Slot<bool>,
    pub(super) syslog_facility: Slot<String>,
    pub(super) journald: Slot<bool>,
    pub(super) log_format: Slot<String>,
    pub(super) log_time_stamp: Slot<String>,
    pub(super) log_min_level: Slot<String>,
    pub(super) log_addresses: Slot<String>,
    pub(super) log_binding: Slot<bool>,
}
