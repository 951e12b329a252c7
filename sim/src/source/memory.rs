//! What inputs bring, spelled out: captures read once, for many runs.
//!
//! Invariant: a plan whose captures are in memory gives the run that it gave before. Not here: runs.

use super::SourceError;
use super::feed::{Feed, Offer};
use super::setback::SetBack;
use crate::fabric::HeapFabric;
use crate::plan::{Input, Plan, Snapped, Source};
use crate::world::in_a_row;
use dataplane::{Instant, PortId};

/// Frames, and when each comes.
pub(crate) type Frames = Vec<(Instant, Vec<u8>)>;

/// What an input brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelled {
    /// The port.
    pub port: PortId,
    /// The frames that come to its wire, in order of time.
    pub frames: Frames,
    /// Frames that go no further than that: snapped ones that are dropped, and those too long.
    pub left_out: u64,
}

/// What an input brings, whatever is to happen to its clock.
///
/// # Errors
/// The input cannot be read.
fn spelled(input: &Input, snapped: Snapped) -> Result<Spelled, SourceError> {
    let (fabric, scratch) = (&mut HeapFabric::new(), &mut Vec::new());
    let mut spelled = Spelled { port: input.port, frames: Vec::new(), left_out: 0 };
    let mut feed = Feed::open(input, snapped, SetBack::default(), fabric)?;
    while let Some(Offer { at, frame, refused, .. }) = feed.take(fabric)? {
        match refused {
            None => spelled.frames.push((at, in_a_row(&frame, scratch).to_vec())),
            Some(_) => spelled.left_out += 1,
        }
    }
    Ok(spelled)
}

/// What all inputs of a plan bring, in the order of the plan.
///
/// # Errors
/// An input cannot be read.
pub(crate) fn spell_out(plan: &Plan) -> Result<Vec<Spelled>, SourceError> {
    plan.inputs.iter().map(|input| spelled(input, plan.snapped)).collect()
}

/// Puts frames in the place of the captures that they are read from. A capture of which the plan
/// refuses frames stays, since it takes a file to say so.
///
/// # Errors
/// A capture cannot be read.
pub fn in_memory(plan: &mut Plan) -> Result<(), SourceError> {
    for input in &mut plan.inputs {
        if let Source::Capture(_) = &input.source {
            let Spelled { frames, left_out, .. } = spelled(input, plan.snapped)?;
            if left_out == 0 {
                input.source = Source::Frames(frames);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Frame, PcapngWriter};
    use crate::plan::{CaptureInput, Select, Timing};

    #[test]
    fn a_frame_that_was_cut_short_is_filled_up_or_left_to_its_file() {
        let mut writer = PcapngWriter::new(Vec::new(), &["lan"], None).unwrap();
        for (time, orig_len, byte) in [(5, None, 1), (9, Some(100), 2)] {
            let (interface, direction) = (0, None);
            let bytes = [byte; 60];
            let (segments, comments) = (&[&bytes[..]][..], &[][..]);
            let frame = Frame { interface, time, direction, orig_len, segments, comments };
            writer.write(&frame).unwrap();
        }
        let name = format!("lockstep-memory-{}.pcapng", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, writer.finish().unwrap()).unwrap();
        let source = Source::Capture(CaptureInput {
            path: path.clone(),
            select: Select { interface: None, ours: Vec::new() },
            timing: Timing::Recorded,
            start: Instant::from_nanos(1_000),
        });
        let input = Input { port: PortId(0), source };
        let mut filled = vec![2; 60];
        filled.resize(100, 0);
        let at = [1_000, 1_004].map(Instant::from_nanos);
        let expected = vec![(at[0], vec![1; 60]), (at[1], filled)];
        let is = spelled(&input, Snapped::Pad).unwrap();
        assert_eq!((is.frames, is.left_out), (expected, 0));
        assert_eq!(spelled(&input, Snapped::Drop).unwrap().left_out, 1);
        std::fs::remove_file(path).unwrap();
    }
}
