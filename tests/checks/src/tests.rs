//! The committed corpus, through every check.

#![expect(clippy::unwrap_used, reason = "a test may say unwrap")]

use super::dataplane::{Script, checked};
use super::{ALL, parse_frame};
use sim::scenario::{Overrides, Scenario};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that the corpus may have in all: it is cloned by everybody.
const MOST: u64 = 300_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

/// The inputs of a target, with their names.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for entry in fs::read_dir(corpus().join(target)).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        inputs.push((name, fs::read(entry.path()).unwrap()));
    }
    inputs.sort();
    inputs
}

#[test]
fn every_input_of_the_corpus_passes_its_check() {
    for (target, check) in ALL {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "{target} has a corpus");
        for (name, bytes) in inputs {
            let passed = std::panic::catch_unwind(|| check(&bytes));
            assert!(passed.is_ok(), "tests/fuzz/corpus/{target}/{name}");
        }
    }
}

#[test]
fn every_folder_of_the_corpus_is_of_a_check_and_all_are_small() {
    let mut bytes = 0;
    for folder in fs::read_dir(corpus()).unwrap().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        assert!(ALL.iter().any(|(target, _)| *target == name), "{name} is no target");
        bytes += inputs(&name).iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    }
    assert!(bytes < MOST, "the corpus has {bytes} bytes");
}

#[test]
fn a_script_and_its_scenario_are_the_same_plan() {
    for (name, bytes) in inputs("dataplane") {
        let script = Script::of(&bytes);
        let overrides = Overrides { faults: script.faults().to_vec(), ..Overrides::default() };
        let read = Scenario::parse(&script.toml(), "fuzzed.toml", Path::new(""), &overrides);
        let read = read.unwrap_or_else(|why| panic!("{name}: {why}")).plan;
        assert_eq!(format!("{read:?}"), format!("{:?}", script.plan()), "{name}");
    }
}

/// A fuzzer steps one script in 64; of the corpus, each that ends soon is.
#[test]
fn every_script_of_the_corpus_that_ends_soon_is_stepped() {
    let mut stepped = 0;
    for (name, bytes) in inputs("dataplane") {
        let passed = std::panic::catch_unwind(|| checked(&bytes, true));
        assert!(passed.is_ok(), "tests/fuzz/corpus/dataplane/{name}");
        stepped += u32::from(Script::of(&bytes).ends_soon());
    }
    assert!(stepped > 50, "only {stepped} of the corpus end soon");
}

/// What is kept between two executions (the plans of the boxes) is no part of what they come to.
#[test]
fn a_script_comes_to_the_same_whatever_ran_before_it() {
    let inputs = inputs("dataplane");
    let digests = |(_, bytes): &(String, Vec<u8>)| {
        let (_, outcome) = checked(bytes, false);
        (outcome.digests, outcome.end, outcome.events)
    };
    let forward: Vec<_> = inputs.iter().map(digests).collect();
    let mut backward: Vec<_> = inputs.iter().rev().map(digests).collect();
    backward.reverse();
    for (at, (name, _)) in inputs.iter().enumerate() {
        assert_eq!(forward[at], backward[at], "{name}");
    }
}

/// As many tags as there is room for, with and without a whole frame below them.
#[test]
fn a_frame_of_tags_alone_is_taken_apart_to_its_end() {
    let mut frame = vec![2; 12];
    for _ in 0..400 {
        frame.extend([0x81, 0, 0, 100]);
        for rest in [&[][..], &[8, 0], &[8, 6, 0, 1], &[0x81]] {
            let whole = [&frame, rest].concat();
            parse_frame::check(&whole);
        }
    }
}
