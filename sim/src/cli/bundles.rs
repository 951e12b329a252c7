//! What is asked about bundles: have one again, make it smaller, make something else of it.

use super::args::{BackendArg, budget};
use super::{Engine, Io, Repro, Shrink, Stop, exit, report};
use crate::bundle::{Bundle, EXTENSION};
use crate::export;
use clap::Args;
use dataplane::Nanos;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub(super) const REPRO: &str = "\
Examples:
    lockstep repro bug.lockstep
  With all files of the run:
    lockstep repro bug.lockstep --out run/
  Which commit broke it? 0 is good, 1 is bad:
    git bisect run sh -c 'cargo build -q && target/debug/lockstep repro /tmp/bug.lockstep'
";

pub(super) const SHRINK: &str = "\
Examples:
    lockstep shrink bug.lockstep
    lockstep shrink bug.lockstep -o small.lockstep --time-budget 30s
  From \"something drops this\" to the frames that cause it:
    lockstep replay in.pcapng -c box.toml --fail-on drop:ttl_exceeded --bundle b.lockstep
    lockstep shrink b.lockstep -o small.lockstep
    lockstep export small.lockstep --scapy -
Without a budget the same bundle gives the same smallest case on every machine.
";

pub(super) const EXPORT: &str = "\
Examples:
    lockstep export small.lockstep --test tests/regressions
    lockstep export small.lockstep --pcap small.pcapng --scapy small.py
    lockstep export small.lockstep --test - | less
";

/// Which bundle is run again, and how.
#[derive(Args, Clone, Debug)]
pub struct ReproArgs {
    /// What --bundle made
    #[arg(value_name = "FILE.lockstep")]
    file: PathBuf,
    /// Write report, events, packets, ticks, counters and manifest to DIR
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What carries the packets; without, what carried them then
    #[arg(long, value_enum)]
    backend: Option<BackendArg>,
}

/// Which bundle is made smaller, and how long at most.
#[derive(Args, Clone, Debug)]
pub struct ShrinkArgs {
    /// What --bundle made
    #[arg(value_name = "FILE.lockstep")]
    file: PathBuf,
    /// Where the smallest case goes; without, FILE.small.lockstep
    #[arg(short, long, value_name = "SMALL.lockstep")]
    output: Option<PathBuf>,
    /// Stop after so long, such as 30s or 5m, with the smallest so far
    #[arg(long, value_name = "DUR", value_parser = budget)]
    time_budget: Option<Nanos>,
    /// Stop after so many runs, with the smallest so far
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    /// On what the smallest case is confirmed; without, on what carried the packets then
    #[arg(long, value_enum)]
    backend: Option<BackendArg>,
}

/// What is made of a bundle.
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// What --bundle made
    #[arg(value_name = "FILE.lockstep")]
    file: PathBuf,
    /// A regression test: scenario, Rust test, bundle and shell script into DIR; `-`: the Rust test to
    /// the standard output
    #[arg(long, value_name = "DIR|-")]
    test: Option<PathBuf>,
    /// A capture of what arrives, an interface for each port; `-`: to the standard output
    #[arg(long, value_name = "FILE.pcapng|-")]
    pcap: Option<PathBuf>,
    /// A Python script that sends what arrives, at its times, by scapy; `-`: to the standard output
    #[arg(long, value_name = "FILE.py|-")]
    scapy: Option<PathBuf>,
}

/// `lockstep repro`
pub(super) fn repro(
    args: ReproArgs,
    engine: &mut dyn Engine,
    interrupted: &AtomicBool,
    io: &mut Io<'_>,
) -> Result<u8, Stop> {
    let bundle = Bundle::read(&args.file)?;
    let file = args.file.display().to_string();
    let backend = args.backend.map(Into::into);
    let outcome = engine.repro(Repro { bundle, file, backend, out: args.out }, interrupted)?;
    report(&outcome, io)
}

/// `lockstep shrink`
pub(super) fn shrink(
    args: ShrinkArgs,
    engine: &mut dyn Engine,
    interrupted: &AtomicBool,
    io: &mut Io<'_>,
) -> Result<u8, Stop> {
    let bundle = Bundle::read(&args.file)?;
    let file = args.file.display().to_string();
    let to = args.output.unwrap_or_else(|| args.file.with_extension(format!("small.{EXTENSION}")));
    let ShrinkArgs { time_budget, runs, backend, .. } = args;
    let (backend, progress) = (backend.map(Into::into), io.progress);
    let job = Shrink { bundle, file, to, runs, time_budget, backend, progress };
    let outcome = engine.shrink(job, interrupted)?;
    report(&outcome, io)
}

/// `lockstep export`
pub(super) fn export(args: &ExportArgs, io: &mut Io<'_>) -> Result<u8, Stop> {
    if args.test.is_none() && args.pcap.is_none() && args.scapy.is_none() {
        return Err(Stop::Usage("nothing to make: add --test, --pcap or --scapy".to_owned()));
    }
    let bundle = Bundle::read(&args.file)?;
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(dir) = &args.test {
        let test = export::test(&bundle, &stem);
        if dir == Path::new("-") {
            io.out.write_all(test.rust.as_bytes())?;
        } else {
            std::fs::create_dir_all(dir).map_err(|why| cannot(dir, &why))?;
            for (extension, text) in test.files() {
                put(&dir.join(format!("{}.{extension}", test.name)), text.as_bytes(), io)?;
            }
        }
    }
    if let Some(path) = &args.pcap {
        put(path, &export::pcap(&bundle)?, io)?;
    }
    if let Some(path) = &args.scapy {
        put(path, export::scapy(&bundle, &stem).as_bytes(), io)?;
    }
    Ok(exit::OK)
}

/// Writes a file that is not there yet; `-` is the standard output.
fn put(path: &Path, bytes: &[u8], io: &mut Io<'_>) -> Result<(), Stop> {
    if path == Path::new("-") {
        io.out.write_all(bytes)?;
        return Ok(());
    }
    let mut file = std::fs::File::create_new(path).map_err(|why| cannot(path, &why))?;
    file.write_all(bytes).map_err(|why| cannot(path, &why))?;
    writeln!(io.err, "{}", path.display())?;
    Ok(())
}

/// Why a file was not written.
pub(super) fn cannot(path: &Path, why: &io::Error) -> Stop {
    match why.kind() {
        ErrorKind::AlreadyExists => {
            Stop::Usage(format!("{} is already there, and stays as it is", path.display()))
        }
        _ => Stop::Environment(format!("{} cannot be written: {why}", path.display())),
    }
}
