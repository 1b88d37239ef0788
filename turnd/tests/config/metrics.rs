//! What metrics are served with.

use turnd::config::{Identity, Login, Metrics, Secret, Severity};

use crate::helpers::*;

fn metrics(text: &str) -> Option<Metrics> {
    settings(text).metrics
}

#[test]
fn nothing_is_served_unless_it_is_asked_for() {
    assert_eq!(metrics(""), None);
    assert_eq!(metrics("prometheus=0"), None);
    let loaded = run("stun-only\nprometheus-port=9000\nprometheus-user=x", &[]);
    assert_eq!(loaded.settings.metrics, None);
    assert_eq!(loaded.notes[0].severity, Severity::Warning);
    let expected = [
        format!("{FILE}:2: prometheus-port has no effect: prometheus is not switched on"),
        format!("{FILE}:3: prometheus-user has no effect: prometheus is not switched on"),
    ];
    assert_eq!(notes(&loaded), expected);
}

#[test]
fn the_defaults_are_those_of_coturn() {
    let expected = Metrics {
        address: None,
        port: 9641,
        path: "/metrics".to_owned(),
        top_users: None,
        tls: None,
        login: None,
    };
    assert_eq!(metrics("prometheus"), Some(expected));
}

#[test]
fn tls_switches_metrics_on_and_takes_the_certificate_of_turn() {
    let files = ["/t.pem", "/t.key", "/m.pem", "/m.key"];
    let tls = |text: &str| {
        let outcome = outcome_beside(&files, text, &[]);
        expect_run(outcome).settings.metrics.unwrap().tls.unwrap()
    };
    let identity = |cert: &str, key: &str| Identity::Files {
        cert: cert.into(),
        key: key.into(),
        key_password: None,
    };
    let turn = "cert=/t.pem\npkey=/t.key\n";
    assert_eq!(
        tls(&format!("{turn}prometheus-tls")),
        identity("/t.pem", "/t.key")
    );
    assert_eq!(
        tls(&format!("{turn}no-tls\nprometheus-tls")),
        identity("/t.pem", "/t.key")
    );
    let own = "prometheus-tls\nprometheus-cert=/m.pem\nprometheus-key=/m.key\n";
    assert_eq!(tls(&format!("{turn}{own}")), identity("/m.pem", "/m.key"));
    assert_eq!(tls("self-signed\nprometheus-tls"), Identity::SelfSigned);
    let both = mistakes("prometheus=off\nprometheus-tls\nself-signed", &[]);
    assert!(both[0].contains("prometheus is off"), "{both:?}");
}

#[test]
fn a_password_may_stand_in_the_file_and_is_never_shown() {
    let text = "prometheus\nprometheus-user=scraper\nprometheus-password=se#cret\n";
    let metrics = metrics(text).unwrap();
    let login = Login {
        user: "scraper".to_owned(),
        password: Secret::new("se#cret"),
    };
    assert_eq!(metrics.login, Some(login));
    assert!(!format!("{metrics:?}").contains("se#cret"));
    let two = mistakes(&format!("{text}prometheus-password-file=/p\n"), &[]);
    assert!(two[0].contains("expected one of them"), "{two:?}");
}

#[test]
fn users_have_labels_up_to_a_number() {
    let labels = "prometheus\nprometheus-username-labels\n";
    assert_eq!(metrics(labels).unwrap().top_users, Some(20));
    let five = format!("{labels}prometheus-top-users=5");
    assert_eq!(metrics(&five).unwrap().top_users, Some(5));
    let too_many = mistakes(&format!("{labels}prometheus-top-users=257"), &[]);
    assert!(too_many[0].contains("prometheus-top-users"), "{too_many:?}");
}
