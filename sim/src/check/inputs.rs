//! The same frames, brought in another way.
//!
//! Invariant: a frame that is moved keeps its bytes. Not here: reading captures (`source.rs`).

use super::relations::Cases;
use super::{Base, Case, Stays};
use crate::oracle::frame::{Frame, Packet};
use crate::plan::{Input, Plan, PortPlan, Source};
use crate::run::RunError;
use crate::source::{self, Frames};
use dataplane::DropReason;

/// The frames of every input, in order.
fn read(plan: &Plan) -> Result<Result<Vec<Frames>, String>, RunError> {
    let all = source::spell_out(plan)?;
    if all.iter().any(|input| input.left_out > 0) {
        return Ok(Err("the wire refuses a frame of a capture".to_owned()));
    }
    Ok(Ok(all.into_iter().map(|input| input.frames).collect()))
}

/// With these frames in the place of what each input has; several for each, one after the other.
fn with(plan: &Plan, inputs: Vec<Vec<Frames>>) -> Plan {
    let each = plan.inputs.iter().zip(inputs).flat_map(|(input, parts)| {
        let port = input.port;
        parts.into_iter().map(move |frames| Input { port, source: Source::Frames(frames) })
    });
    Plan { inputs: each.collect(), ..plan.clone() }
}

/// Captures, as frames that the plan spells out.
pub(super) fn spelled(base: &Base<'_>) -> Result<Cases, RunError> {
    let plan = base.plan;
    if !plan.inputs.iter().any(|input| matches!(input.source, Source::Capture(_))) {
        return Ok(Err("no capture is read".to_owned()));
    }
    Ok(read(plan)?.map(|all| {
        let plan = with(plan, all.into_iter().map(|frames| vec![frames]).collect());
        vec![Case::new(plan, Stays::Everything)]
    }))
}

/// Each input cut in two at its middle.
pub(super) fn split(base: &Base<'_>) -> Result<Cases, RunError> {
    Ok(read(base.plan)?.and_then(|all| {
        if all.iter().all(|frames| frames.len() < 2) {
            return Err("no input has two frames".to_owned());
        }
        let halves = all.into_iter().map(|mut frames| {
            let rest = frames.split_off(frames.len() / 2);
            vec![frames, rest]
        });
        Ok(vec![Case::new(with(base.plan, halves.collect()), Stays::Everything)])
    }))
}

/// Captures polled by pcap ports.
pub(super) fn polled(base: &Base<'_>) -> Cases {
    let plan = base.plan;
    if plan.until.is_some() || !plan.commands.is_empty() {
        return Err("the run has times of its own: an end, or orders".to_owned());
    }
    if base.outcome.ledger.waited > 0 {
        return Err("packets waited for neighbours, who answer at times of their own".to_owned());
    }
    let mut polled = plan.clone();
    polled.inputs.clear();
    for (input, totals) in plan.inputs.iter().zip(&base.outcome.inputs) {
        let Source::Capture(capture) = &input.source else {
            return Err("an input is no capture".to_owned());
        };
        let whole = totals.read == totals.selected && totals.padded == 0;
        if !whole || totals.capture.as_ref().is_none_or(|info| info.libpcap.is_some()) {
            return Err("a capture is not read as a whole, or not by libpcap".to_owned());
        }
        let at = input.port.index();
        if plan.config.ports[at].rx_queues != 1 || plan.config.is_kni(input.port) {
            return Err("a port has several queues, or is the kernel's".to_owned());
        }
        if matches!(polled.ports[at], PortPlan::Pcap { .. }) {
            return Err("a port has several inputs".to_owned());
        }
        polled.ports[at] = PortPlan::Pcap { rx: Some(capture.path.clone()) };
    }
    if plan.inputs.is_empty() {
        return Err("no capture is read".to_owned());
    }
    Ok(vec![Case::new(polled, Stays::Forwarded)])
}

/// The fragments of each datagram in the opposite order, at the same times.
pub(super) fn turned(base: &Base<'_>) -> Result<Cases, RunError> {
    let order_matters = |reason: DropReason| {
        matches!(
            reason,
            DropReason::ReassemblyDuplicate
                | DropReason::ReassemblyOverlap
                | DropReason::ReassemblyEnd
                | DropReason::ReassemblyEmpty
                | DropReason::ReassemblyOversize
                | DropReason::ReassemblyTooMany
                | DropReason::ReassemblyEcn
        )
    };
    let mut drops = base.outcome.ledger.dropped.iter();
    if let Some((reason, _)) = drops.find(|(reason, n)| *n > 0 && order_matters(*reason)) {
        return Ok(Err(format!(
            "fragments contradict each other ({reason}): the first one counts"
        )));
    }
    Ok(read(base.plan)?.and_then(|mut all| {
        if all.iter_mut().filter_map(|frames| turn(frames).then_some(())).count() == 0 {
            return Err("no datagram comes in fragments".to_owned());
        }
        let inputs = all.into_iter().map(|frames| vec![frames]).collect();
        Ok(vec![Case::new(with(base.plan, inputs), Stays::Delivered)])
    }))
}

/// Turns round each run of fragments of one datagram. Returns whether there was any.
fn turn(frames: &mut Frames) -> bool {
    let mut turned = false;
    let mut start = 0;
    while start < frames.len() {
        let datagram = datagram(&frames[start].1);
        let same =
            frames[start..].iter().take_while(|(_, bytes)| datagram == self::datagram(bytes));
        let n = if datagram.is_some() { same.count() } else { 1 };
        let (mut low, mut high) = (start, start + n - 1);
        while low < high {
            let [a, b] = [low, high].map(|at| std::mem::take(&mut frames[at].1));
            (frames[low].1, frames[high].1) = (b, a);
            (low, high, turned) = (low + 1, high - 1, true);
        }
        start += n;
    }
    turned
}

/// Which datagram a fragment is of.
fn datagram(bytes: &[u8]) -> Option<([u8; 2], u8, [u8; 8])> {
    Some(Frame::read(bytes)?.ipv4().filter(Packet::is_fragment)?.datagram())
}
