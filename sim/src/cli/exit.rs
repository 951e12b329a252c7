//! The exit codes, in one place. `--help` lists them, and a test pins each.

/// All is well.
pub const OK: u8 = 0;
/// Something was found: a difference, or a broken invariant.
pub const FOUND: u8 = 1;
/// The command line or the scenario is wrong.
pub const USAGE: u8 = 2;
/// The environment does not let it: no DPDK, an unreadable input, an unwritable output.
pub const ENVIRONMENT: u8 = 3;
/// A bundle does not do what it says: not the same failure, and not none.
pub const OTHERWISE: u8 = 4;
/// Ctrl-C: what was written is complete up to there.
pub const INTERRUPTED: u8 = 130;

/// The codes as `--help` shows them.
pub(super) const HELP: &str = "\
Exit codes:
    0  all is well
    1  something was found: a difference, or a broken invariant
    2  the command line or the scenario is wrong
    3  the environment does not let it: no DPDK, an unreadable input, an unwritable output
    4  a bundle does something else than it says (repro, shrink)
  130  interrupted (Ctrl-C); what was written is complete up to that event";
