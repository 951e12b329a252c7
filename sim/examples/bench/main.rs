//! The workloads of `cargo x bench`, one each time: `bench NAME [SIZE] [FILE]` runs it, and prints
//! `<nanoseconds> <items>`, for some `<nanoseconds> <items> <resident kilobytes>`.
//!
//! Each runs in a process that is already up: DPDK's start, 0.1 s, is not measured. `bench count
//! NAME` does the fixed work of the gate, in [`gate::counted`], whose instructions callgrind counts.
//!
//! Not here: what is compared with what, how often and how it is printed (`tests/x/src/bench.rs`).

mod gate;
mod grow;
mod reassembly;
mod replay;
mod scenarios;
mod tick;
mod watch;

use std::error::Error;
use std::process::ExitCode;
use watch::Took;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dpdk::on_eal_thread(|eal| run(&words, eal)).map_err(Failure::from).flatten() {
        Ok(took) => {
            println!("{took}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str], eal: dpdk::Eal) -> Result<Took, Failure> {
    match *words {
        ["capture", count, path] => replay::write_capture(number(count)?, path),
        ["replay", path, out] => replay::through(eal, path, out, false),
        ["replay-bare", path, out] => replay::bare(eal, path, out),
        ["replay-events", path, out] => replay::through(eal, path, out, true),
        ["replay-files", path, out] => replay::with_files(eal, path, out),
        ["tick", what] => tick::run(eal, what),
        ["reassembly", count, bytes, order] => {
            reassembly::run(eal, number(count)?, number(bytes)?, order)
        }
        ["idle-hour"] => scenarios::idle_hour(eal),
        ["idle-stepped"] => scenarios::idle_stepped(eal),
        ["virtual-second"] => scenarios::virtual_second(eal),
        ["warm"] => scenarios::warm(eal),
        ["grow", "timers", size] => Ok(grow::timers(number(size)?)),
        ["grow", "lcores", size] => grow::lcores(eal, number(size)?),
        ["grow", "reassembly", size] => grow::reassembly(eal, number(size)?),
        ["grow", "qsch", size] => grow::qsch(eal, number(size)?),
        ["grow", what, size] => grow::tables(eal, what, number(size)?),
        ["count", what] => gate::count(eal, what),
        _ => Err("there is no such workload".into()),
    }
}

fn number(text: &str) -> Result<u32, Failure> {
    Ok(text.parse()?)
}
