//! Schedules: what they are written like, and that the list of stalls is all there is to them.

use super::*;
use crate::engine::Outcome;
use crate::engine::tests::plans::{dut, ms, random};
use crate::fabric::HeapFabric;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, udp};

fn by(text: &str) -> Strategy {
    match text.parse() {
        Ok(Sched::By(strategy)) => strategy,
        other => panic!("{text}: {other:?}"),
    }
}

/// The run as the strategy makes it, and the stalls that it had for that.
fn picked(plan: &Plan, strategy: Strategy) -> (Outcome, Vec<Fault>) {
    let fabric = &mut HeapFabric::new();
    let mut counting = Picker::new(plan, Rule::Fixed, Rng::new(0));
    engine::run_picked(plan, Conduct::default(), &mut counting, fabric).unwrap();
    let mut picker = Picker::of(plan, strategy, &counting);
    let outcome = engine::run_picked(plan, Conduct::default(), &mut picker, fabric).unwrap();
    let found = find(plan, strategy, Trying::default(), fabric).unwrap();
    assert_eq!(found, Found { stalls: picker.stalls.clone(), searched: None });
    (outcome, picker.stalls)
}

fn with(plan: &Plan, stalls: &[Fault]) -> Outcome {
    let mut plan = plan.clone();
    plan.faults.extend(stalls.iter().cloned());
    engine::run(&plan, Conduct::default(), &mut HeapFabric::new(), ()).unwrap().0
}

#[test]
fn the_stalls_alone_give_the_same_run_again() {
    let (mut changed, mut stalls) = (0, 0);
    for seed in 0..24 {
        let mut plan = random(seed);
        if seed % 2 == 1 {
            // Stalls that are there already do not get in the way.
            plan.faults.push("stall:1@3ms=2ms".parse().unwrap());
            plan.faults.push("stall:1@3500us=50us".parse().unwrap());
        }
        let fixed = with(&plan, &[]);
        for strategy in ["random:7", "pct:3:7", "starve:1"] {
            let (outcome, found) = picked(&plan, by(strategy));
            let again = with(&plan, &found);
            assert_eq!(outcome.broken, [], "{seed} {strategy}");
            assert_eq!(again.digests.lcores, outcome.digests.lcores, "{seed} {strategy}");
            assert_eq!(again.end, outcome.end, "{seed} {strategy}");
            changed += u64::from(again.digests.lcores != fixed.digests.lcores);
            stalls += found.len();
        }
    }
    assert!(changed > 36, "{changed} of 72 runs changed by {stalls} stalls");
}

/// Two workers that have a packet each at the same time.
fn both_at_once() -> Plan {
    let mut plan = dut(2);
    plan.static_neighbour(BOB);
    plan.static_neighbour(CAROL);
    let flows = (0..32).map(|n| (ms(1), udp(ALICE, BOB).ports(1_000 + n, 53)));
    plan.frames(DUT_LAN, flows.collect::<Vec<_>>());
    plan.frames(DUT_WAN, [(ms(1), udp(CAROL, ALICE))]);
    plan
}

#[test]
fn a_starved_lcore_goes_last_but_goes() {
    let plan = both_at_once();
    let busy = |outcome: &Outcome| outcome.lcores.iter().map(|l| l.busy).collect::<Vec<_>>();
    let fixed = with(&plan, &[]);
    for starved in [1, 2] {
        let (outcome, stalls) = picked(&plan, Strategy::Starve(LcoreId(starved)));
        assert!(!stalls.is_empty());
        let theirs = |fault: &Fault| {
            matches!(fault, Fault::Stall { lcore, lasts, .. }
            if lcore.0 == starved && *lasts <= STARVED)
        };
        assert!(stalls.iter().all(theirs), "{stalls:?}");
        assert_eq!(busy(&outcome).len(), busy(&fixed).len());
        assert_eq!(outcome.ledger.out, fixed.ledger.out, "nothing is lost by waiting");
    }
}

#[test]
fn seeds_make_different_schedules_and_one_seed_the_same() {
    let plan = both_at_once();
    for strategy in ["random", "pct:2"] {
        let stalls = |seed| picked(&plan, by(&format!("{strategy}:{seed}"))).1;
        let all: Vec<_> = (0..8).map(stalls).collect();
        assert_eq!(stalls(3), all[3]);
        assert!(all.iter().any(|other| *other != all[0]), "{strategy}: {:?}", all[0]);
    }
}

#[test]
fn a_schedule_is_written_in_one_word() {
    assert_eq!("fixed".parse(), Ok(Sched::Fixed));
    assert_eq!("random:7".parse(), Ok(Sched::By(Strategy::Random { seed: 7 })));
    assert_eq!("pct:3".parse(), Ok(Sched::By(Strategy::Pct { depth: 3, seed: 0 })));
    assert_eq!("pct:3:9".parse(), Ok(Sched::By(Strategy::Pct { depth: 3, seed: 9 })));
    assert_eq!("starve:2".parse(), Ok(Sched::By(Strategy::Starve(LcoreId(2)))));
    assert_eq!("dfs:2".parse(), Ok(Sched::By(Strategy::Dfs { bound: 2 })));
    assert_eq!("replay:s:1.txt".parse(), Ok(Sched::Replay("s:1.txt".into())));
    for text in ["", "random", "random:x", "pct", "starve:256", "dfs:", "replay:", "fair:1"] {
        let why = text.parse::<Sched>().unwrap_err();
        assert_eq!(why, format!("\"{text}\" is no schedule, expected {SCHED}"));
    }
    assert_eq!("pct:0".parse::<Sched>(), Err("\"pct:0\": a bug has at least depth 1".to_owned()));
}

#[test]
fn a_file_has_one_fault_a_line() {
    let stall = "stall:1@2ms=30us";
    let faults = read(&format!("# of seed 7\n\n  {stall}\nalloc:3\n")).unwrap();
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [stall, "alloc:3"]);
    let error = read("alloc:3\nalloc:x\n").unwrap_err();
    assert_eq!(error.line, 2);
    assert!(error.to_string().starts_with("2: \"alloc:x\" is no fault"), "{error}");
}

#[test]
fn an_lcore_that_is_not_there_cannot_starve() {
    let strategy = Strategy::Starve(LcoreId(7));
    let error = find(&dut(1), strategy, Trying::default(), &mut HeapFabric::new()).unwrap_err();
    assert!(error.to_string().contains("there is no lcore 7; lcores: 0, 1"), "{error}");
}
