//! Many seeds, as a user tries them: sharded, stopped and gone on with, merged, and had again.

use crate::cli::{folder, run};
use std::path::Path;
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `lockstep swarm` over the router, with its results in `out`.
fn swarm(out: &Path, words: &str) -> Output {
    let words = format!("swarm fixtures/scenarios/router.toml {words} --out {}", out.display());
    run(&words.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn shards_that_are_merged_are_one_run_byte_for_byte() {
    let dir = folder("swarm-shards");
    let whole = dir.join("whole.jsonl");
    let done = swarm(&whole, "--seeds 0..300 --jobs 2");
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(text(&done.stderr), "shard 1/1: 300 seeds\n");
    let summary = text(&done.stdout);
    let mut arguments = vec!["merge".to_owned()];
    for shard in 1..=4 {
        let out = dir.join(format!("r.{shard}.jsonl"));
        assert!(swarm(&out, &format!("--seeds 0..300 --shard {shard}/4")).status.success());
        arguments.push(out.display().to_string());
    }
    let merged = dir.join("merged.jsonl");
    arguments.extend(["--out".to_owned(), merged.display().to_string()]);
    let done = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(text(&done.stdout), summary);
    assert_eq!(std::fs::read(&whole).unwrap(), std::fs::read(&merged).unwrap());
}

#[test]
fn a_run_that_was_killed_is_gone_on_with() {
    let dir = folder("swarm-resume");
    let (whole, cut) = (dir.join("whole.jsonl"), dir.join("cut.jsonl"));
    let all = swarm(&whole, "--seeds 0..60");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let done = swarm(&cut, "--seeds 0..60");
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("is already there; --resume goes on with it"));
    let done = swarm(&cut, "--seeds 0..60 --resume");
    let err = text(&done.stderr);
    assert!(err.contains("the last line was cut short, and is cut off"), "{err}");
    assert!(err.contains("units are there already"), "{err}");
    assert_eq!(std::fs::read(&cut).unwrap(), bytes);
    assert_eq!(done.stdout, all.stdout);
}

#[test]
fn a_failure_can_be_had_again() {
    let dir = folder("swarm-again");
    let out = dir.join("r.jsonl");
    let bundles = dir.join("bundles");
    let words = "--seeds 0..40 --fail-on event:fault,kind=ring --bundles";
    let done = swarm(&out, &format!("{words} {}", bundles.display()));
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stderr));
    let summary = text(&done.stdout);
    let again = summary.lines().find_map(|line| line.split_once("have it again: lockstep "));
    let (_, again) = again.expect(&summary);
    assert!(again.contains("--fault ring:"), "{again}");
    let done = run(&again.split_whitespace().collect::<Vec<_>>());
    assert_eq!(done.status.code(), Some(1), "{again}: {}", text(&done.stderr));
    let (seed, _) = again.split_once("--seed ").unwrap().1.split_once(' ').unwrap();
    let bundle = bundles.join(format!("router-seed-{seed}.lockstep")).display().to_string();
    let done = run(&["repro", &bundle]);
    assert_eq!(done.status.code(), Some(1), "{}{}", text(&done.stdout), text(&done.stderr));
    let line = std::fs::read_to_string(&out).unwrap();
    let line = line.lines().find(|line| line.contains(&format!("\"unit\":{seed},"))).unwrap();
    let (_, trace) = line.split_once("\"trace\":\"").unwrap();
    let bundle = std::fs::read_to_string(bundle).unwrap();
    assert!(bundle.contains(&format!("digest = \"{}\"", &trace[..16])), "{bundle}");
}

#[test]
fn both_fabrics_come_to_the_same() {
    let dir = folder("swarm-fabrics");
    let outs = ["heap", "dpdk"].map(|backend| {
        let out = dir.join(backend);
        let done = swarm(&out, &format!("--seeds 0..25 --backend {backend}"));
        assert!(done.status.success(), "{}", text(&done.stderr));
        std::fs::read(&out).unwrap()
    });
    assert_eq!(outs[0], outs[1]);
    let done = swarm(&dir.join("two"), "--seeds 0..25 --backend dpdk --jobs 2");
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("DPDK runs once in a process"));
}
