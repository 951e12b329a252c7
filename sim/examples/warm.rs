//! What a scenario costs in a process that is already up: ten packets, two ports, two workers, every
//! check on. `cargo run --release -p sim --example warm`.
//!
//! Absolute times mean little on a shared machine; the ratio to the same run in plain memory, taken
//! in turns with it, means more.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures real time")]

use sim::engine::{Conduct, run};
use sim::fabric::{DpdkFabric, Fabric, HeapFabric};
use sim::plan::Plan;
use sim::scenario::{Overrides, Scenario};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

type Failure = Box<dyn Error + Send + Sync>;

const RUNS: u32 = 2_000;
const ROUNDS: usize = 5;

const SCENARIO: &str = r#"
workers = 2
[[port]]
name = "lan"
mac = "02:00:00:00:00:01"
addresses = ["198.51.100.1/24"]
[[port]]
name = "wan"
mac = "02:00:00:00:00:02"
addresses = ["192.0.2.1/24"]
[[neighbour]]
dev = "wan"
address = "192.0.2.9"
mac = "02:00:00:00:00:0b"
[[input]]
port = "lan"
frames = [
"#;

/// A UDP datagram of 18 bytes from 198.51.100.7 to 192.0.2.9, through the router.
const FRAME: &str =
    "02000000000102000000000a08004500002e0001000040118e7ac6336407c00002090fa00035001a0000";

fn main() -> Result<(), Failure> {
    let padding = "00".repeat(18);
    let frames: String = (0..10)
        .map(|n| format!("  {{ at = \"{}us\", hex = \"{FRAME}{padding}\" }},\n", n * 10))
        .collect();
    let text = format!("{SCENARIO}{frames}]\n");
    let plan = Scenario::parse(&text, "warm.toml", Path::new(""), &Overrides::default())?.plan;
    dpdk::on_eal_thread(|eal| measure(&plan, &mut DpdkFabric::new(eal)))?
}

fn measure(plan: &Plan, dpdk: &mut DpdkFabric) -> Result<(), Failure> {
    let mut heap = HeapFabric::new();
    round(plan, dpdk)?;
    for _ in 0..ROUNDS {
        let (on_dpdk, on_heap) = (round(plan, dpdk)?, round(plan, &mut heap)?);
        println!(
            "{:>8.1} us a run on DPDK, {:>8.1} us in plain memory, ratio {:.2}",
            micros(on_dpdk),
            micros(on_heap),
            micros(on_dpdk) / micros(on_heap),
        );
    }
    Ok(())
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6 / f64::from(RUNS)
}

fn round<F: Fabric>(plan: &Plan, fabric: &mut F) -> Result<Duration, Failure> {
    let start = Instant::now();
    for _ in 0..RUNS {
        let (outcome, ()) = run(plan, Conduct::default(), fabric, ())?;
        assert!(outcome.broken.is_empty() && outcome.ledger.out == 10, "{}", outcome.ledger);
    }
    Ok(start.elapsed())
}
