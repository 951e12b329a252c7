//! Swarms of small scenarios: what is tried, in which order, and what it comes to.

use super::*;
use crate::fabric::HeapFabric;
use crate::plan::Timing;
use crate::scenario::{CaptureArg, Overrides, Request};
use crate::trial::trial;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;

fn scenario(name: &str, overrides: Overrides) -> Request {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios").join(name);
    Request { overrides, ..Request::from_file(&path).unwrap() }
}

fn scene(name: &str) -> Scene {
    let plan = scenario(name, Overrides::default()).plan().unwrap().plan;
    let name = name.trim_end_matches(".toml");
    let (pace, never) = (Pace::Skip, AtomicBool::new(false));
    Scene::new(name, &plan, pace, &never, &mut HeapFabric::new()).unwrap().unwrap()
}

/// What is tried, and by how many workers.
struct Tries<'a> {
    scenes: &'a [Scene],
    seeds: &'a str,
    shard: &'a str,
    known: BTreeSet<(usize, u64)>,
    until_stable: Option<u64>,
    workers: usize,
    /// Set when so many lines were taken.
    interrupt_after: usize,
}

impl<'a> Tries<'a> {
    fn new(scenes: &'a [Scene], seeds: &'a str) -> Tries<'a> {
        let (shard, known) = ("1/1", BTreeSet::new());
        let (until_stable, workers, interrupt_after) = (None, 1, usize::MAX);
        Tries { scenes, seeds, shard, known, until_stable, workers, interrupt_after }
    }

    fn run(&self) -> (String, Swarmed) {
        let interrupted = AtomicBool::new(false);
        let again = |scene: usize, seed: u64, _: &[Fault]| format!("scene {scene}, seed {seed}");
        let it = Swarm {
            scenes: self.scenes,
            seeds: self.seeds.parse().unwrap(),
            shard: self.shard.parse().unwrap(),
            known: &self.known,
            pace: Pace::Skip,
            build: "test",
            until_stable: self.until_stable,
            interrupted: &interrupted,
            again: &again,
        };
        let (mut text, mut lines) = (String::new(), 0);
        let mut told = |line: &Line, _: &Summary| -> Result<bool, RunError> {
            text.push_str(&line.text());
            lines += 1;
            if lines == self.interrupt_after {
                interrupted.store(true, Ordering::Relaxed);
            }
            Ok(true)
        };
        let before = Summary::default();
        let swarmed = match self.workers {
            1 => swarm(&it, before, &mut HeapFabric::new(), &mut told),
            workers => swarm_in_parallel(&it, before, workers, &mut told),
        };
        (text, swarmed.unwrap())
    }
}

fn merged(texts: &[String]) -> String {
    let mut merged = Merged::default();
    for line in texts.iter().flat_map(|text| text.lines()) {
        merged.add(&serde_json::from_str(line).unwrap());
    }
    assert_eq!(merged.differing().count(), 0);
    merged.texts().collect()
}

#[test]
fn a_plan_with_another_seed_is_what_is_read_with_that_seed() {
    for name in ["all-roles.toml", "router.toml", "control.toml"] {
        let mut plan = scenario(name, Overrides::default()).plan().unwrap().plan;
        let overrides = Overrides { seed: Some(77), ..Overrides::default() };
        let read = scenario(name, overrides).plan().unwrap().plan;
        assert_ne!(format!("{plan:?}"), format!("{read:?}"));
        plan.reseed(77);
        assert_eq!(format!("{plan:?}"), format!("{read:?}"));
    }
}

#[test]
fn captures_in_memory_give_the_same_run() {
    let pcap = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/router-two-sides.pcapng");
    let capture = CaptureArg { port: None, path: pcap };
    let demo = Request {
        captures: vec![capture],
        ..scenario(
            "demo.toml",
            Overrides { timing: Some(Timing::Recorded), ..Overrides::default() },
        )
    };
    for request in [scenario("all-roles.toml", Overrides::default()), demo] {
        let plan = request.plan().unwrap().plan;
        let mut in_memory = plan.clone();
        source::in_memory(&mut in_memory).unwrap();
        let captures = |plan: &Plan| {
            plan.inputs.iter().filter(|input| matches!(input.source, Source::Capture(_))).count()
        };
        assert_eq!((captures(&plan), captures(&in_memory)), (2, 0), "{}", request.file);
        let digests = |plan| {
            let verdict = trial(plan, Trying::default(), &mut HeapFabric::new(), ()).unwrap();
            verdict.outcome().unwrap().digests.clone()
        };
        assert_eq!(digests(&plan), digests(&in_memory), "{}", request.file);
    }
}

#[test]
fn workers_make_no_difference() {
    let scenes = [scene("fragments.toml"), scene("router.toml")];
    let tries = Tries::new(&scenes, "5..45");
    let (one, swarmed) = tries.run();
    assert_eq!((swarmed.tried, swarmed.stopped), (80, Stopped::Through));
    assert_eq!(one.lines().count(), 80);
    for workers in [2, 3, 7, 100] {
        let (text, other) = Tries { workers, ..Tries::new(&scenes, "5..45") }.run();
        assert!(text == one, "{workers} workers");
        assert_eq!(other.summary, swarmed.summary);
    }
}

#[test]
fn shards_put_together_are_the_whole() {
    let scenes = [scene("fragments.toml"), scene("router.toml")];
    let (whole, _) = Tries::new(&scenes, "0..400").run();
    let shard = |shard| Tries { shard, ..Tries::new(&scenes, "0..400") }.run().0;
    let shards = ["1/4", "2/4", "3/4", "4/4"].map(shard);
    let lines: usize = shards.iter().map(|text| text.lines().count()).sum();
    assert!(lines > 800, "none was tried twice");
    assert!(merged(&shards) == whole);
}

#[test]
fn what_is_known_is_not_tried_again() {
    let scenes = [scene("router.toml")];
    let (whole, _) = Tries::new(&scenes, "0..30").run();
    let known = BTreeSet::from([(0, 0), (0, 7), (0, 29)]);
    let (rest, swarmed) = Tries { known, ..Tries::new(&scenes, "0..30") }.run();
    assert_eq!(swarmed.tried, 27);
    let missing: Vec<&str> = whole.lines().filter(|line| !rest.contains(line)).collect();
    assert_eq!(missing.len(), 3);
    assert!(missing[1].contains("\"unit\":7,"), "{}", missing[1]);
}

#[test]
fn an_interruption_keeps_what_was_tried() {
    let scenes = [scene("router.toml")];
    let (whole, _) = Tries::new(&scenes, "0..600").run();
    for workers in [1, 3] {
        let tries = Tries { workers, interrupt_after: 20, ..Tries::new(&scenes, "0..600") };
        let (text, swarmed) = tries.run();
        assert_eq!(swarmed.stopped, Stopped::Interrupted);
        assert_eq!(swarmed.summary.units(), swarmed.tried);
        assert!(swarmed.tried >= 20);
        assert!(text.lines().all(|line| whole.contains(line)));
    }
}

#[test]
fn a_swarm_that_reaches_nothing_new_stops_if_it_is_to() {
    let scenes = [scene("router.toml")];
    let stopped =
        |workers| Tries { until_stable: Some(40), workers, ..Tries::new(&scenes, "0..5000") }.run();
    let (text, swarmed) = stopped(1);
    assert_eq!(swarmed.stopped, Stopped::Stable);
    // The last seed that reached something new, and 40 that did not.
    assert_eq!(swarmed.tried, swarmed.summary.new_until().unwrap() + 1 + 40);
    assert!(stopped(3).0 == text);
}

#[test]
fn of_a_scenario_that_is_broken_anyway_no_unit_is_run() {
    let mut scene = scene("router.toml");
    let said = Said { oracle: "packets".to_owned(), why: "not conserved: in 3".to_owned() };
    scene.reach = Err(vec![said.clone()]);
    assert_eq!(scene.broken(), Some(&[said][..]));
    let scenes = [scene];
    let (text, swarmed) = Tries::new(&scenes, "0..3").run();
    assert!(swarmed.summary.is_broken());
    assert_eq!(text.matches("\"status\":\"skip\",\"trace\":null,\"events\":0,").count(), 3);
}

#[test]
fn the_digest_of_an_input_is_of_all_but_the_seed() {
    let plan = |overrides| scenario("router.toml", overrides).plan().unwrap().plan;
    let of = |overrides| digest(&plan(overrides)).unwrap();
    let same = of(Overrides::default());
    assert_eq!(of(Overrides { seed: Some(3), ..Overrides::default() }), same);
    assert_eq!(same, scene("router.toml").input);
    let until = Some(dataplane::Nanos::from_secs(3));
    assert_ne!(of(Overrides { until, ..Overrides::default() }), same);
    let faults = vec!["alloc:1".parse().unwrap()];
    assert_ne!(of(Overrides { faults, ..Overrides::default() }), same);
}

#[test]
fn what_is_reached_is_on_the_list_of_what_can_be() {
    let scenes = [scene("all-roles.toml"), scene("fragments.toml")];
    let (text, swarmed) = Tries::new(&scenes, "0..25").run();
    assert!(!swarmed.summary.is_broken(), "{}", swarmed.summary);
    let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
    let reached: BTreeSet<String> = lines.flat_map(|line| line.coverage).collect();
    let all = reachable();
    for kind in ["drop", "counter", "msg", "reasm", "order", "fault", "neigh"] {
        let of_kind = |word: &&String| word.split_once(':').is_some_and(|(k, _)| k == kind);
        assert!(reached.iter().any(|word| of_kind(&word)), "no {kind}");
        let listed = all.iter().filter(of_kind).count();
        // Of some kinds not all that there is can be listed.
        let free = matches!(kind, "order" | "fault" | "neigh");
        let unlisted: Vec<_> =
            reached.iter().filter(of_kind).filter(|w| !all.contains(*w)).collect();
        assert!(free || listed > 4 && unlisted.is_empty(), "{unlisted:?}");
    }
}
