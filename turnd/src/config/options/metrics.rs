//! Options under the heading "Metrics".

use super::{
    Kind::{Address, File, Flag, Hidden, Number, Port, Text},
    Topic,
    row::obeyed,
    to,
};

/// As many as a worker keeps apart.
const TOP_USERS: std::ops::RangeInclusive<i64> = 1..=turnd_proto::ACCOUNTS as i64;

pub(super) static TOPIC: Topic = Topic {
    heading: "Metrics",
    options: &[
        obeyed(
            "prometheus",
            Flag(to!(prometheus)),
            "serve metrics and health over HTTP",
        )
        .coturn_ignores_value()
        .restart(),
        obeyed(
            "prometheus-port",
            Port(to!(prometheus_port)),
            "TCP port of the metrics",
        )
        .default("9641")
        .restart(),
        obeyed(
            "prometheus-address",
            Address(to!(prometheus_address)),
            "address of the metrics",
        )
        .default("every address")
        .restart(),
        obeyed(
            "prometheus-path",
            Text(to!(prometheus_path)),
            "path of the metrics",
        )
        .default("/metrics")
        .restart(),
        obeyed(
            "prometheus-username-labels",
            Flag(to!(prometheus_username_labels)),
            "traffic by user, of those with the most of it",
        )
        .coturn_ignores_value()
        .restart(),
        obeyed(
            "prometheus-top-users",
            Number(TOP_USERS, to!(prometheus_top_users)),
            "users that have a label of their own (not in coturn)",
        )
        .default("20")
        .restart(),
        obeyed(
            "prometheus-tls",
            Flag(to!(prometheus_tls)),
            "metrics over HTTPS; switches prometheus on",
        )
        .restart(),
        obeyed(
            "prometheus-cert",
            File(to!(prometheus_cert)),
            "certificate of the metrics, PEM",
        )
        .default("that of cert")
        .restart(),
        obeyed(
            "prometheus-key",
            File(to!(prometheus_key)),
            "private key of the metrics, PEM",
        )
        .default("that of pkey")
        .restart(),
        obeyed(
            "prometheus-user",
            Text(to!(prometheus_user)),
            "who may read the metrics, by a password (not in coturn)",
        )
        .restart(),
        obeyed(
            "prometheus-password",
            Hidden(to!(prometheus_password)),
            "the password for that (not in coturn)",
        )
        .restart(),
        obeyed(
            "prometheus-password-file",
            File(to!(prometheus_password_file)),
            "a file with the password (not in coturn)",
        )
        .restart(),
    ],
};
