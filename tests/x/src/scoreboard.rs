//! `cargo x scoreboard`: how many planted defects the oracles find.
//!
//! Not here: the defects (`dataplane/src/planted.rs`), the course that each is sent over
//! (`sim/src/scoreboard.rs`), the table (`sim/examples/scoreboard.rs`).

use super::{Stop, cargo, say, setup};

const HELP: &str = "\
cargo x scoreboard [--seeds N] [--every N] [--only NAME]... [--json]

Builds the dataplane with the feature `mutants`, which no normal build has, plants one defect after
the other, and runs each through fixtures/small and fixtures/scenarios: plain, with every idle tick
stepped, with each call failing once, and under some seeds. It shows which oracle found it, where
first, after how many runs and milliseconds, and whether a digest would have shown it.

  --seeds N    seeds for each scenario; 20
  --every N    only every so manieth call of each kind fails; 1
  --only NAME  only this defect; may be given more than once
  --json       for machines: one object a line, without times, to the standard output

Exit codes: 0 the table was made, whatever was found; 1 an oracle said something although there was no
defect; 2 no such defect; 3 a scenario could not be run.

  cargo x scoreboard --only ttl-less --only held-reversed
";

pub(super) fn run(args: &[&str]) -> Result<(), Stop> {
    if let ["help" | "-h" | "--help", ..] = args {
        print!("{HELP}");
        return Ok(());
    }
    setup::run()?;
    say("building lockstep with defects that can be planted");
    let build =
        ["--release", "--package", "sim", "--features", "mutants", "--example", "scoreboard"];
    cargo(&[&["build"], &build[..]].concat(), &[])?;
    cargo(&[&["run", "--quiet"], &build[..], &["--"], args].concat(), &[])
}
