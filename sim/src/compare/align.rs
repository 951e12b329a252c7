//! Which frame of the box is which recorded one.
//!
//! Within a flow, equal frames belong together, first to first. What is left over on both sides at
//! about the same time is one frame that was changed; what is left then is missing or extra.
//!
//! Invariant: each frame is in one pair at most, and all that are in none are told. Not here: an order
//! between flows, which is up to queues and cores.

use super::flow::{Field, Flow, differing, fields};
use super::{Deviation, Difference, Sent, Tally};
use dataplane::{Nanos, PortId};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// What came of it.
#[derive(Default)]
pub(super) struct Aligned {
    pub flows: BTreeMap<(PortId, String), Tally>,
    pub differences: Vec<Difference>,
    pub free_requests: (u64, u64),
    pub later: Option<(i128, i128, i128)>,
}

/// The frames of a flow: recorded, and here.
type Sides = [Vec<(Sent, Vec<Field>)>; 2];

/// Compares what was recorded with what was sent here.
pub(super) fn align(
    recorded: Vec<Sent>,
    here: Vec<Sent>,
    own: &[Ipv4Addr],
    slack: Nanos,
) -> Aligned {
    let mut flows: BTreeMap<(PortId, Flow), Sides> = BTreeMap::new();
    for (side, all) in [recorded, here].into_iter().enumerate() {
        for sent in all {
            let fields = fields(&sent.bytes, own);
            let key = (sent.port, Flow::of(&sent.bytes));
            flows.entry(key).or_default()[side].push((sent, fields));
        }
    }
    let (mut aligned, mut delays) = (Aligned::default(), Vec::new());
    for ((port, flow), sides) in flows {
        if flow.request {
            aligned.requests(port, &flow, sides);
        } else {
            aligned.flow(port, &flow, sides, slack, &mut delays);
        }
    }
    delays.sort_unstable();
    aligned.later = match delays.as_slice() {
        [] => None,
        [least, ..] => Some((*least, delays[delays.len() / 2], delays[delays.len() - 1])),
    };
    aligned
}

impl Aligned {
    /// Who asks, and whom, matters; how often does not.
    fn requests(&mut self, port: PortId, flow: &Flow, [recorded, here]: Sides) {
        let (a, b) = (recorded.len() as u64, here.len() as u64);
        let same = a.min(b);
        self.flows.insert((port, flow.to_string()), Tally { recorded: a, here: b, same });
        let mut note = |what| {
            self.differences.push(Difference { port, flow: flow.to_string(), what });
        };
        match (recorded.into_iter().next(), here.into_iter().next()) {
            (Some((recorded, _)), None) => note(Deviation::Missing { recorded }),
            (None, Some((here, _))) => note(Deviation::Extra { here }),
            _ => {
                self.free_requests.0 += a - same;
                self.free_requests.1 += b - same;
            }
        }
    }

    fn flow(
        &mut self,
        port: PortId,
        flow: &Flow,
        [recorded, here]: Sides,
        slack: Nanos,
        delays: &mut Vec<i128>,
    ) {
        let (a, b) = (recorded.len() as u64, here.len() as u64);
        let pairs = pairs(&recorded, &here);
        let in_order = longest_increasing(&pairs.iter().map(|(_, here)| *here).collect::<Vec<_>>());
        let (mut found, mut same) = (Vec::new(), 0);
        for (n, (r, h)) in pairs.iter().enumerate() {
            let (was, is) = (&recorded[*r].0, &here[*h].0);
            let late = i128::from(is.at.as_nanos()) - i128::from(was.at.as_nanos());
            if !in_order[n] {
                found.push(Deviation::Order { here: is.clone(), recorded: r + 1, now: h + 1 });
            } else if late.unsigned_abs() > u128::from(slack.get()) {
                found.push(Deviation::Time { recorded: was.clone(), here: is.at });
            } else {
                same += 1;
                delays.push(late);
            }
        }
        let left = |all: Vec<(Sent, Vec<Field>)>, taken: Vec<usize>| {
            let mut free = vec![true; all.len()];
            taken.into_iter().for_each(|n| free[n] = false);
            all.into_iter().zip(free).filter_map(|(frame, free)| free.then_some(frame))
        };
        let recorded = left(recorded, pairs.iter().map(|(r, _)| *r).collect());
        let here = left(here, pairs.iter().map(|(_, h)| *h).collect());
        leftovers(recorded, here, slack, &mut found);
        let told = |what| Difference { port, flow: flow.to_string(), what };
        self.differences.extend(found.into_iter().map(told));
        self.flows.insert((port, flow.to_string()), Tally { recorded: a, here: b, same });
    }
}

/// Of what has no equal on the other side: two that left at about the same time are one that was
/// changed.
fn leftovers(
    recorded: impl Iterator<Item = (Sent, Vec<Field>)>,
    here: impl Iterator<Item = (Sent, Vec<Field>)>,
    slack: Nanos,
    found: &mut Vec<Deviation>,
) {
    let (mut recorded, mut here) = (recorded.peekable(), here.peekable());
    loop {
        let order = match (recorded.peek(), here.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((was, _)), Some((is, _))) => {
                let apart = was.at.as_nanos().abs_diff(is.at.as_nanos());
                if apart <= slack.get() { Ordering::Equal } else { was.at.cmp(&is.at) }
            }
        };
        let was = recorded.next_if(|_| order != Ordering::Greater);
        let is = here.next_if(|_| order != Ordering::Less);
        found.extend(match (was, is) {
            (Some((recorded, was)), Some((here, is))) => {
                Some(Deviation::Changed { recorded, here, fields: differing(&was, &is) })
            }
            (Some((recorded, _)), None) => Some(Deviation::Missing { recorded }),
            (None, Some((here, _))) => Some(Deviation::Extra { here }),
            (None, None) => None,
        });
    }
}

/// Equal frames, first to first: their numbers, recorded and here, in the recorded order.
fn pairs(recorded: &[(Sent, Vec<Field>)], here: &[(Sent, Vec<Field>)]) -> Vec<(usize, usize)> {
    let mut free: BTreeMap<&[Field], VecDeque<usize>> = BTreeMap::new();
    for (n, (_, fields)) in here.iter().enumerate() {
        free.entry(fields).or_default().push_back(n);
    }
    let partner = |(n, (_, fields)): (usize, &(Sent, Vec<Field>))| {
        free.get_mut(fields.as_slice())?.pop_front().map(|partner| (n, partner))
    };
    recorded.iter().enumerate().filter_map(partner).collect()
}

/// Which of these are in one longest increasing part of them: the fewest others are out of order.
fn longest_increasing(numbers: &[usize]) -> Vec<bool> {
    // The last of the best part of each length, and what is before each number in its best part.
    let (mut ends, mut before) = (Vec::<usize>::new(), vec![None; numbers.len()]);
    for (at, number) in numbers.iter().enumerate() {
        let len = ends.partition_point(|end| numbers[*end] < *number);
        before[at] = len.checked_sub(1).map(|shorter| ends[shorter]);
        match ends.get_mut(len) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let (mut within, mut next) = (vec![false; numbers.len()], ends.last().copied());
    while let Some(at) = next {
        within[at] = true;
        next = before[at];
    }
    within
}

#[cfg(test)]
mod tests {
    use super::longest_increasing;

    #[test]
    fn the_fewest_frames_are_out_of_order() {
        let out = |numbers: &[usize]| -> Vec<usize> {
            let within = longest_increasing(numbers);
            numbers.iter().zip(within).filter(|(_, in_order)| !in_order).map(|(n, _)| *n).collect()
        };
        assert_eq!(out(&[]), [0; 0]);
        assert_eq!(out(&[0, 1, 2, 3]), [0; 0]);
        assert_eq!(out(&[3, 0, 1, 2]), [3]);
        assert_eq!(out(&[1, 2, 3, 0]), [0]);
        assert_eq!(out(&[1, 0]), [1]);
        assert_eq!(out(&[0, 5, 1, 2, 6, 3, 4]), [5, 6]);
    }
}
