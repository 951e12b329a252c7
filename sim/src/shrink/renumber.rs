//! Faults that name frames by their number, when frames are left out: they follow their frames.
//!
//! Invariant: a fault that is left strikes the frames that it struck, as far as they are left. One that
//! has none left is gone. Not here: which frames are left out (`passes.rs`).

use super::passes::At;
use crate::bundle::Case;
use crate::fault::Fault;
use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::ops::Deref;

/// The faults of a case of which only these frames are left, in order.
pub(super) fn faults(case: &Case, kept: &[At]) -> Vec<Fault> {
    // Most cases have no fault that asks.
    let ports = LazyCell::new(|| {
        let of = |port| (port, frames_of(case, port, kept));
        case.inputs.iter().map(|input| of(input.port.as_str())).collect()
    });
    case.faults.iter().filter_map(|fault| renumbered(fault, &ports)).collect()
}

/// Whether each frame that comes to a port is left, in the order in which they come.
fn frames_of(case: &Case, port: &str, kept: &[At]) -> Vec<bool> {
    let inputs = case.inputs.iter().enumerate().filter(|(_, input)| input.port == port);
    let frames = inputs.flat_map(|(i, input)| {
        input.frames.iter().enumerate().map(move |(f, (at, _))| (*at, (i, f)))
    });
    let mut frames: Vec<_> = frames.collect();
    frames.sort_unstable();
    frames.iter().map(|(_, at)| kept.binary_search(at).is_ok()).collect()
}

fn renumbered<'c>(
    fault: &Fault,
    ports: &impl Deref<Target = BTreeMap<&'c str, Vec<bool>>>,
) -> Option<Fault> {
    match fault {
        Fault::Frame { port, nth, harm } => {
            let Some(left) = ports.get(port.as_str()) else { return Some(fault.clone()) };
            let (first, last) = row(left, *nth, *nth)?;
            (first == last).then(|| Fault::Frame { port: port.clone(), nth: first, harm: *harm })
        }
        Fault::Lose { port, first, last } => {
            let Some(left) = ports.get(port.as_str()) else { return Some(fault.clone()) };
            let (first, last) = row(left, *first, *last)?;
            Some(Fault::Lose { port: port.clone(), first, last })
        }
        // The first frame behind it that is left.
        Fault::Back { port, nth, by } => {
            let Some(left) = ports.get(port.as_str()) else { return Some(fault.clone()) };
            let (nth, _) = row(left, *nth, u64::MAX)?;
            Some(Fault::Back { port: port.clone(), nth, by: *by })
        }
        Fault::Call(_)
        | Fault::Calls { .. }
        | Fault::Short { .. }
        | Fault::Down { .. }
        | Fault::Stall { .. }
        | Fault::Peer { .. }
        | Fault::Ahead { .. }
        | Fault::Drift { .. }
        | Fault::Cost { .. }
        | Fault::Order { .. } => Some(fault.clone()),
    }
}

/// What the frames from `first` to `last`, from 1, are numbered when only those are counted that are
/// left; nothing if none of them is. What is beyond all frames stays as it is.
fn row(left: &[bool], first: u64, last: u64) -> Option<(u64, u64)> {
    let index = |nth: u64| usize::try_from(nth).unwrap_or(usize::MAX).min(left.len() + 1);
    let (from, to) = (index(first).saturating_sub(1), index(last).min(left.len()));
    if from >= to {
        return Some((first, last));
    }
    let count = |frames: &[bool]| frames.iter().filter(|left| **left).count() as u64;
    let (before, these) = (count(&left[..from]), count(&left[from..to]));
    (these > 0).then_some((before + 1, before + these))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_follows_its_frames() {
        // Of six frames the second, third and sixth are left.
        let left = [false, true, true, false, false, true];
        for (was, is) in [
            ((2, 2), Some((1, 1))),
            ((3, 3), Some((2, 2))),
            ((6, 6), Some((3, 3))),
            ((1, 1), None),
            ((4, 5), None),
            ((1, 3), Some((1, 2))),
            ((3, 6), Some((2, 3))),
            ((5, 900), Some((3, 3))),
            ((7, 9), Some((7, 9))),
        ] {
            assert_eq!(row(&left, was.0, was.1), is, "{was:?}");
        }
    }
}
