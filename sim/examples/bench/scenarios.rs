//! Whole runs in memory, all checks on: in a process that is up and has run before.

use crate::Failure;
use crate::watch::Took;
use dataplane::{Instant, Nanos, PortId};
use dpdk::Eal;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, Host, arp_request, icmp_echo, udp};
use sim::engine::{Conduct, Outcome, run};
use sim::fabric::{DpdkFabric, Fabric};
use sim::plan::{Input, Pace, Plan, Source};
use sim::scenario::{Overrides, Scenario};
use std::fmt::Write as _;
use std::path::Path;

const LAN: PortId = PortId(0);

const HOUR: u64 = 3_600;
/// What of the hour is stepped, to be extrapolated.
const STEPPED: Nanos = Nanos::from_millis(10);
const NEIGHBOURS: u8 = 100;

const SCENARIOS: u32 = 2_000;

/// A router, of which `head` says how many workers it has or which lcores.
fn router(head: &str) -> Result<Plan, Failure> {
    let text = crate::replay::ROUTER.replacen("name = \"load\"\n", head, 1);
    Ok(Scenario::parse(&text, "bench.toml", Path::new(""), &Overrides::default())?.plan)
}

/// The router with so many workers, and what comes to its LAN port.
fn plan(workers: u32, frames: Vec<(Instant, Vec<u8>)>) -> Result<Plan, Failure> {
    let mut plan = router(&format!("workers = {workers}\n"))?;
    plan.inputs = vec![Input { port: LAN, source: Source::Frames(frames) }];
    Ok(plan)
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

/// Runs a plan and sees that every check held.
pub(crate) fn checked<F: Fabric>(
    plan: &Plan,
    pace: Pace,
    fabric: &mut F,
) -> Result<Outcome, Failure> {
    let (outcome, ()) = run(plan, Conduct { pace, ..Conduct::default() }, fabric, ())?;
    match outcome.broken.is_empty() {
        true => Ok(outcome),
        false => Err(outcome.broken[0].to_string().into()),
    }
}

/// One hour: a hundred hosts ask once and fall silent, so that each is known and has a timer.
pub(crate) fn hour() -> Result<Plan, Failure> {
    let host = |n: u8| Host::new(n, [198, 51, 100, n]);
    let asks = |n: u8| (at(u64::from(n)), arp_request(host(n), DUT_LAN).build());
    let mut plan = plan(4, (0..NEIGHBOURS).map(|n| asks(n + 10)).collect())?;
    plan.until = Some(Nanos::from_secs(HOUR));
    Ok(plan)
}

pub(crate) fn idle_hour(eal: Eal) -> Result<Took, Failure> {
    let fabric = &mut DpdkFabric::new(eal);
    let plan = hour()?;
    let known = checked(&plan, Pace::Skip, fabric)?.ledger.neigh_moves;
    if known < NEIGHBOURS.into() {
        return Err(format!("only {known} neighbours were learnt").into());
    }
    Took::by(1, || checked(&plan, Pace::Skip, fabric).map(drop))
}

/// The beginning of the hour, every idle tick stepped: as if the whole of it were.
pub(crate) fn idle_stepped(eal: Eal) -> Result<Took, Failure> {
    let fabric = &mut DpdkFabric::new(eal);
    let mut plan = hour()?;
    plan.until = Some(STEPPED);
    checked(&plan, Pace::Skip, fabric)?;
    let took = Took::by(1, || checked(&plan, Pace::Step, fabric).map(drop))?;
    Ok(took.scaled(HOUR * 1_000_000_000 / STEPPED.get()))
}

/// A second of 10,000 packets: forwarded in 256 flows, echoes, ARP, and some for nowhere.
pub(crate) fn virtual_second(eal: Eal) -> Result<Took, Failure> {
    let fabric = &mut DpdkFabric::new(eal);
    let frame = |n: u32| {
        let flow = u16::try_from(n % 256).unwrap_or(0);
        match n % 10 {
            0..=5 => udp(ALICE, BOB).ports(4000 + flow, 53).len(18 + usize::from(flow) * 5).build(),
            6 | 7 => icmp_echo(ALICE, DUT_LAN).echo_id_seq(flow, 1).len(56).build(),
            8 => arp_request(ALICE, DUT_LAN).padded().build(),
            _ => udp(ALICE, CAROL).ports(4000 + flow, 53).len(18).build(),
        }
    };
    let mut plan = plan(4, (0..10_000).map(|n| (at(u64::from(n) * 100_000), frame(n))).collect())?;
    plan.until = Some(Nanos::from_secs(1));
    checked(&plan, Pace::Skip, fabric)?;
    Took::by(1, || checked(&plan, Pace::Skip, fabric).map(drop))
}

/// Ten packets through two ports and two workers.
pub(crate) fn small() -> Result<Plan, Failure> {
    let frame = udp(ALICE, BOB).ports(4000, 53).len(18).build();
    plan(2, (0..10).map(|n| (at(n * 10_000), frame.clone())).collect())
}

pub(crate) fn warm(eal: Eal) -> Result<Took, Failure> {
    let fabric = &mut DpdkFabric::new(eal);
    let plan = small()?;
    let once = |fabric: &mut DpdkFabric| {
        let outcome = checked(&plan, Pace::Skip, fabric)?;
        match outcome.ledger.out {
            10 => Ok(()),
            _ => Err(Failure::from(outcome.ledger.to_string())),
        }
    };
    (0..SCENARIOS / 10).try_for_each(|_| once(fabric))?;
    Took::by(SCENARIOS.into(), || (0..SCENARIOS).try_for_each(|_| once(fabric)))
}

/// A packet that is forwarded by a box of so many lcores: a master, up to 16 workers, and beyond
/// that lcores that poll idle queues for workers.
pub(crate) fn lcores(eal: Eal, size: u32) -> Result<Took, Failure> {
    const PACKETS: u32 = 100_000;
    let workers = (size - 1).min(16);
    let polled = size - 1 - workers;
    let mut head = String::from("[[lcore]]\nid = 0\nrole = \"master\"\n");
    for n in 1..=workers {
        let queue = n - 1;
        let aux = if n <= polled { format!(", aux = [{queue}]") } else { String::new() };
        write!(
            head,
            "[[lcore]]\nid = {n}\nrole = \"worker\"\n\
             rx = {{ lan = [{queue}], wan = [{queue}]{aux} }}\n"
        )?;
    }
    for n in 1..=polled {
        let (id, queue) = (workers + n, n - 1);
        write!(head, "[[lcore]]\nid = {id}\nrole = \"isol_rx\"\nrx = {{ aux = [{queue}] }}\n")?;
    }
    let mut text = crate::replay::ROUTER.replacen("name = \"load\"\n", "", 1) + &head;
    if polled > 0 {
        text += "[[port]]\nname = \"aux\"\n";
    }
    let mut plan =
        Scenario::parse(&text, "lcores.toml", Path::new(""), &Overrides::default())?.plan;
    let frame = |n: u32| {
        let flow = u16::try_from(n % 256).unwrap_or(0);
        (at(u64::from(n) * 1_000), udp(ALICE, BOB).ports(4000 + flow, 53).len(18).build())
    };
    let frames = (0..PACKETS).map(frame).collect();
    plan.inputs = vec![Input { port: LAN, source: Source::Frames(frames) }];
    let fabric = &mut DpdkFabric::new(eal);
    checked(&plan, Pace::Skip, fabric)?;
    Took::by(PACKETS.into(), || checked(&plan, Pace::Skip, fabric).map(drop))
}
