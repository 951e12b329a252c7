use super::*;
use crate::scenario::Request;
use std::path::Path;

/// A scene of fixtures/small.
fn scene(name: &str) -> Scene {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/small");
    let file = folder.join(format!("{name}.toml"));
    Scene::of(Request::from_file(&file).unwrap()).unwrap()
}

#[test]
fn a_packet_that_is_not_freed_is_found_and_without_a_defect_nothing_is() {
    let course = Course::new(vec![scene("hosts")], 1, 2).unwrap();
    assert!(course.alarms().is_empty(), "{:?}", course.alarms());
    let row = course.run(Defect::FreeForgotten).unwrap();
    assert!(row.oracles().contains(&"pool"), "{row:?}");
    let (_, at) = row.found.unwrap();
    assert_eq!((at.at.as_str(), at.runs), ("hosts plain", 1));
}

#[test]
fn what_no_oracle_can_know_is_seen_by_its_digest_alone() {
    let course = Course::new(vec![scene("hosts")], 1, 0).unwrap();
    let row = course.run(Defect::ArpForAnyone).unwrap();
    let seen = row.digest.map(|at| at.at);
    assert_eq!(seen.as_deref(), Some("hosts plain"));
}

#[test]
fn a_defect_that_nothing_reaches_is_neither_found_nor_seen() {
    let course = Course::new(vec![scene("hosts")], 1, 2).unwrap();
    let row = course.run(Defect::TagWrongVid).unwrap();
    assert!(row.found.is_none() && row.digest.is_none());
    assert_eq!(row.runs, course.runs() as u64, "all of it was tried");
}

#[test]
fn what_shows_a_defect_is_made_smaller_with_the_defect_in_it() {
    let course = Course::new(vec![scene("hosts")], 1, 0).unwrap();
    let row = course.run(Defect::FreeForgotten).unwrap();
    let smallest = course.smallest(&row, 500).unwrap().unwrap();
    let (size, oracle) = (smallest.size, smallest.oracle);
    assert_eq!((size.frames, size.faults), (1, 0), "one packet whose TTL runs out, by {oracle}");
    assert!(!smallest.stopped && smallest.runs > 1, "{} runs", smallest.runs);
    assert!(smallest.alarms.is_empty(), "{:?}", smallest.alarms);
    assert!(course.smallest(&row, 1).unwrap().unwrap().stopped, "only the run as it is");

    let nothing = course.run(Defect::TagWrongVid).unwrap();
    assert!(course.smallest(&nothing, 500).unwrap().is_none(), "nobody found it");
}
