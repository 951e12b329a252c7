//! Captures read once, for many runs.
//!
//! Invariant: a plan whose captures are in memory gives the run that it gave before. Not here: runs.

use super::{SourceError, Spelled, spell_out};
use crate::plan::{Plan, Source};

/// Puts frames in the place of the captures that they are read from. A capture of which the plan
/// refuses frames that it has no whole bytes of stays, since it takes a file to say so.
///
/// # Errors
/// A capture cannot be read.
pub fn in_memory(plan: &mut Plan) -> Result<(), SourceError> {
    let all = spell_out(plan)?;
    for (input, Spelled { frames, left_out, .. }) in plan.inputs.iter_mut().zip(all) {
        if left_out == 0 {
            input.source = Source::Frames(frames);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Frame, PcapngWriter};
    use crate::scenario::{Overrides, Scenario};
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
        let read = |snapped: &str| {
            let text = format!(
                "snapped = \"{snapped}\"\n[[port]]\nname = \"lan\"\nmac = \"02:00:00:00:00:01\"\n\
                 addresses = [\"198.51.100.1/24\"]\n[[input]]\nport = \"lan\"\nstart = \"1us\"\n\
                 capture = \"{}\"\n",
                path.display()
            );
            let scenario = Scenario::parse(&text, "s.toml", "".as_ref(), &Overrides::default());
            let mut plan = scenario.unwrap().plan;
            in_memory(&mut plan).unwrap();
            plan.inputs.remove(0).source
        };
        let mut filled = vec![2; 60];
        filled.resize(100, 0);
        let at = [1_000, 1_004].map(Instant::from_nanos);
        let expected = vec![(at[0], vec![1; 60]), (at[1], filled)];
        match read("pad") {
            Source::Frames(frames) => assert_eq!(frames, expected),
            Source::Capture(capture) => panic!("{capture:?}"),
        }
        assert!(matches!(read("drop"), Source::Capture(_)));
        std::fs::remove_file(path).unwrap();
    }
}
