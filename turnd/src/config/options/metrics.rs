//! Options under the heading "Metrics".

use super::{
    Kind::{Address, File, Flag, Port, Text},
    Topic,
    row::not_yet,
};

const NO_METRICS: &str = "there are no metrics";

pub(super) static TOPIC: Topic = Topic {
    heading: "Metrics",
    options: &[
        not_yet("prometheus", Flag(None), "serve metrics", NO_METRICS).coturn_ignores_value(),
        not_yet(
            "prometheus-port",
            Port(None),
            "port of the metrics",
            NO_METRICS,
        )
        .default("9641"),
        not_yet(
            "prometheus-address",
            Address(None),
            "address of the metrics",
            NO_METRICS,
        ),
        not_yet(
            "prometheus-path",
            Text(None),
            "path of the metrics",
            NO_METRICS,
        )
        .default("/metrics"),
        not_yet(
            "prometheus-username-labels",
            Flag(None),
            "metrics by user",
            NO_METRICS,
        )
        .coturn_ignores_value(),
        not_yet(
            "prometheus-tls",
            Flag(None),
            "metrics over HTTPS",
            NO_METRICS,
        ),
        not_yet(
            "prometheus-cert",
            File(None),
            "certificate of the metrics",
            NO_METRICS,
        ),
        not_yet(
            "prometheus-key",
            File(None),
            "key of the metrics",
            NO_METRICS,
        ),
    ],
};
