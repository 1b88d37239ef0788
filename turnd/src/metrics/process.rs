//! What the process takes of the machine, by the names that every exporter uses for it, and what is
//! running.

use std::time::Duration;

use procfs::{WithCurrentSystemInfo, process};
use rustix::process::{Resource, getrlimit};

use super::{answers::Desk, families::Families};
use crate::control::Phase;

/// The process, as the kernel sees it.
pub(super) struct Process {
    /// Seconds since 1970. `None`: the kernel does not say.
    started: Option<f64>,
}

impl Process {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    pub(super) fn new() -> Self {
        let started = process::Process::myself()
            .and_then(|this| this.stat())
            .and_then(|stat| Ok((stat.starttime, procfs::boot_time_secs()?)))
            .map(|(ticks, boot)| boot as f64 + ticks as f64 / procfs::ticks_per_second() as f64);
        Self {
            started: started.ok(),
        }
    }

    /// What cannot be read is left out: a scrape is worth more than its last line.
    #[expect(clippy::cast_precision_loss, reason = "ticks of processor time")]
    pub(super) fn add(&self, families: &mut Families) {
        let Ok(this) = process::Process::myself() else {
            return;
        };
        if let Ok(stat) = this.stat() {
            let ticks = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
            families
                .counter(
                    "process_cpu_seconds_total",
                    "Processor time of user and system",
                )
                .number(&[], ticks);
            families
                .gauge("process_resident_memory_bytes", "Memory in use")
                .sample(&[], stat.rss_bytes().get());
            families
                .gauge("process_virtual_memory_bytes", "Size of the address space")
                .sample(&[], stat.vsize);
            families
                .gauge("process_threads", "Threads of the process")
                .sample(&[], u64::try_from(stat.num_threads).unwrap_or_default());
        }
        if let Ok(open) = this.fd_count() {
            families
                .gauge("process_open_fds", "Open file descriptors")
                .sample(&[], open as u64);
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            families
                .gauge(
                    "process_max_fds",
                    "File descriptors that may be open; an allocation needs one for each relayed address",
                )
                .sample(&[], most);
        }
        if let Some(started) = self.started {
            families
                .gauge(
                    "process_start_time_seconds",
                    "When the process started, since 1970",
                )
                .number(&[], started);
        }
    }
}

/// Adds what is running, and what happens at the door of the metrics themselves.
pub(super) fn add_program(
    families: &mut Families,
    desk: &Desk,
    expiries: &[(&'static str, Option<Duration>)],
) {
    let phase = desk.phase();
    let is_ready = desk.why_not_ready().is_none();
    let dtls = if cfg!(feature = "dtls") { "yes" } else { "no" };
    families
        .gauge(
            "turnd_build_info",
            "Always 1; the labels say which build this is",
        )
        .sample(&[("version", env!("CARGO_PKG_VERSION")), ("dtls", dtls)], 1);
    families
        .gauge(
            "turnd_ready",
            "1 if new allocations are taken, 0 while the server starts or drains, and where nobody may relay",
        )
        .sample(&[], u64::from(is_ready));
    families
        .gauge(
            "turnd_draining",
            "1 while allocations end and no new ones are taken",
        )
        .sample(&[], u64::from(phase == Phase::Draining));
    let mut certificates = families.gauge(
        "turnd_certificate_expiry_timestamp_seconds",
        "When a certificate expires, since 1970: that of TURN over TLS and DTLS, that of the metrics",
    );
    for (of, expiry) in expiries {
        if let Some(expiry) = expiry {
            certificates = certificates.sample(&[("of", of)], expiry.as_secs());
        }
    }
    families
        .counter(
            "turnd_metrics_refused_total",
            "Who was not let in to the metrics, by the reason",
        )
        .by("reason", desk.counts.each());
}
