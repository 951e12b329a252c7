//! `cargo x bench`: what Lockstep's speed is compared with, in the same run and in turns with it.
//!
//! A line of the table is a workload and its peer (`lines.rs`). Both are programs that print how
//! long they took (`side.rs`); they run in turns, A B A B, and what counts is the ratio of each pair:
//! its median, and how far it spreads. Absolute times mean nothing on a shared machine.
//!
//! Not here: the workloads (`sim/examples/bench`) and the peers in C (`dataplane/dpdk/bench`).

mod gate;
mod lines;
mod print;
mod side;

use super::{Stop, USAGE, cargo, fuzz, root, say, setup};
use lines::{LINES, Line, Measure};
use print::Done;
use side::{Place, Sample};

const HELP: &str = "\
cargo x bench [--pairs N] [--only NAME]... [--json] [--list]
cargo x bench --gate [--write]

  --pairs N    how often each workload and its peer run, in turns; 5
  --only NAME  only this line; may be given more than once
  --json       for machines: one object, to the standard output
  --list       the names of all lines
  --gate       count instructions instead, exactly, and compare with the committed numbers
  --write      commit to the numbers that were counted
";

/// What was asked for.
struct Request {
    pairs: usize,
    only: Vec<String>,
    json: bool,
}

pub(super) fn run(args: &[&str]) -> Result<(), Stop> {
    let mut request = Request { pairs: 5, only: Vec::new(), json: false };
    let mut rest = args.iter().copied();
    while let Some(arg) = rest.next() {
        match arg {
            "help" | "-h" | "--help" => {
                print!("{HELP}");
                return Ok(());
            }
            "--list" => {
                LINES.iter().for_each(|line| println!("{:<18} {}", line.name, line.what));
                return Ok(());
            }
            "--gate" => return gate::run(rest.next() == Some("--write")),
            "--json" => request.json = true,
            "--only" => match rest.next().filter(|name| lines::is_one(name)) {
                Some(name) => request.only.push(name.to_owned()),
                None => return usage("--only wants the name of a line; --list shows them"),
            },
            "--pairs" => match rest.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0) {
                Some(pairs) => request.pairs = pairs,
                None => return usage("--pairs wants a number"),
            },
            _ => return usage(arg),
        }
    }
    measure(&request)
}

fn usage(why: &str) -> Result<(), Stop> {
    eprint!("cargo x bench: {why}\n\n{HELP}");
    Err(Stop::Code(USAGE))
}

fn measure(request: &Request) -> Result<(), Stop> {
    let wanted =
        |line: &&Line| request.only.is_empty() || request.only.iter().any(|n| n == line.name);
    let chosen: Vec<&Line> = LINES.iter().filter(wanted).collect();
    setup::run()?;
    if chosen.iter().any(|line| line.needs_testpmd()) {
        setup::testpmd()?;
    }
    if chosen.iter().any(|line| line.needs_fuzz()) {
        fuzz::build()?;
    }
    // What is fuzzed needs neither our workloads nor a peer in C.
    let with_workloads = chosen.iter().any(|line| !line.needs_fuzz());
    if with_workloads {
        build()?;
    }
    let place = Place::new(with_workloads)?;
    let mut done = Vec::new();
    for line in chosen {
        say(&format!("{}: {}", line.name, line.what));
        let one = one(line, request.pairs, &place)?;
        if !request.json {
            print::line(&one);
        }
        done.push(one);
    }
    match request.json {
        true => print::json(&done),
        false => print::table(&done),
    }
    Ok(())
}

/// The workloads, with optimisation.
fn build() -> Result<(), Stop> {
    say("building the workloads");
    cargo(&["build", "--release", "--package", "sim", "--example", "bench"], &[])
}

/// Measures a line: all that it has, in turns, as often as asked for.
fn one(line: &'static Line, pairs: usize, place: &Place) -> Result<Done, Stop> {
    let mut samples = Vec::new();
    for round in 1..=pairs {
        let round_of = match &line.measure {
            Measure::Against { ours, peer, .. } => vec![place.run(ours)?, place.run(peer)?],
            Measure::Alone { ours, peer, .. } => {
                let peer = peer.as_ref().map(|peer| place.run(peer)).transpose()?;
                [Some(place.run(ours)?), peer].into_iter().flatten().collect()
            }
            Measure::Grows { sizes, of, .. } => {
                let sized = sizes.iter().map(|size| place.run_sized(of, *size));
                sized.collect::<Result<Vec<Sample>, Stop>>()?
            }
        };
        let shown: Vec<String> = round_of.iter().map(|s| print::nanos(s.nanos())).collect();
        eprintln!("      {round}: {}", shown.join("  "));
        samples.push(round_of);
    }
    Ok(Done { line, samples })
}

/// The top of the repository, from where all of this runs.
fn folder() -> std::path::PathBuf {
    root().join("target/bench")
}
