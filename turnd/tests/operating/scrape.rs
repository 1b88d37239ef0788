//! Whoever reads the metrics: HTTP by hand over a connection, and the samples of an exposition.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::support::turnd::Turnd;

/// An answer to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The samples of one scrape.
pub(crate) struct Scrape(pub(crate) String);

/// Where turnd said that its metrics are.
pub(crate) fn url(turnd: &Turnd) -> String {
    let log = turnd.log();
    let (_, url) = log.split_once("metrics at ").expect("metrics are served");
    url.lines().next().unwrap().to_owned()
}

pub(crate) fn address(turnd: &Turnd) -> SocketAddr {
    let url = url(turnd);
    let host = url.split('/').nth(2).unwrap();
    host.parse().unwrap()
}

/// Sends this, then reads to the end of the connection.
pub(crate) fn raw(address: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // A server that has heard enough may have closed already.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// One request with these lines in its header.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, lines: &str) -> Answer {
    let text =
        format!("{method} {path} HTTP/1.1\r\nHost: turnd\r\nConnection: close\r\n{lines}\r\n");
    let answer = String::from_utf8(raw(address, &text)).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Answer {
        status: head.get(9..12).and_then(|it| it.parse().ok()).unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn get(turnd: &Turnd, path: &str) -> Answer {
    request(address(turnd), "GET", path, "")
}

pub(crate) fn scrape(turnd: &Turnd) -> Scrape {
    let answer = get(turnd, "/metrics");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.head.contains("text/plain; version=0.0.4"),
        "{answer:?}"
    );
    Scrape(answer.body)
}

impl Scrape {
    /// The value of this series, written as in the exposition.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let found = self.find(series);
        found.unwrap_or_else(|| panic!("no {series} in:\n{}", self.0))
    }

    pub(crate) fn find(&self, series: &str) -> Option<f64> {
        let mut lines = self.0.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }

    /// Compares several at once.
    pub(crate) fn expect(&self, series: &[(&str, f64)]) {
        for &(name, value) in series {
            let is = self.value(name);
            assert!((is - value).abs() < 1e-9, "{name} is {is}, not {value}");
        }
    }

    /// The lines of samples whose name begins so.
    pub(crate) fn series(&self, start: &str) -> Vec<&str> {
        let lines = self.0.lines();
        lines.filter(|line| line.starts_with(start)).collect()
    }
}
