//! What must hold of any bytes: each check takes bytes and panics if something is wrong.
//!
//! A fuzz target (`tests/fuzz`) is one line around one of these functions. A plain test runs each of
//! them over the committed corpus, so that what was found once is tried on every machine, without
//! libFuzzer.
//!
//! Invariant: a check depends on its bytes alone, and its cost is bounded by their length. Not here:
//! mutating, measuring coverage, keeping a corpus (`cargo x fuzz`).

#![forbid(unsafe_code)]

pub mod arp;
pub mod ipv4_options;
pub mod parse_frame;
pub mod reassembly;

#[cfg(feature = "sim")]
pub mod capture_file;
#[cfg(feature = "sim")]
pub mod control_message;
#[cfg(feature = "sim")]
pub mod dataplane;
#[cfg(feature = "sim")]
pub mod scenario_toml;

#[cfg(all(test, feature = "sim"))]
mod tests;

/// A check.
pub type Check = fn(&[u8]);

/// Every check by the name of its fuzz target and of its folder in the corpus.
#[cfg(feature = "sim")]
pub const ALL: [(&str, Check); 8] = [
    ("arp", arp::check),
    ("capture_file", capture_file::check),
    ("control_message", control_message::check),
    ("dataplane", dataplane::check),
    ("ipv4_options", ipv4_options::check),
    ("parse_frame", parse_frame::check),
    ("reassembly", reassembly::check),
    ("scenario_toml", scenario_toml::check),
];

/// The longest header that is emitted: IPv4's with all its options.
const HEADER_MAX: usize = 60;

/// `emit` writes `expected`, with nothing before or behind.
#[track_caller]
fn emits(expected: &[u8], emit: impl FnOnce(&mut [u8])) {
    const BEHIND: usize = 8;
    let len = expected.len();
    let mut room = [0xa5; HEADER_MAX + BEHIND];
    let out = &mut room[..len + BEHIND];
    emit(out);
    assert_eq!(out[..len], *expected);
    assert!(out[len..].iter().all(|byte| *byte == 0xa5), "emit wrote behind its header");
}
