//! Every relation, by name.
//!
//! Invariant: a relation looks at the first run to find out whether it says anything; it never looks at
//! what should have come out. Not here: how runs are compared (`heard.rs`).

use super::heard::{is_room, lacked_buffers};
use super::{Base, Case, On, Stays, epoch, inputs, lcores};
use crate::fabric::{Laid, Look};
use crate::plan::{Pace, Plan, PortPlan};
use crate::run::RunError;
use dataplane::Nanos;
use dataplane::config::Limits;
use dataplane::control::Order;
use dataplane::packet::HEADROOM;

/// The cases of a relation, or why it says nothing of a plan.
pub(super) type Cases = Result<Vec<Case>, String>;

/// A way to tell the same input differently, and what must stay the same.
pub struct Relation {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is changed, and what must stay: a sentence.
    pub keeps: &'static str,
    pub(super) cases: fn(&Base<'_>) -> Result<Cases, RunError>,
}

/// How much of a run is stepped through: a turn of an lcore takes some 100 ns.
const STEPPED: Nanos = Nanos::from_millis(10);

/// All relations, the cheapest first.
pub const RELATIONS: &[Relation] = &[
    Relation {
        name: "no-skip",
        keeps: "with each idle tick stepped, everything is the same in the first 10 ms",
        cases: |base| Ok(no_skip(base)),
    },
    Relation {
        name: "fabric",
        keeps: "on DPDK and in plain memory, everything is the same",
        cases: |base| Ok(other_fabric(base)),
    },
    Relation {
        name: "poison",
        keeps: "whatever fresh buffers hold, everything is the same: no stale byte leaves",
        cases: |base| Ok(poison(base)),
    },
    Relation {
        name: "headroom",
        keeps: "with less room in front of fresh buffers, everything is the same",
        cases: |base| Ok(headroom(base)),
    },
    Relation {
        name: "segments",
        keeps: "with each frame in several segments, everything is the same",
        cases: |base| Ok(segments(base)),
    },
    Relation {
        name: "doubled",
        keeps: "with all limits doubled, everything is the same, since nothing was full",
        cases: |base| Ok(doubled(base)),
    },
    Relation {
        name: "spelled",
        keeps: "with the frames of captures spelled out in the plan, everything is the same",
        cases: inputs::spelled,
    },
    Relation {
        name: "split",
        keeps: "with each input cut in two, everything is the same",
        cases: inputs::split,
    },
    Relation {
        name: "epoch",
        keeps: "when all comes a whole number of turns later, beyond 2^32 ms, all that leaves is so much later",
        cases: |base| Ok(epoch::later(base)),
    },
    Relation {
        name: "wraps",
        keeps: "when 2^32 ms pass in the middle of the input, each flow leaves as before",
        cases: |base| Ok(epoch::across(base)),
    },
    Relation {
        name: "rx-bursts",
        keeps: "with receive bursts of 1, 4 and 32, each flow leaves as before",
        cases: |base| Ok(rx_bursts(base)),
    },
    Relation {
        name: "tx-bursts",
        keeps: "with transmit bursts of 1, 4 and 32, each flow leaves as before",
        cases: |base| Ok(tx_bursts(base)),
    },
    Relation {
        name: "workers",
        keeps: "with 1, 2 and 4 workers, each flow leaves as before",
        cases: |base| Ok(lcores::workers(base)),
    },
    Relation {
        name: "pcap-port",
        keeps: "with captures polled by pcap ports, at no particular times, each flow leaves as before",
        cases: |base| Ok(inputs::polled(base)),
    },
    Relation {
        name: "fragments",
        keeps: "with the fragments of each datagram turned round, the same datagrams are answered",
        cases: inputs::turned,
    },
];

fn no_skip(base: &Base<'_>) -> Cases {
    let mut plan = base.plan.clone();
    let until = plan.until.map_or(STEPPED, |until| until.min(STEPPED));
    plan.until = Some(until);
    let with = Some(plan.clone());
    Ok(vec![Case { with, pace: Pace::Step, ..Case::new(plan, Stays::Everything) }])
}

fn other_fabric(base: &Base<'_>) -> Cases {
    if !base.has_other {
        return Err("it needs DPDK beside plain memory (--backend dpdk)".to_owned());
    }
    Ok(vec![Case { on: On::Other, ..Case::new(base.plan.clone(), Stays::Everything) }])
}

/// Each of these looks in plain memory; and on DPDK, if the first run was on that.
fn looks(base: &Base<'_>, looks: &[(String, Look)]) -> Vec<Case> {
    let on_dpdk = (!base.in_heap).then_some((On::Same, "on DPDK"));
    let fabrics = [Some((On::Heap, "in plain memory")), on_dpdk];
    let each =
        fabrics.into_iter().flatten().flat_map(|fabric| looks.iter().map(move |l| (fabric, l)));
    let case = |((on, place), (name, look)): ((On, &str), &(String, Look))| Case {
        name: format!("{name}, {place}"),
        on,
        look: *look,
        ..Case::new(base.plan.clone(), Stays::Everything)
    };
    each.map(case).collect()
}

fn poison(base: &Base<'_>) -> Cases {
    let filled = |fill: u8| {
        (format!("filled with {fill:#04x}"), Look { fill: Some(fill), ..Look::default() })
    };
    Ok(looks(base, &[0xa5, 0x5a].map(filled)))
}

fn headroom(base: &Base<'_>) -> Cases {
    let case = |headroom: usize| Case {
        name: format!("{headroom} bytes in front"),
        on: On::Heap,
        look: Look { headroom, ..Look::default() },
        ..Case::new(base.plan.clone(), Stays::Everything)
    };
    // On DPDK it is a constant.
    Ok([HEADROOM - 16, HEADROOM - 31].map(case).into())
}

/// Segments of odd and of even lengths: sums over 16 bits go across both.
fn segments(base: &Base<'_>) -> Cases {
    if let Some(what) = lacked_buffers(base.outcome, base.heard) {
        return Err(format!("there were too few buffers as it is ({what})"));
    }
    let laid = |(first, each): (usize, usize)| {
        let laid = Some(Laid { first, each });
        (format!("segments of {first}, {each} bytes"), Look { laid, ..Look::default() })
    };
    let mut cases = looks(base, &[(Laid::FIRST, 61), (Laid::FIRST + 1, 512)].map(laid));
    cases.iter_mut().for_each(|case| case.more_buffers = true);
    Ok(cases)
}

fn doubled(base: &Base<'_>) -> Cases {
    let full = base.outcome.ledger.dropped.iter().find(|(reason, n)| *n > 0 && is_room(*reason));
    if let Some((reason, n)) = full {
        return Err(format!("{n} packets were dropped as {reason}: something was full"));
    }
    if let Some(what) = base.heard.short {
        return Err(format!("there was no room for all ({what})"));
    }
    let mut plan = base.plan.clone();
    limit(&mut plan, double);
    for port in &mut plan.ports {
        if let PortPlan::Ring(wire) = port {
            wire.queue = wire.queue.saturating_mul(2);
        }
    }
    Ok(vec![Case::new(plan, Stays::Everything)])
}

/// Changes the limits, and those of each configuration that is loaded later: it may not differ in them.
fn limit(plan: &mut Plan, change: impl Fn(&mut Limits)) {
    change(&mut plan.config.limits);
    for command in &mut plan.commands {
        if let Order::Reload(reload) = &mut command.what
            && let Ok(config) = &mut reload.config
        {
            change(&mut config.limits);
        }
    }
}

/// Doubles every limit of what may be held, as far as its range goes.
fn double(limits: &mut Limits) {
    let Limits {
        neigh_queue,
        neigh_entries,
        reasm_datagrams,
        reasm_fragments,
        reasm_bytes,
        arp_ring,
        neigh_ring,
        msg_ring,
        msg_open,
        isol_ring,
        kni_ring,
        icmp_redirect_ring,
        iftraf_ring,
        iftraf_flows,
        iftraf_hosts,
        // How many frames go in or out together is no limit of room: see rx-bursts, tx-bursts.
        rx_burst: _,
        tx_burst: _,
        pool,
        rx_descriptors,
        tx_descriptors,
    } = limits;
    for (limit, (_, most)) in [
        (neigh_queue, Limits::NEIGH_QUEUE),
        (neigh_entries, Limits::NEIGH_ENTRIES),
        (reasm_datagrams, Limits::REASM_DATAGRAMS),
        (reasm_fragments, Limits::REASM_FRAGMENTS),
        (reasm_bytes, Limits::REASM_BYTES),
        (arp_ring, Limits::RING),
        (neigh_ring, Limits::RING),
        (msg_ring, Limits::MSG_RING),
        (msg_open, (1, 65_535)),
        (isol_ring, Limits::ISOL_RING),
        (kni_ring, Limits::RING),
        (icmp_redirect_ring, Limits::RING),
        (iftraf_ring, Limits::RING),
        (iftraf_flows, Limits::IFTRAF_ENTRIES),
        (iftraf_hosts, Limits::IFTRAF_ENTRIES),
        (pool, Limits::POOL),
        (rx_descriptors, Limits::DESCRIPTORS),
        (tx_descriptors, Limits::DESCRIPTORS),
    ] {
        *limit = limit.saturating_mul(2).min(most);
    }
}

fn rx_bursts(base: &Base<'_>) -> Cases {
    if !base.plan.commands.is_empty() {
        return Err(
            "orders come, and which packets are looked at before depends on the bursts".into()
        );
    }
    bursts(base, |limits| &mut limits.rx_burst)
}

fn tx_bursts(base: &Base<'_>) -> Cases {
    bursts(base, |limits| &mut limits.tx_burst)
}

fn bursts(base: &Base<'_>, which: fn(&mut Limits) -> &mut u32) -> Cases {
    let case = |burst: u32| {
        let mut plan: Plan = base.plan.clone();
        limit(&mut plan, |limits| *which(limits) = burst);
        Case { name: format!("bursts of {burst}"), ..Case::new(plan, Stays::Forwarded) }
    };
    Ok([1, 4, 32].map(case).into())
}
