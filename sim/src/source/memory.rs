//! Captures read once, for many runs.
//!
//! Invariant: a plan whose captures are in memory gives the run that it gave before. Not here: runs.

use super::SourceError;
use super::pacer::Pacer;
use super::select::selects;
use crate::capture::CaptureReader;
use crate::fabric::MAX_FRAME;
use crate::plan::{CaptureInput, Plan, Snapped, Source};

/// Puts frames in the place of the captures that they are read from. A capture of which the plan
/// refuses frames that it has no whole bytes of stays, since it takes a file to say so.
///
/// # Errors
/// A capture cannot be read.
pub fn in_memory(plan: &mut Plan) -> Result<(), SourceError> {
    for input in &mut plan.inputs {
        if let Source::Capture(capture) = &input.source
            && let Some(frames) = frames(capture, plan.snapped)?
        {
            input.source = frames;
        }
    }
    Ok(())
}

/// All frames of an input, and when they come; nothing if some are refused.
fn frames(input: &CaptureInput, snapped: Snapped) -> Result<Option<Source>, SourceError> {
    let mut reader = CaptureReader::open(&input.path)?;
    let mut pacer = Pacer::new(input);
    let mut frames = Vec::new();
    while let Some(record) = reader.next_record()? {
        pacer.see(record.time);
        if !selects(&input.select, record.interface, record.data) {
            continue;
        }
        let at = pacer.place(record.time);
        let mut frame = record.data.to_vec();
        if record.is_snapped() {
            let len = usize::try_from(record.orig_len).unwrap_or(usize::MAX);
            if snapped == Snapped::Drop || len > MAX_FRAME {
                return Ok(None);
            }
            frame.resize(len, 0);
        }
        if frame.len() > MAX_FRAME {
            return Ok(None);
        }
        frames.push((at, frame));
    }
    Ok(Some(Source::Frames(frames)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Frame, PcapngWriter};
    use crate::plan::{Select, Timing};
    use dataplane::Instant;

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
        let input = CaptureInput {
            path: path.clone(),
            select: Select { interface: None, ours: Vec::new() },
            timing: Timing::Recorded,
            start: Instant::from_nanos(1_000),
        };
        let mut filled = vec![2; 60];
        filled.resize(100, 0);
        let at = [1_000, 1_004].map(Instant::from_nanos);
        let expected = vec![(at[0], vec![1; 60]), (at[1], filled)];
        match frames(&input, Snapped::Pad).unwrap() {
            Some(Source::Frames(frames)) => assert_eq!(frames, expected),
            other => panic!("{other:?}"),
        }
        assert!(frames(&input, Snapped::Drop).unwrap().is_none());
        std::fs::remove_file(path).unwrap();
    }
}
