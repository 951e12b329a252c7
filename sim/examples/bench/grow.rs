//! What an operation costs when something is large: the size is the argument.

use crate::Failure;
use crate::tick::{Worker, router};
use crate::watch::Took;
use dataplane::config::{NeighConfig, RouteConfig};
use dataplane::timer::TimerWheel;
use dataplane::world::BURST;
use dataplane::{Config, Instant, Nanos, PortId};
use dpdk::Eal;
use fixtures::{ALICE, BOB, udp};
use std::net::Ipv4Addr;

const BURSTS: u32 = 20_000;
const WAN: PortId = PortId(1);
/// Destinations that packets go to, at most: spread over the whole table.
const DESTINATIONS: u32 = 4_096;
/// Timers that are armed and run off, while all the others stay.
const TIMERS: u64 = 1_000_000;

/// A packet that is forwarded, when there are so many routes or neighbours.
pub(crate) fn tables(eal: Eal, what: &str, size: u32) -> Result<Took, Failure> {
    let (config, destination): (Config, fn(u32) -> Ipv4Addr) = match what {
        "routes" => (routes(size)?, |n| Ipv4Addr::from_bits(net(n).to_bits() | 5)),
        "neighbours" => (neighbours(size)?, address),
        _ => return Err("nothing of that name grows".into()),
    };
    let sent = size.min(DESTINATIONS);
    let frames = (0..sent).map(|n| {
        let nth = u64::from(n) * u64::from(size) / u64::from(sent);
        let to = destination(u32::try_from(nth).unwrap_or(0)).octets();
        udp(ALICE, BOB.with_ip(to)).dst_mac([2, 0, 0, 0, 0, 1]).len(18).build()
    });
    let mut worker = Worker::new(eal, &config, WAN, frames.collect())?;
    (0..BURSTS / 10).try_for_each(|_| worker.burst())?;
    let items = u64::from(BURSTS) * BURST as u64;
    Took::by(items, || (0..BURSTS).try_for_each(|_| worker.burst()))
}

/// A packet that goes through a Qsch, when there are so many before it.
pub(crate) fn qsch(eal: Eal, size: u32) -> Result<Took, Failure> {
    let mut worker = Worker::behind(eal, size)?;
    // Once through all that waits: where it lies in memory is then where it will be.
    (0..BURSTS / 10).try_for_each(|_| worker.burst())?;
    let items = u64::from(BURSTS) * BURST as u64;
    Took::by(items, || (0..BURSTS).try_for_each(|_| worker.burst()))
}

/// The `n`th /24 from 16.0.0.0 on.
fn net(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x1000_0000 + (n << 8))
}

/// The `n`th host of 10.0.0.0/8.
fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0002 + n)
}

fn routes(size: u32) -> Result<Config, Failure> {
    let mut config = router()?;
    let via = Some(BOB.ip);
    for n in 0..size {
        let to = format!("{}/24", net(n)).parse()?;
        config.routes.push(RouteConfig { to, via, dev: WAN, mtu: None });
    }
    Ok(config)
}

fn neighbours(size: u32) -> Result<Config, Failure> {
    let mut config = router()?;
    config.ports[1].addresses = vec!["10.0.0.1/8".parse()?];
    config.limits.neigh_entries = size.max(config.limits.neigh_entries);
    let mac = dataplane::Mac(BOB.mac);
    config.neighbours.clear();
    config.neighbours.extend((0..size).map(|n| NeighConfig { dev: WAN, address: address(n), mac }));
    Ok(config)
}

/// A timer that is armed and fires, while so many others wait.
pub(crate) fn timers(size: u32) -> Took {
    let mut wheel = TimerWheel::new();
    let mut now = Instant::EPOCH;
    for n in 1..size {
        // Spread over a day: none of them fires while we measure.
        let delay = Nanos::from_secs(86_400) + Nanos::from_millis(u64::from(n) * 83);
        let _ = wheel.arm(now, delay, n);
    }
    let work = || {
        for n in 0..TIMERS {
            let _ = wheel.arm(now, Nanos::from_millis(1 + n % 7), 0);
            now += Nanos::from_micros(20);
            while wheel.pop_due(now).is_some() {}
        }
        Ok::<(), std::convert::Infallible>(())
    };
    match Took::by(TIMERS, work) {
        Ok(took) => took,
        Err(never) => match never {},
    }
}

pub(crate) use crate::reassembly::grow as reassembly;
pub(crate) use crate::scenarios::lcores;
