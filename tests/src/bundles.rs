//! A failure becomes a file, and the file its smallest case: as a user meets it.

use crate::cli::{files, folder, repository, run};
use insta::assert_snapshot;
use sim::bundle::Bundle;
use sim::fabric::HeapFabric;
use sim::scenario::{Overrides, Scenario};
use sim::trial::{Trying, trial};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

const DEMO: [&str; 5] = [
    "replay",
    "pcaps/router-two-sides.pcapng",
    "-c",
    "fixtures/scenarios/demo.toml",
    "--backend=heap",
];

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A bundle of the demo, which fails on a packet that is too large for its way.
fn bundle(dir: &Path) -> PathBuf {
    let path = dir.join("demo.lockstep");
    let to = path.to_str().unwrap();
    let asked = ["--fail-on", "drop:fragmentation_needed", "--bundle", to];
    let output = run(&[&DEMO[..], &asked].concat());
    assert_eq!(code(&output), 1, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told(&output).contains("`lockstep repro "), "{}", told(&output));
    path
}

/// What `lockstep repro` says of a bundle with this text: the exit code, and in words.
fn repro(dir: &Path, text: &str) -> (i32, String) {
    let path = dir.join("again.lockstep");
    fs::write(&path, text).unwrap();
    let output = run(&["repro", path.to_str().unwrap()]);
    let words = told(&output) + &String::from_utf8_lossy(&output.stderr);
    (code(&output), words.replace(path.to_str().unwrap(), "again.lockstep"))
}

#[test]
fn a_bundle_has_the_same_failure_again_and_its_exit_code() {
    let dir = folder("bundle-same");
    let text = fs::read_to_string(bundle(&dir)).unwrap();
    let (code, words) = repro(&dir, &text);
    assert_eq!(code, 1);
    let digest = text.split("digest = \"").nth(1).unwrap().split('"').next().unwrap();
    assert_snapshot!(words.replace(digest, "(digest)"), @"
    again.lockstep: the same failure
            asked: drop:fragmentation_needed, once, first at 2.216978250 s, packet 76
    trace (digest)
    run on heap
    ");
}

#[test]
fn a_bundle_that_does_something_else_says_what() {
    let dir = folder("bundle-else");
    let text = fs::read_to_string(bundle(&dir)).unwrap();
    let gone = text.replace("fail-on = [\"drop:fragmentation_needed\"]", "");
    let (code, words) = repro(&dir, &gone);
    assert!(code == 0 && words.contains("GONE: what was wrong is not wrong any more"), "{words}");
    let other = text.replace("first at 2.2", "first at 1.2");
    let (code, words) = repro(&dir, &other);
    assert!(code == 4 && words.contains("DIFFERENT: it fails by the same oracle"), "{words}");
    let other = text.replace("oracle = \"asked\"", "oracle = \"pool\"");
    let (code, words) = repro(&dir, &other);
    assert!(code == 4 && words.contains("DIFFERENT: something else is wrong"), "{words}");
    assert!(words.contains("then  pool: drop:") && words.contains("now   asked: drop:"), "{words}");
    let other = text.replace("format = 1", "format = 7");
    let (code, words) = repro(&dir, &other);
    assert!(code == 2 && words.contains("is a bundle of format 7"), "{words}");
    let other = text.replace("lockstep = \"", "lockstep = \"0.0.0-");
    let (code, words) = repro(&dir, &other);
    assert!(code == 1 && words.contains("made by Lockstep 0.0.0-"), "{words}");
}

#[test]
fn a_bundle_of_a_run_that_holds_expects_the_same() {
    let dir = folder("bundle-holds");
    let path = dir.join("holds.lockstep");
    let to = ["--bundle", path.to_str().unwrap()];
    assert_eq!(code(&run(&[&DEMO[..], &to].concat())), 0);
    assert!(!path.exists(), "nothing is wrong, and nobody wants it always");
    assert_eq!(code(&run(&[&DEMO[..], &to, &["--bundle-always"]].concat())), 0);
    let text = fs::read_to_string(&path).unwrap();
    let (code, words) = repro(&dir, &text);
    assert!(code == 0 && words.contains("the same: it holds, as it did"), "{words}");
    let (code, words) = repro(&dir, &text.replace("mtu = 1400", "mtu = 1401"));
    assert!(code == 4 && words.contains("but not the same happens"), "{words}");
    let (code, words) =
        repro(&dir, &text.replace("scenario =", "fail-on = [\"event:tx\"]\nscenario ="));
    assert!(code == 4 && words.contains("it held, and does not any more"), "{words}");
    let output = run(&["shrink", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_a_bundle_leaves_is_what_the_run_left() {
    let dir = folder("bundle-files");
    let (was, is) = (dir.join("was"), dir.join("is"));
    let path = dir.join("holds.lockstep");
    let (to, out) = (path.to_str().unwrap(), was.to_str().unwrap());
    run(&[&DEMO[..], &["--bundle-always", "--bundle", to, "--out", out]].concat());
    let output = run(&["repro", to, "--out", is.to_str().unwrap()]);
    assert_eq!(code(&output), 0);
    // The scenario is another one, and so what is said of its inputs.
    for name in ["events.jsonl", "out.pcapng", "ticks.txt", "counters.txt"] {
        let read = |dir: &Path| fs::read(dir.join(name)).unwrap();
        assert!(read(&was) == read(&is), "{name}");
    }
    assert_eq!(code(&run(&["verify", is.to_str().unwrap()])), 0);
}

#[test]
fn the_smallest_case_of_the_demo_is_one_packet_of_one_byte_too_much() {
    let dir = folder("bundle-shrink");
    let path = bundle(&dir);
    let small = dir.join("small.lockstep");
    let (from, to) = (path.to_str().unwrap(), small.to_str().unwrap());
    let output = run(&["shrink", from, "-o", to]);
    assert_eq!(code(&output), 0);
    let words = told(&output).replace(dir.to_str().unwrap(), "DIR");
    assert_snapshot!(words, @"
    DIR/demo.lockstep: asked: drop:fragmentation_needed, once, first at 2.216978250 s, packet 76

                           before          after
    frames                     65              1
    bytes                   26956           1415
    faults                      0              0
    lcores                      3              2
    tables                      3              2
    virtual time    5.438000514 s  0.000000011 s

    61 runs; 11 candidates seen before, 12 that make no plan
    confirmed on heap: asked: drop:fragmentation_needed, once, first at 0.000000010 s, packet 1
    the smallest case is DIR/small.lockstep: `lockstep repro DIR/small.lockstep` has it again
    ");
    let text = fs::read_to_string(&small).unwrap();
    assert!(text.contains("# icmp 198.51.100.7 > 192.0.2.9 echo request"), "{text}");
    assert!(text.contains("len 1373 DF"), "20 + 8 + 1373 is 1401: {text}");
    assert_eq!(code(&run(&["repro", to])), 1);
    let again = dir.join("again.lockstep");
    run(&["shrink", from, "-o", again.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&again).unwrap(), text, "the same smallest case each time");
    let part = run(&["shrink", from, "--runs", "9"]);
    assert!(told(&part).contains("stopped: this is the smallest so far"), "{}", told(&part));
    assert_eq!(code(&run(&["repro", dir.join("demo.small.lockstep").to_str().unwrap()])), 1);
}

#[test]
fn in_a_bundle_no_frame_of_a_peer_is_lost_by_chance() {
    let dir = folder("bundle-losses");
    let path = dir.join("peers.lockstep");
    let path = path.to_str().unwrap();
    let asked = ["--backend=heap", "--fail-on=event:fault,kind=deaf", "--bundle", path];
    let output = run(&[&["run", "fixtures/scenarios/peers.toml"][..], &asked].concat());
    assert_eq!(code(&output), 1, "{}", told(&output));
    let bundle = Bundle::read(Path::new(path)).unwrap();
    assert!(!bundle.text().contains("loss ="), "{}", bundle.text());
    let of = |word: &str| bundle.case.faults.iter().filter(|fault| fault.word() == word).count();
    assert!(of("mute") > 0 && of("deaf") > 0, "{:?}", bundle.case.faults);
    // It is the same run: `loss` itself loses the same frames.
    let plan =
        Scenario::load(&repository().join("fixtures/scenarios/peers.toml"), &Overrides::default());
    let verdict =
        trial(&plan.unwrap().plan, Trying::default(), &mut HeapFabric::new(), ()).unwrap();
    let digest = verdict.outcome().map(|outcome| outcome.digests.trace.to_string());
    assert_eq!(bundle.digest, digest);
    assert_eq!(code(&run(&["repro", path])), 1);
    let small = dir.join("small.lockstep");
    run(&["shrink", path, "-o", small.to_str().unwrap()]);
    let small = Bundle::read(&small).unwrap();
    assert_eq!(small.case.faults.len(), 1, "one loss is enough: {:?}", small.case.faults);
}

#[test]
fn a_sweep_leaves_a_bundle_of_each_finding() {
    let dir = folder("bundle-sweep").join("found");
    let sweep = ["sweep", "fixtures/scenarios/router.toml", "--backend=heap", "--kind=alloc"];
    let asked = ["--fail-on=drop:rx_no_buffer", "--bundles", dir.to_str().unwrap()];
    let output = run(&[&sweep[..], &asked].concat());
    assert_eq!(code(&output), 1);
    let found = files(&dir);
    assert!(!found.is_empty());
    let words = format!("{} bundles are in", found.len());
    assert!(told(&output).contains(&words), "{}", told(&output));
    let (name, _) = &found[0];
    assert!(name.starts_with("router-alloc-") && name.ends_with(".lockstep"), "{name}");
    assert_eq!(code(&run(&["repro", dir.join(name).to_str().unwrap()])), 1);
}

#[test]
fn what_is_exported_is_complete() {
    let dir = folder("bundle-export");
    let path = bundle(&dir);
    let (from, small) = (path.to_str().unwrap(), dir.join("too-large.lockstep"));
    run(&["shrink", from, "-o", small.to_str().unwrap()]);
    let small = small.to_str().unwrap();
    let tests = dir.join("tests");
    assert_eq!(code(&run(&["export", small, "--test", tests.to_str().unwrap()])), 0);
    let names: Vec<String> = files(&tests).into_iter().map(|(name, _)| name).collect();
    let expected = ["too_large.lockstep", "too_large.rs", "too_large.sh", "too_large.toml"];
    assert_eq!(names, expected);
    assert_snapshot!(fs::read_to_string(tests.join("too_large.rs")).unwrap(), @r#"
    //! Exported by `lockstep export`.
    //! What was wrong: asked: drop:fragmentation_needed, once, first at 0.000000010 s, packet 1

    use sim::fabric::HeapFabric;
    use sim::scenario::{Overrides, Request};
    use sim::trial::{Trying, trial};

    #[test]
    fn too_large() {
        let overrides = Overrides {
            asked: ["drop:fragmentation_needed"].map(|word| word.parse().unwrap()).to_vec(),
            ..Overrides::default()
        };
        let scenario = include_str!("too_large.toml").to_owned();
        let file = "too_large.toml".to_owned();
        let request = Request { file, scenario, overrides, ..Request::default() };
        let plan = request.plan().unwrap().plan;
        let trying = Trying::default();
        let verdict = trial(&plan, trying, &mut HeapFabric::new(), ()).unwrap();
        insta::assert_debug_snapshot!(verdict.breaches, @"[]");
    }
    "#);
    assert_snapshot!(fs::read_to_string(tests.join("too_large.sh")).unwrap(), @r#"
    #!/bin/sh
    # 0: what was wrong is not wrong any more (or the run holds, as it did). Else it is.
    exec "${LOCKSTEP:-lockstep}" repro --backend heap "$(dirname "$0")/too_large.lockstep"
    "#);
    let toml = tests.join("too_large.toml");
    let toml = toml.to_str().unwrap();
    let asked = "--fail-on=drop:fragmentation_needed";
    assert_eq!(code(&run(&["run", toml, "--backend=heap", asked])), 1);
    let again = run(&["export", small, "--test", tests.to_str().unwrap()]);
    assert_eq!(code(&again), 2, "what is there stays");
    let pcap = dir.join("bench.pcapng");
    let pcap = pcap.to_str().unwrap();
    assert_eq!(code(&run(&["export", small, "--pcap", pcap])), 0);
    let decoded = told(&run(&["decode", pcap]));
    assert!(decoded.contains("lan") && decoded.contains("echo request id 6427"), "{decoded}");
    let script = told(&run(&["export", small, "--scapy", "-"]));
    let frame = script.lines().position(|line| line.contains("(0, \"lan\", \"0200000000"));
    assert!(frame.is_some() && script.contains("from scapy.all import"), "{script}");
}

/// The test that was exported of a bundle that holds is one of ours: it compiles, and passes.
#[test]
fn an_exported_test_is_what_we_have() {
    let dir = folder("bundle-exported");
    let ours = repository().join("tests/src/exported");
    let path = dir.join("held.lockstep");
    let path = path.to_str().unwrap();
    let toml = ours.join("held.toml");
    let scenario = toml.to_str().unwrap();
    let to = ["--backend=heap", "--bundle-always", "--bundle", path];
    assert_eq!(code(&run(&[&["run", scenario], &to[..]].concat())), 0);
    // Of a trace that has changed the digest is mended in place, as of any snapshot.
    let masked = |text: &str| {
        let start = text.find("assert_snapshot!(trace").unwrap();
        text[..start].to_owned()
    };
    let made = told(&run(&["export", path, "--test", "-"]));
    let has = fs::read_to_string(ours.join("held.rs")).unwrap();
    assert_eq!(masked(&made), masked(&has));
    let tests = dir.join("tests");
    run(&["export", path, "--test", tests.to_str().unwrap()]);
    let exported = fs::read_to_string(tests.join("held.toml")).unwrap();
    assert_eq!(exported, fs::read_to_string(toml).unwrap());
}
