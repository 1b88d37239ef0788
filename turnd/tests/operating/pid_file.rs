//! The file that other programs find the process by.

use std::fs;

use crate::support::turnd::Turnd;

const CONFIG: &str = "listening-ip=127.0.0.1\nlistening-port=0\nuser=alice:wonderland\nrealm=x\n";

#[test]
fn it_is_there_while_the_process_is() {
    let turnd = Turnd::start(&format!("{CONFIG}pidfile=turnd.pid\n"));
    let path = turnd.directory().join("turnd.pid");
    let number = fs::read_to_string(&path).unwrap();
    assert_eq!(number, format!("{}\n", turnd.pid()));
    let kept = turnd.directory().to_owned();
    turnd.stop();
    assert!(!path.exists(), "{}", kept.display());
}

#[test]
fn a_file_of_another_turnd_that_runs_stops_the_start() {
    let first = Turnd::start(&format!("{CONFIG}pidfile=turnd.pid\n"));
    let path = first.directory().join("turnd.pid");
    let second = format!("{CONFIG}pidfile={}\n", path.display());
    let stopped = Turnd::fail_to_start(&second, &[]);
    assert_eq!(stopped.status.code(), Some(1));
    let expected = format!(
        "pidfile: cannot take {}: process {} has it, and is another turnd that runs",
        path.display(),
        first.pid()
    );
    assert!(stopped.log.contains(&expected), "{}", stopped.log);
    // And it is still the first one's.
    let number = fs::read_to_string(&path).unwrap();
    assert_eq!(number, format!("{}\n", first.pid()));
}

#[test]
fn a_place_that_cannot_be_written_is_told_and_nothing_else() {
    let turnd = Turnd::start(&format!("{CONFIG}pidfile=missing/turnd.pid\n"));
    let line = "WARNING pidfile: cannot write missing/turnd.pid: No such file or directory";
    assert!(turnd.log().contains(line), "{}", turnd.log());
}
