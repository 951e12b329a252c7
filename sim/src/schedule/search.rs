//! All orders in which lcores could have met, one run each: a search without states.
//!
//! A run says which of its steps touched what several lcores share: a ring, the tokens of a tbf, a
//! port. Of two steps that lie next to each other at such a place, and are of two lcores, the first is
//! made to stall until the second has begun: that is another schedule, which is run in its turn.
//!
//! Partial-order reduction: steps that share nothing commute, so that only those pairs are reversed; and
//! a run in which each shared place saw the same steps in the same order as in an earlier one is that
//! run at other times (a Mazurkiewicz trace), and leads nowhere new (Flanagan and Godefroid, POPL 2005).
//!
//! Invariant: the same plan gives the same runs in the same order. Not here: the pool, which all share
//! and where order matters only when it is empty; faults.

use super::{Picker, Rule, WINDOW, picked};
use crate::engine::Ended;
use crate::fabric::Fabric;
use crate::fault::Fault;
use crate::plan::Plan;
use crate::run::RunError;
use crate::trace::Digest;
use crate::trial::Trying;
use dataplane::job::JobKind;
use dataplane::rng::Rng;
use dataplane::tc::BucketId;
use dataplane::world::Ring;
use dataplane::{Instant, LcoreId, Nanos, PortId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::Ordering;
use xxhash_rust::xxh3::xxh3_64;

/// Runs of one search, at most.
pub const RUNS: u64 = 1_000;

/// What several lcores share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shared {
    /// A ring, by the lcore that drains it.
    Ring(LcoreId, Ring),
    /// The tokens of a tbf.
    Bucket(BucketId),
    /// The way out by a port: frames of several queues leave by it one after the other.
    Port(PortId),
}

/// A step that touched something shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    pub at: Instant,
    pub lcore: LcoreId,
    pub job: JobKind,
    pub what: Vec<Shared>,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Runs.
    pub runs: u64,
    /// Of these, runs whose order no earlier one had.
    pub orders: u64,
    /// Whether there was more to try than [`RUNS`].
    pub cut: bool,
    /// The stalls of the first run in which something was wrong.
    pub failing: Option<Vec<Fault>>,
}

impl fmt::Display for Searched {
    /// `12 runs, 7 of them in an order of their own: in each all is well`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Searched { runs, orders, cut, failing } = self;
        write!(f, "{runs} runs, {orders} of them in an order of their own: ")?;
        match failing {
            Some(_) => f.write_str("in the last one something is wrong"),
            None if *cut => f.write_str("in each all is well, but there are more"),
            None => f.write_str("in each all is well"),
        }
    }
}

/// Tries all orders that at most `bound` stalls bring about, depth first, up to the first run in which
/// something is wrong.
///
/// # Errors
/// The plan cannot be run, or an input cannot be read.
pub fn search<F: Fabric>(
    plan: &Plan,
    bound: usize,
    trying: Trying<'_>,
    fabric: &mut F,
) -> Result<Searched, RunError> {
    let mut searched = Searched::default();
    let (mut plan, own) = (plan.clone(), plan.faults.len());
    let (mut to_try, mut seen) = (vec![Vec::new()], BTreeSet::new());
    while let Some(stalls) = to_try.pop() {
        if searched.runs == RUNS {
            searched.cut = true;
            break;
        }
        if trying.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            break;
        }
        searched.runs += 1;
        plan.faults.truncate(own);
        plan.faults.extend(stalls.iter().cloned());
        let Some(touches) = holds(&plan, trying, fabric)? else {
            searched.failing = Some(stalls);
            break;
        };
        if !seen.insert(order(&touches)) {
            continue;
        }
        searched.orders += 1;
        if stalls.len() < bound {
            // The last one that is pushed is tried first: let that be the earliest.
            let more = reversals(&touches).into_iter().rev();
            to_try.extend(more.map(|stall| [&stalls[..], &[stall]].concat()));
        }
    }
    Ok(searched)
}

/// The steps of a run that touched something shared; nothing if it does not hold.
fn holds<F: Fabric>(
    plan: &Plan,
    trying: Trying<'_>,
    fabric: &mut F,
) -> Result<Option<Vec<Touch>>, RunError> {
    let mut picker = Picker::new(plan, Rule::Fixed, Rng::new(0));
    let Some(outcome) = picked(plan, &mut picker, trying, fabric)? else { return Ok(None) };
    let holds = outcome.broken.is_empty() && outcome.ended != Ended::Restless;
    Ok(holds.then_some(picker.touches))
}

/// A digest of who touched each shared place, in order: the how manieth run of which job of which
/// lcore. Two runs of the same order differ in their times alone.
fn order(touches: &[Touch]) -> Digest {
    let mut order: BTreeMap<Shared, Vec<(LcoreId, u64, usize)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for touch in touches {
        let nth = counts.entry((touch.lcore, touch.job.index())).or_insert(0u64);
        *nth += 1;
        for what in &touch.what {
            order.entry(*what).or_default().push((touch.lcore, *nth, touch.job.index()));
        }
    }
    Digest(xxh3_64(format!("{order:?}").as_bytes()))
}

/// The stalls that each make two neighbours at a shared place change their order, if they are near
/// enough in time.
fn reversals(touches: &[Touch]) -> Vec<Fault> {
    let (mut last, mut stalls) = (BTreeMap::<Shared, &Touch>::new(), Vec::new());
    for touch in touches {
        for what in &touch.what {
            let Some(before) = last.insert(*what, touch) else { continue };
            let apart = touch.at.saturating_since(before.at);
            if before.lcore == touch.lcore || apart > WINDOW {
                continue;
            }
            let lasts = Nanos::new(apart.get() + 1);
            let stall = Fault::Stall { lcore: before.lcore, at: before.at, lasts };
            if !stalls.contains(&stall) {
                stalls.push(stall);
            }
        }
    }
    stalls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plans::{dut, ms};
    use crate::fabric::HeapFabric;
    use fixtures::{ALICE, BOB, DUT_LAN, udp};

    fn touch(at: u64, lcore: u8, what: &[Shared]) -> Touch {
        let (at, lcore) = (Instant::from_nanos(at), LcoreId(lcore));
        Touch { at, lcore, job: JobKind::Xmit, what: what.to_vec() }
    }

    #[test]
    fn only_neighbours_of_two_lcores_at_one_place_are_reversed() {
        let (lan, wan) = (Shared::Port(PortId(0)), Shared::Port(PortId(1)));
        let touches = [
            touch(10, 1, &[lan]),
            touch(20, 2, &[wan]),
            touch(30, 1, &[wan, lan]),
            touch(45, 2, &[lan]),
            touch(200_000, 1, &[lan]),
        ];
        let stalls: Vec<_> = reversals(&touches).iter().map(ToString::to_string).collect();
        assert_eq!(stalls, ["stall:2@20ns=11ns", "stall:1@30ns=16ns"]);
    }

    #[test]
    fn orders_are_the_same_at_other_times_and_where_nothing_is_shared() {
        let (lan, wan) = (Shared::Port(PortId(0)), Shared::Port(PortId(1)));
        let one = [touch(10, 1, &[lan]), touch(20, 2, &[wan]), touch(30, 2, &[lan])];
        let same = [touch(11, 2, &[wan]), touch(12, 1, &[lan]), touch(90, 2, &[lan])];
        let other = [touch(11, 2, &[wan]), touch(12, 2, &[lan]), touch(90, 1, &[lan])];
        assert_eq!(order(&one), order(&same));
        assert_ne!(order(&one), order(&other));
    }

    /// Two workers whose packets leave by one port.
    fn one_way_out() -> Plan {
        let mut plan = dut(2);
        plan.static_neighbour(BOB);
        let flows = (0..4).map(|n: u16| {
            let at = ms(1) + Nanos::new(500 * u64::from(n));
            (at, udp(ALICE, BOB).ports(1_000 + n, 53))
        });
        plan.frames(DUT_LAN, flows.collect::<Vec<_>>());
        plan
    }

    #[test]
    fn a_search_ends_and_is_the_same_each_time() {
        let plan = one_way_out();
        let search =
            |bound| search(&plan, bound, Trying::default(), &mut HeapFabric::new()).unwrap();
        assert_eq!(search(0), Searched { runs: 1, orders: 1, cut: false, failing: None });
        let (one, two) = (search(1), search(2));
        assert!(one.orders > 1 && two.orders > one.orders, "{one:?} {two:?}");
        assert!(two.runs > two.orders, "some come twice: {two:?}");
        assert_eq!((two.failing.clone(), search(2)), (None, two));
    }

    #[test]
    fn a_search_stops_at_the_first_run_in_which_something_is_wrong() {
        // Whoever has no patience never sees it come to rest.
        let trying = Trying { patience: Some(Instant::from_nanos(1)), ..Trying::default() };
        let searched = search(&one_way_out(), 2, trying, &mut HeapFabric::new()).unwrap();
        let failing = Some(Vec::new());
        assert_eq!(searched, Searched { runs: 1, orders: 0, cut: false, failing });
        let said = "1 runs, 0 of them in an order of their own: in the last one something is wrong";
        assert_eq!(searched.to_string(), said);
    }
}
