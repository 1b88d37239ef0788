//! The log file is moved away while it is written to.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn a_log_file_that_was_moved_is_made_anew_on_sighup_and_no_line_is_lost() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}verbose\nsimple-log\nlog-file=turnd.log\n"
    ));
    let path = |name: &str| turnd.directory().join(name);
    let server = turnd.udp_v4();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                call(server);
            }
        });
        for number in (1..=4).rev() {
            // As logrotate does it, in the midst of calls.
            until("a call is logged", || {
                text(&path("turnd.log")).contains("closed (2nd stage)")
            });
            let moved = path(&format!("turnd.log.{number}"));
            std::fs::rename(path("turnd.log"), moved).unwrap();
            turnd.signal("HUP");
            until("there is a new file", || path("turnd.log").exists());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let directory = turnd.directory().to_owned();
    let names = [
        "turnd.log.4",
        "turnd.log.3",
        "turnd.log.2",
        "turnd.log.1",
        "turnd.log",
    ];
    let kept = turnd.keep_directory();
    let printed = turnd.stop().log;
    let parts = names.map(|name| text(&directory.join(name)));
    drop(kept);
    for (name, part) in names.iter().zip(&parts) {
        assert!(part.ends_with('\n'), "{name} ends in the midst of a line");
    }
    let last = printed.lines().last().unwrap_or_default();
    assert!(last.contains("turnd has stopped"), "{last}");
    // Of what two threads say in the same moment either may come first.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert!(
        sorted(&parts.concat()) == sorted(&printed),
        "the files are not what was printed"
    );
}

#[test]
fn a_log_file_that_cannot_be_made_anew_is_written_to_where_it_is() {
    let turnd = Turnd::start(&format!(
        "{CONFIG}verbose\nsimple-log\nlog-file=turnd.log\n"
    ));
    let file = turnd.directory().join("turnd.log");
    let moved = turnd.directory().join("moved");
    std::fs::rename(&file, &moved).unwrap();
    std::fs::create_dir(&file).unwrap();
    let seen = turnd.line_count();
    turnd.signal("HUP");
    turnd.wait_for_line_after(seen, "the log goes on where it was: Is a directory");
    call(turnd.udp_v4());
    until("the call is logged", || text(&moved).contains("delete: "));
}

#[test]
fn a_log_file_has_its_day_in_its_name_unless_it_is_simple() {
    let turnd = Turnd::start(&format!("{CONFIG}log-file=turn.log\n"));
    let files = std::fs::read_dir(turnd.directory()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let logs: Vec<_> = names.filter(|name| name.ends_with(".log")).collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    let day = logs[0].strip_prefix("turn_").unwrap();
    let day = day.strip_suffix(".log").unwrap();
    // The day of the first line, which may be yesterday's by now.
    let file = turnd.directory().join(&logs[0]);
    until("it is written to", || {
        text(&file).contains("turnd is ready")
    });
    assert!(text(&file).starts_with(day), "{day}");
}
