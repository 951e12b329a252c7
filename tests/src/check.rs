//! The same input in other ways: what must stay the same does, for all that is here.

use crate::cli::{repository, run};
use sim::check::Asked;
use sim::plan::Backend;
use sim::run::check;
use sim::scenario::{CaptureArg, Overrides, Request, Scenario};

fn assert_same(plan: &sim::plan::Plan, what: &str) {
    let checked = check(plan, Backend::Heap, &Asked::default(), false).unwrap();
    assert!(checked.is_clean(), "{what}:\n{checked}");
    assert_eq!(checked.came.len(), sim::check::RELATIONS.len());
}

#[test]
fn every_scenario_is_the_same_in_other_ways() {
    let scenarios = std::fs::read_dir(repository().join("fixtures/scenarios")).unwrap();
    let mut paths: Vec<_> = scenarios.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let plan = Scenario::load(&path, &Overrides::default()).unwrap().plan;
        assert_same(&plan, &path.display().to_string());
    }
}

#[test]
fn a_real_capture_is_the_same_in_other_ways() {
    let mut request =
        Request::from_file(&repository().join("fixtures/scenarios/demo.toml")).unwrap();
    let path = repository().join("pcaps/router-two-sides.pcapng");
    request.captures.push(CaptureArg { port: None, path });
    assert_same(&request.plan().unwrap().plan, "demo");
}

#[test]
fn the_command_line_checks_a_capture_and_lists_what_it_checks() {
    let capture = "pcaps/router-two-sides.pcapng";
    let done = run(&["check", capture, "--only", "fabric", "--only", "split"]);
    let out = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{out}");
    assert!(out.ends_with("fabric      same\nsplit       same\n"), "{out}");
    let dpdk = ["--backend", "dpdk", "--only", "poison", "--only", "segments"];
    let done = run(&[&["check", capture][..], &dpdk].concat());
    let out = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{out}");
    assert!(out.ends_with("poison      same, 4 times\nsegments    same, 4 times\n"), "{out}");
    let done = run(&["check", "--list"]);
    let out = String::from_utf8(done.stdout).unwrap();
    for relation in sim::check::RELATIONS {
        assert!(out.contains(relation.keeps), "{out}");
    }
}
