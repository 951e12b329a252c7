//! `cargo x scoreboard`: how many planted defects the oracles find.
//!
//! Not here: the defects (`dataplane/src/planted.rs`), the course that each is sent over
//! (`sim/src/scoreboard.rs`), the table (`sim/examples/scoreboard.rs`).

use super::{Stop, cargo, say, setup};

const HELP: &str = "\
cargo x scoreboard [--seeds N] [--every N] [--shrink N] [--only NAME]... [--json] [--dev]

Builds the dataplane with the feature `mutants`, which no normal build has, plants one defect after
the other, and runs each through fixtures/small and fixtures/scenarios: plain, with every idle tick
stepped, with each call failing once, and under some seeds. It shows which oracle found it, where
first, after how many runs, seeds and milliseconds, and whether a digest would have shown it. What
was found is made smaller: so many frames, and faults, are all that it takes to show it.

  --seeds N    seeds for each scenario; 20
  --every N    only every so manieth call of each kind fails; 1
  --shrink N   the most runs that one case may take to become small; 2000. A + in the table: there
               were no more, and it may not be the smallest. 0: no case is made smaller
  --only NAME  only this defect; may be given more than once
  --json       for machines: one object a line to the standard output, with what the oracles said
  --dev        builds without optimisation: sooner there, and each run is slower

Milliseconds are measured and another time others; nothing depends on them.

Exit codes: 0 the table was made, whatever was found; 1 an oracle said something although there was no
defect; 2 no such defect; 3 a scenario could not be run.

  cargo x scoreboard --only ttl-less --only held-reversed
  cargo x scoreboard --dev --seeds 4 --every 3
";

pub(super) fn run(args: &[&str]) -> Result<(), Stop> {
    if let ["help" | "-h" | "--help", ..] = args {
        print!("{HELP}");
        return Ok(());
    }
    setup::run()?;
    say("building lockstep with defects that can be planted");
    let profile: &[&str] = if args.contains(&"--dev") { &[] } else { &["--release"] };
    let rest: Vec<&str> = args.iter().copied().filter(|arg| *arg != "--dev").collect();
    let what = ["--package", "sim", "--features", "mutants", "--example", "scoreboard"];
    let build = [profile, &what[..]].concat();
    cargo(&[&["build"], &build[..]].concat(), &[])?;
    cargo(&[&["run", "--quiet"], &build[..], &["--"], &rest[..]].concat(), &[])
}
