//! Real captures, if there are any: each replays twice with one digest, and no buffer is lost.
//!
//! They are looked for in the folder that `LOCKSTEP_CAPTURES` names, or in `../shared/captures`
//! beside the repository. Where there is none, the test says that it was skipped.

use crate::cli::repository;
use sim::capture::CaptureInfo;
use sim::engine::Outcome;
use sim::guess;
use sim::plan::{Backend, Pace, Plan};
use sim::scenario::{Overrides, Scenario};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The folder of captures, if there is one.
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("LOCKSTEP_CAPTURES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| repository().join("../shared/captures"));
    folder.is_dir().then_some(folder)
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let is_capture = path.extension().is_some_and(|e| e == "pcap" || e == "pcapng");
            if path.is_dir() {
                folders.push(path);
            } else if is_capture {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The plan of what `lockstep replay` would do with this capture alone.
fn guessed(path: &Path) -> Plan {
    let sources = [guess::Source { port: None, path: path.to_owned() }];
    let dir = Path::new("/");
    let guess = guess::scenario(&sources, &[], dir).unwrap();
    Scenario::parse(&guess.toml, "guessed.toml", dir, &Overrides::default()).unwrap().plan
}

/// A capture, what came of its packets, and its digest: `cargo test -p tests captures -- --nocapture`
/// prints one for each.
fn row(path: &Path, outcome: &Outcome) -> String {
    let ledger = &outcome.ledger;
    let drops: Vec<String> = ledger.dropped.iter().map(|(r, n)| format!("{r} {n}")).collect();
    let (came, made, out) = (ledger.came, ledger.made.total(), ledger.out);
    let (consumed, digest) = (ledger.consumed(), outcome.digests.trace);
    let dropped = drops.join(", ");
    format!("{}\t{came}\t{made}\t{out}\t{consumed}\t{dropped}\t{digest}", path.display())
}

#[test]
fn every_ethernet_capture_replays_twice_with_one_digest() {
    let Some(folder) = folder() else {
        println!("skipped: there is no folder of captures (set LOCKSTEP_CAPTURES to one)");
        return;
    };
    println!("capture\tin\tmade\tout\tconsumed\tdropped by reason\tdigest");
    let (mut replayed, mut refused) = (0, 0);
    let mut wrong = String::new();
    for path in captures(&folder) {
        if CaptureInfo::scan(&path).is_err() {
            refused += 1;
            continue;
        }
        let plan = guessed(&path);
        let run = |backend| sim::run::simulate(&plan, backend, Pace::Skip, ());
        match (run(Backend::Dpdk), run(Backend::Dpdk), run(Backend::Heap)) {
            (Ok((a, ())), Ok((b, ())), Ok((c, ()))) => {
                replayed += 1;
                println!("{}", row(path.strip_prefix(&folder).unwrap(), &a));
                let digests = a.digests == b.digests && a.digests == c.digests;
                let broken = [&a.broken[..], &b.broken, &c.broken].concat();
                if !digests || !broken.is_empty() {
                    let _ = writeln!(wrong, "{}: same {digests}, {broken:?}", path.display());
                }
            }
            (a, b, c) => {
                let errors = [a.err(), b.err(), c.err()];
                let _ = writeln!(wrong, "{}: {errors:?}", path.display());
            }
        }
    }
    println!("{replayed} captures replayed, {refused} refused as no Ethernet captures");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(replayed > 0);
}
