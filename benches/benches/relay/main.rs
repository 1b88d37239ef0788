//! turnd beside other TURN servers in one run: `cargo bench -p turnd-benches --bench relay`.
//!
//! Each server has one relay thread on one processor. At a rate the generator has another. Flat out it has the same one,
//! and the two take turns: for single datagrams it needs as long as a server, because both wait for the kernel to send
//! them, so from another processor it could not keep a server busy, and what a server does with what piles up would not be
//! seen. Servers do not interrupt it then (SCHED_BATCH), so each finds all that is under way waiting.
//!
//! Rounds go through all cells, and within a cell from server to server, so that what the machine does meanwhile falls on
//! all. Medians are told.

mod matrix;
mod servers;
mod table;
mod turn_crate;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use clap::Parser;
use matrix::Cell;
use servers::{GENERATORS, Kind, Program, SERVERS, Server};
use table::Row;
use turnd_benches::{
    load::{self, Load, Mode, Report},
    process::{pin_to, put_first},
};

/// Allocations that are kept to weigh them: fewer than files may be open by default.
const KEPT: usize = 10_000;
const CPU: &str = "us of processor time a datagram";
const CYCLE: &str = "us of processor time";
const LATENCY: &str = "p99 in us";

/// turnd beside other TURN servers in one run.
#[derive(Parser)]
struct Arguments {
    /// The whole matrix: about half an hour a round. Without it a short one: two minutes
    #[arg(long)]
    full: bool,
    /// How often everything is measured; medians are told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds that each figure is measured for. A p99 means something from one second on: below, one
    /// pause of two milliseconds, which every machine has now and then, is more than a hundredth
    #[arg(long, default_value_t = 0.4)]
    seconds: f64,
    /// Only servers of these names: turnd, coturn, turn crate, turn-server
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only cells whose names contain this, such as "50 k/s" or "pair ×8"; then nothing is weighed
    #[arg(long, value_name = "TEXT")]
    cells: Option<String>,
    /// A turnd of another commit, to compare with
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let result = match env::args().nth(1).as_deref() {
        Some(servers::SERVE) => serve(),
        _ => compare(&Arguments::parse()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn serve() -> Outcome {
    let port = env::args().nth(2).ok_or("which port?")?;
    turn_crate::serve(port.parse()?)
}

fn compare(arguments: &Arguments) -> Outcome {
    let turnd = build_turnd()?;
    if let Err(error) = put_first() {
        eprintln!("beside whatever else runs here, as it cannot be put first: {error}");
    }
    let programs = find(arguments, &turnd);
    let kinds: Vec<_> = programs.iter().map(|program| program.kind).collect();
    let mut cells = if arguments.full {
        matrix::full()
    } else {
        matrix::short()
    };
    if let Some(text) = &arguments.cells {
        cells.retain(|cell| cell.to_string().contains(text));
        if cells.is_empty() {
            return Err(format!("no cell's name contains {text:?}").into());
        }
    }
    let time = Duration::try_from_secs_f64(arguments.seconds)?;
    let begun = Instant::now();
    let mut rows = Vec::new();
    for round in 0..arguments.rounds {
        eprintln!("round {} of {}", round + 1, arguments.rounds);
        let mut at = 0;
        if arguments.cells.is_none() {
            weigh(&programs, &mut rows, &mut at)?;
        }
        let running = start_all(&programs)?;
        for cell in &cells {
            measure(cell, &running, time, &mut rows, &mut at)?;
        }
    }
    let mut text = String::new();
    for program in &programs {
        text += &format!("{} {}, ", program.kind, program.version);
    }
    text += &format!("{} rounds of {} s\n\n", arguments.rounds, arguments.seconds);
    text += &table::markdown(&rows, &kinds);
    println!("{text}");
    let folder = results_folder();
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("relay.md"), text)?;
    table::plot(&rows, &kinds, CPU, &folder.join("relay.svg"))?;
    let seconds = begun.elapsed().as_secs();
    eprintln!(
        "{seconds} s; relay.md and relay.svg are in {}",
        folder.display()
    );
    Ok(())
}

/// Those servers that are here; says which are not.
fn find(arguments: &Arguments, turnd: &Path) -> Vec<Program> {
    let only = &arguments.only;
    let wanted = |kind: &Kind| match kind {
        Kind::Before => arguments.before.is_some(),
        _ => only.is_empty() || only.contains(&kind.to_string()),
    };
    let mut programs = Vec::new();
    for kind in Kind::ALL.into_iter().filter(wanted) {
        match Program::find(kind, turnd, arguments.before.as_deref()) {
            Ok(program) => programs.push(program),
            Err(why) => eprintln!("left out: {kind}: {why}"),
        }
    }
    programs
}

fn start_all(programs: &[Program]) -> io::Result<Vec<(Kind, Server)>> {
    let start = |program: &Program| Ok((program.kind, start(program)?));
    programs.iter().map(start).collect()
}

fn start(program: &Program) -> io::Result<Server> {
    let named = |error| io::Error::other(format!("{}: {error}", program.kind));
    program.start().map_err(named)
}

/// Start, memory of allocations, and stop, of a server that does nothing else.
fn weigh(programs: &[Program], rows: &mut Vec<Row>, at: &mut usize) -> io::Result<()> {
    let names = [
        ("start until the first answer".to_owned(), "ms"),
        (format!("memory, {KEPT} allocations kept"), "bytes each"),
        ("stop".to_owned(), "ms"),
    ];
    for program in programs.iter().filter(|program| program.kind.has_peers()) {
        let server = start(program)?;
        let hold = Cell {
            mode: Mode::Hold,
            allocations: KEPT,
            ..matrix::short()[0]
        };
        let started = server.started_in.as_secs_f64() * 1000.0;
        let report = run(&hold.load(&server, Duration::ZERO), program.kind)?;
        let Report::Held(held) = report else {
            unreachable!("mode hold holds")
        };
        let stopped = server.stop()?.as_secs_f64() * 1000.0;
        let figures = [Some(started), held.bytes_each, Some(stopped)];
        for (place, figure) in figures.into_iter().enumerate() {
            let (name, unit) = &names[place];
            add(rows, *at + place, name, unit, program.kind, figure);
        }
    }
    *at += names.len();
    Ok(())
}

fn measure(
    cell: &Cell,
    running: &[(Kind, Server)],
    time: Duration,
    rows: &mut Vec<Row>,
    at: &mut usize,
) -> io::Result<()> {
    let name = cell.to_string();
    let with_latency = cell.rate.is_some();
    pin_to(if cell.is_flat_out() {
        SERVERS
    } else {
        GENERATORS
    })?;
    for (kind, server) in running.iter().filter(|(kind, _)| cell.suits(*kind)) {
        server.set_batch(cell.is_flat_out())?;
        let report = run(&cell.load(server, time), *kind)?;
        let (unit, cpu) = match report {
            Report::Relayed(relayed) => {
                if with_latency {
                    add(
                        rows,
                        *at + 1,
                        &name,
                        LATENCY,
                        *kind,
                        Some(relayed.latency.p99),
                    );
                }
                if relayed.loss() > 0.001 {
                    let lost = relayed.loss() * 100.0;
                    eprintln!("{kind} lost {lost:.1} %: {name}");
                }
                (CPU, relayed.server_cpu)
            }
            Report::Allocated(allocated) => (CYCLE, allocated.server_cpu),
            Report::Held(_) => continue,
        };
        add(rows, *at, &name, unit, *kind, cpu);
    }
    *at += 1 + usize::from(with_latency);
    pin_to(GENERATORS)
}

fn run(load: &Load, kind: Kind) -> io::Result<Report> {
    load::run(load).map_err(|error| io::Error::other(format!("{kind}: {error}")))
}

/// Adds a figure to the row at this place, which is the same one in each round.
fn add(
    rows: &mut Vec<Row>,
    at: usize,
    name: &str,
    unit: &'static str,
    kind: Kind,
    figure: Option<f64>,
) {
    while rows.len() <= at {
        rows.push(Row::new(String::new(), ""));
    }
    let row = &mut rows[at];
    if row.unit.is_empty() {
        *row = Row::new(name.to_owned(), unit);
    }
    if let Some(figure) = figure {
        row.add(kind, figure);
    }
}

/// turnd as it is released.
fn build_turnd() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "-p", "turnd"])
        .status()?;
    if !status.success() {
        return Err("turnd cannot be built".into());
    }
    Ok(target_folder()?.join("release").join("turnd"))
}

/// This program lies in `release/deps` of it.
fn target_folder() -> io::Result<PathBuf> {
    let this = env::current_exe()?;
    let folder = this.ancestors().nth(3).map(Path::to_owned);
    folder.ok_or_else(|| io::Error::other("this program lies outside a target folder"))
}

fn results_folder() -> PathBuf {
    target_folder().map_or_else(|_| env::temp_dir(), |folder| folder.join("relay-bench"))
}
