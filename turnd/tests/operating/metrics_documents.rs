//! What is written about the metrics elsewhere: the table in docs/METRICS.md, the dashboard, the alerts.

use std::{collections::BTreeMap, collections::BTreeSet, fmt::Write, fs};

use crate::{
    metrics::CONFIG,
    scrape::{Scrape, scrape},
    support::turnd::Turnd,
};

/// One family of the exposition.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

fn full_scrape() -> Scrape {
    let turnd = Turnd::start(&format!(
        "{CONFIG}self-signed\ntls-listening-port=0\nprometheus-username-labels\n"
    ));
    scrape(&turnd)
}

fn families(scrape: &Scrape) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::<String, Family>::new();
    for line in scrape.0.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, labels)) = line.split_once('{') {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                name.strip_suffix(end)
                    .filter(|it| families.contains_key(*it))
            });
            let base = base.unwrap_or(name).to_owned();
            let labels = labels.split("\",").filter_map(|it| it.split_once("=\""));
            let labels = labels.map(|(label, _)| label.to_owned());
            families
                .get_mut(&base)
                .expect("its type came before")
                .labels
                .extend(labels);
        }
    }
    families
}

fn tree(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Words of `text` that look like names of our metrics.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
    text.split(|it| !is_part(it))
        .filter(|word| {
            let starts = ["turn_", "turnd_", "stun_", "process_"];
            starts.iter().any(|start| word.starts_with(start))
        })
        .collect()
}

/// Set `TURND_WRITE_DOCS` to write the file anew.
#[test]
fn the_table_of_metrics_is_what_a_scrape_has() {
    let mut text = String::from(
        "# Metrics\n\nServed at `prometheus-path` (`/metrics`) of `prometheus-port` (9641) with `prometheus` or \
         `prometheus-tls`. Names that\nbegin with `turn_` and `stun_` are coturn's, which has no `_total`; the rest is turnd's \
         own. Nothing a client sends makes a series;\nwith `prometheus-username-labels` the `prometheus-top-users` users with \
         the most traffic have a label `user`, all others are `(others)`.\n\n\
         `/healthz` says whether every worker answers, `/readyz` whether new allocations are taken (503 and the reason if not, also where there is no user and no secret).\n\n\
         This table is checked against a live scrape; `TURND_WRITE_DOCS=1 cargo test -p turnd --test operating table_of_metrics`\n\
         writes it anew.\n\n| metric | type | labels | |\n|---|---|---|---|\n",
    );
    for (name, family) in families(&full_scrape()) {
        let labels: Vec<_> = family
            .labels
            .iter()
            .filter(|it| *it != "le")
            .cloned()
            .collect();
        let (kind, help) = (family.kind, family.help);
        writeln!(
            text,
            "| `{name}` | {kind} | {} | {help} |",
            labels.join(", ")
        )
        .unwrap();
    }
    let path = tree("docs/METRICS.md");
    if std::env::var_os("TURND_WRITE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap();
    assert!(
        is == text,
        "docs/METRICS.md is stale; it should be:\n{text}"
    );
}

#[test]
fn dashboard_and_alerts_name_only_metrics_that_there_are() {
    let scrape = full_scrape();
    let samples = scrape.0.lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<&str> = samples
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for path in ["deploy/grafana/turnd.json", "deploy/prometheus/alerts.yml"] {
        let text = fs::read_to_string(tree(path)).unwrap();
        let used = names(&text);
        assert!(used.len() > 5, "{path} uses {used:?}");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}");
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let text = fs::read_to_string(tree("deploy/grafana/turnd.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let variable = &dashboard["templating"]["list"][0];
    assert_eq!(variable["type"], "datasource");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        // "graph" and "singlestat" were made with Angular, which Grafana has no more.
        let kinds = ["row", "timeseries", "stat", "gauge", "table", "heatmap"];
        let kind = panel["type"].as_str().unwrap();
        assert!(kinds.contains(&kind), "{panel}");
        if kind != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{panel}");
        }
    }
}
