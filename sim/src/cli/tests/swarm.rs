//! `lockstep swarm` and `lockstep merge`, without a dataplane behind them.

use super::*;
use crate::swarm::{Line, SCHEMA, Status};

fn searched(folder: &Folder, words: &str) -> (Vec<Job>, Search, String) {
    let done = folder.lockstep(words);
    assert_eq!((done.code, done.out.as_str()), (exit::OK, "the report\n"), "{}", done.err);
    let (jobs, search) = done.notes.swarmed.unwrap();
    (jobs, search, done.err)
}

#[test]
fn a_swarm_is_asked_for_with_its_seeds() {
    let folder = Folder::new("swarm");
    let (jobs, search, err) = searched(&folder, "swarm @box.toml @both.pcapng --seeds 0..1_000");
    assert_eq!(err, "shard 1/1: 1,000 seeds\n");
    assert_eq!((jobs.len(), jobs[0].backend), (1, Backend::Heap));
    assert_eq!(jobs[0].scenario.plan.inputs.len(), 2);
    assert_eq!(
        search,
        Search {
            seeds: "0..1000".parse().unwrap(),
            shard: "1/1".parse().unwrap(),
            jobs: 1,
            time_budget: None,
            until_stable: None,
            out: None,
            resume: false,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            bundles: None,
        }
    );
    let words = "swarm @box.toml --seeds 5..9 --shard 2/3 --jobs 4 --time-budget 55m \
                 --until-stable 7 --out @r.jsonl --resume --build abc --bundles @b --backend dpdk --fault tx:1";
    let (jobs, search, err) = searched(&folder, words);
    assert_eq!(err, "shard 2/3: 1 seeds, and 1 in 100 of another shard's, to compare\n");
    assert_eq!(jobs[0].backend, Backend::Dpdk);
    assert_eq!(jobs[0].request.overrides.options(), " --fault tx:1");
    assert_eq!((search.jobs, search.until_stable, search.resume), (4, Some(7), true));
    assert_eq!(search.time_budget, Some(Nanos::from_secs(55 * 60)));
    assert_eq!((search.build, search.bundles), ("abc".to_owned(), Some(folder.0.join("b"))));
}

#[test]
fn the_options_of_a_request_are_read_as_they_are_written() {
    let folder = Folder::new("swarm-options");
    let options = " --seed 3 --until 10s --snapped drop --timing gap=5us --ours 192.0.2.1 \
                   --fault alloc:1 --fault tx:2-9 --fail-on drop:ttl_exceeded";
    let done = folder.lockstep(&format!("run @box.toml{options}"));
    assert_eq!(done.code, exit::OK, "{}", done.err);
    assert_eq!(done.notes.job.unwrap().request.overrides.options(), options);
}

#[test]
fn a_folder_is_all_its_scenarios_by_name() {
    let folder = Folder::new("swarm-folder");
    for (file, name) in [("a.toml", "second"), ("z.toml", "first")] {
        fs::write(folder.0.join(file), format!("name = \"{name}\"\n{SCENARIO}")).unwrap();
    }
    let (jobs, ..) = searched(&folder, "swarm @ --seeds 0..10");
    let names: Vec<&str> = jobs.iter().map(|job| job.scenario.name.as_str()).collect();
    assert_eq!(names, ["box", "first", "second"]);
    fs::write(folder.0.join("b.toml"), format!("name = \"first\"\n{SCENARIO}")).unwrap();
    let done = folder.lockstep("swarm @ --seeds 0..10");
    assert_eq!(done.code, exit::USAGE);
    assert!(done.err.contains("@b.toml and @z.toml are both called \"first\""), "{}", done.err);
    fs::create_dir(folder.0.join("empty")).unwrap();
    let done = folder.lockstep("swarm @empty --seeds 0..10");
    assert_eq!(done.code, exit::USAGE);
    assert!(done.err.contains("has no scenario: no file *.toml"), "{}", done.err);
}

#[test]
fn a_shard_can_come_from_the_environment() {
    let folder = Folder::new("swarm-env");
    let env = |name: &str| match name {
        "PARALLEL_SEQ" => Some("3".to_owned()),
        _ => None,
    };
    let asked = |words: &str| {
        let words = words.replace('@', &format!("{}/", folder.0.display()));
        let args = words.split_whitespace().map(OsString::from);
        let (mut out, mut err, mut notes) = (Vec::new(), Vec::new(), Notes::default());
        let mut io = Io { out: &mut out, err: &mut err, color: false, progress: false, env: &env };
        let code = run(args, &mut notes, &AtomicBool::new(false), &mut io);
        (code, String::from_utf8(err).unwrap())
    };
    let (code, err) = asked("lockstep swarm @box.toml --seeds 0..10 --shard env/5");
    assert_eq!(code, exit::OK);
    let expected = "shard 3/5: 2 seeds, and 1 in 100 of another shard's, to compare, as GNU \
                    parallel (PARALLEL_SEQ) says\n";
    assert_eq!(err, expected);
    for (shard, why) in [
        ("env", "PARALLEL_SEQ is set: say how many there are"),
        ("env/2", "PARALLEL_SEQ is 3, which is none of 2"),
        ("env/x", "\"x\" is no number"),
        ("4/3", "there is no shard 4/3"),
    ] {
        let (code, err) = asked(&format!("lockstep swarm @box.toml --seeds 0..10 --shard {shard}"));
        assert_eq!(code, exit::USAGE);
        assert!(err.contains(why), "{shard}: {err}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = Folder::new("swarm-refused");
    for (words, why) in [
        ("swarm @box.toml", "--seeds"),
        ("swarm @box.toml --seeds 5..5", "has no seed"),
        ("swarm @box.toml --seeds 0..5 --resume", "--out"),
        ("swarm @box.toml --seeds 0..5 --jobs 0", "0 is not in 1..=1024"),
        ("swarm @box.toml --seeds 0..5 --until-stable 0", "0 is not in 1.."),
        ("swarm @box.toml --seeds 0..5 --time-budget 0s", "nothing can be tried in no time"),
        ("merge", "RESULTS.jsonl"),
    ] {
        let done = folder.lockstep(words);
        assert_eq!(done.code, exit::USAGE, "{words}");
        assert!(done.err.contains(why), "{words}: {}", done.err);
    }
}

fn line(unit: u64, status: Status, trace: &str) -> String {
    let said = crate::bundle::Said { oracle: "packets".to_owned(), why: "lost 1".to_owned() };
    let line = Line {
        schema: SCHEMA,
        build: "b".to_owned(),
        scenario: "box".to_owned(),
        input: "0".repeat(16),
        unit,
        status,
        trace: Some(trace.to_owned()),
        events: unit,
        faults: Vec::new(),
        breaches: if status == Status::Fail { vec![said] } else { Vec::new() },
        coverage: vec!["drop:ttl_exceeded".to_owned()],
        again: None,
    };
    line.text()
}

#[test]
fn results_are_put_together_in_order() {
    let folder = Folder::new("merge");
    let write = |name: &str, text: &str| fs::write(folder.0.join(name), text).unwrap();
    let [one, two, three] = [1, 2, 3].map(|unit| line(unit, Status::Ok, "aa"));
    write("1.jsonl", &format!("{three}{one}"));
    write("2.jsonl", &format!("{two}{one}{}", &three[..20]));
    let done = folder.lockstep("merge @1.jsonl @2.jsonl --out @all.jsonl --junit @all.xml");
    assert_eq!(done.code, exit::OK);
    assert_eq!(done.err, "@2.jsonl: the last line was cut short: 2 whole ones are used\n");
    assert!(done.out.contains("box                            3          3 "), "{}", done.out);
    let all = fs::read_to_string(folder.0.join("all.jsonl")).unwrap();
    assert_eq!(all, format!("{one}{two}{three}"));
    let xml = fs::read_to_string(folder.0.join("all.xml")).unwrap();
    assert!(xml.contains("3 of 3 units hold (b)"), "{xml}");
}

#[test]
fn a_failure_or_a_difference_is_found() {
    let folder = Folder::new("merge-found");
    let write = |name: &str, text: &str| fs::write(folder.0.join(name), text).unwrap();
    write("ok.jsonl", &line(1, Status::Ok, "aa"));
    write("other.jsonl", &line(1, Status::Ok, "bb"));
    write("fail.jsonl", &line(2, Status::Fail, "cc"));
    write("empty.jsonl", "");
    let done = folder.lockstep("merge @ok.jsonl @fail.jsonl");
    assert_eq!(done.code, exit::FOUND);
    assert!(done.out.contains("packets: lost N … in 1 unit;"), "{}", done.out);
    let done = folder.lockstep("merge @ok.jsonl @other.jsonl");
    assert_eq!(done.code, exit::FOUND);
    let differs = "\nnot the same everywhere, so something but the plan decides a run:\n  box, seed \
                   1, build b: aa (1 events) bb (1 events)\n";
    assert!(done.out.ends_with(differs), "{}", done.out);
    for (words, code, why) in [
        ("merge @empty.jsonl", exit::USAGE, "there is no result in these files"),
        ("merge @box.toml", exit::ENVIRONMENT, "@box.toml:1: this is no result of"),
        ("merge @gone.jsonl", exit::ENVIRONMENT, "@gone.jsonl: cannot be read"),
        ("merge @ok.jsonl --out @no/x", exit::ENVIRONMENT, "@no/x cannot be written"),
    ] {
        let done = folder.lockstep(words);
        assert_eq!(done.code, code, "{words}");
        assert!(done.err.contains(why), "{words}: {}", done.err);
    }
}
