//! Same input, same run: skipped or stepped, on DPDK or on the heap, today or again.

use crate::cli;
use dataplane::config::Policy;
use dataplane::control::{Hello, Target};
use dataplane::job::JobKind;
use dataplane::msg::Call;
use dataplane::{LcoreId, Nanos, PortId};
use fixtures::{ALICE, BOB, udp};
use proptest::prelude::*;
use sim::engine::{Conduct, run};
use sim::fabric::HeapFabric;
use sim::plan::{Cost, Costs, Input, PortPlan, Source, WirePlan};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, secs, tell, us};

prop_compose! {
    /// Costs from 1 to 40 µs for an idle run, so that ticks of different lcores drift apart.
    fn any_costs()(costs in prop::array::uniform15((1_000u64..40_000, 0u64..20_000))) -> Costs {
        Costs(costs.map(|(idle, per_item)| Cost { idle, per_item }))
    }
}

prop_compose! {
    fn any_wire()(
        rate in prop::option::of(1_000_000u64..1_000_000_000),
        delay in 0u64..2_000,
        queue in 1u32..64,
    ) -> PortPlan {
        PortPlan::Ring(WirePlan { rate, delay: us(delay), queue })
    }
}

prop_compose! {
    fn any_hello()(
        to in prop::sample::select(vec![
            Target::Workers,
            Target::Lcore(LcoreId(0)),
            Target::Lcore(LcoreId(1)),
        ]),
        sync: bool,
        timeout in prop::option::of(1_000u64..300_000),
        count in 1u32..5,
    ) -> Hello {
        let call = if sync { Call::Sync } else { Call::Async };
        Hello { to, call, timeout: timeout.map(Nanos::new), count }
    }
}

prop_compose! {
    /// A box with one to four workers, any policy, any wires, and up to forty frames and commands.
    fn any_run()(
        workers in 1u8..5,
        costs in any_costs(),
        wires in prop::array::uniform2(any_wire()),
        frames in prop::collection::vec((0u16..2, fixtures::any_frame(), 0u64..400_000), 0..40),
        commands in prop::collection::vec((any::<bool>(), 0u64..3_000_000), 0..4),
        hellos in prop::collection::vec((any_hello(), 0u64..3_000_000), 0..4),
        msg_ring in prop::sample::select(vec![1u32, 3, 4095]),
        dpvs: bool,
        skip in 1u32..12,
        interval in prop::sample::select(vec![1u64, 10, 70, 500, 3_000]),
        descriptors in 1u32..40,
        seed: u64,
    ) -> Dut {
        let mut net = dut_with_workers(workers);
        let plan = &mut net.plan;
        plan.config.policy = if dpvs { Policy::dpvs() } else { Policy::default() };
        plan.config.policy.neigh_sync_skip = skip;
        plan.config.policy.timer_interval = us(interval);
        plan.config.limits.rx_descriptors = descriptors;
        plan.config.limits.msg_ring = msg_ring;
        plan.ports = wires.to_vec();
        plan.costs = costs;
        plan.config.seed = seed;
        let mut at = 0;
        for (port, frame, gap) in frames {
            at += gap;
            net.at(us(at)).bytes(PortId(port), frame);
        }
        for (add, at) in commands {
            net.at(us(at)).command(WAN, BOB, add);
        }
        for (hello, at) in hellos {
            net.at(us(at)).hello(hello);
        }
        net.plan.commands.sort_by_key(|command| command.at);
        net.plan.until = Some(Nanos::from_secs(4));
        net
    }
}

prop_compose! {
    /// The same with a VLAN, an isolated queue and two kernel sides, whoever serves them; and with
    /// more frames, tagged ones and the kernel's among them.
    fn any_box()(
        net in any_run(),
        (kni_lcore, isolated, forward) in any::<(bool, bool, bool)>(),
        ring in prop::sample::select(vec![1u32, 2, 256]),
        frames in prop::collection::vec(
            (0u16..4, fixtures::any_frame(), any::<bool>(), 0u64..900_000),
            0..40,
        ),
    ) -> Dut {
        let mut net = net.vlan(LAN, 7, "10.0.7.1/24").kni(PortId(2), forward).kni(LAN, forward);
        if kni_lcore {
            net = net.kni_lcore(9);
        }
        if isolated {
            net = net.isolated(5, LAN);
        }
        net.plan.config.limits.kni_ring = ring;
        net.plan.config.limits.isol_ring = ring;
        for (port, mut frame, tagged, at) in frames {
            if tagged && frame.len() >= 12 {
                frame.splice(12..12, [0x81, 0, 0, 7]);
            }
            net.at(us(at)).bytes(PortId(port), frame);
        }
        for Input { source, .. } in &mut net.plan.inputs {
            if let Source::Frames(frames) = source {
                frames.sort_by_key(|(at, _)| *at);
            }
        }
        net.plan.until = Some(secs(2));
        net
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// So is what happens beside the workers.
    #[test]
    fn any_box_with_every_role_is_the_same_too(net in any_box()) {
        let told = tell(&net.plan);
        prop_assert!(told.outcome.ledger.is_balanced());
    }

    /// `tell` runs each four times and compares all there is.
    #[test]
    fn any_run_is_the_same_skipped_and_stepped_on_dpdk_and_on_the_heap(net in any_run()) {
        let told = tell(&net.plan);
        prop_assert!(told.outcome.ledger.is_balanced());
    }
}

#[test]
fn the_seed_decides_what_is_random_and_nothing_else() {
    let with = |seed| {
        let mut net = dut().with(|plan| {
            plan.config.seed = seed;
            plan.config.policy.neigh_jitter = ms(200);
        });
        net.at(ms(0)).lan(&udp(ALICE, BOB));
        net.run_until(secs(5))
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn an_hour_of_idleness_takes_few_steps() {
    let mut net = dut_with_workers(4).knows(LAN, ALICE);
    net.plan.costs = Costs::default();
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.at(ms(1)).wan(&fixtures::arp_reply(BOB, fixtures::DUT_WAN));
    net.plan.until = Some(secs(3600));
    let (outcome, ()) = run(&net.plan, Conduct::default(), &mut HeapFabric::new(), ()).unwrap();
    // Four workers turn some 36 thousand million times; what is stepped is what had work.
    let ticks: u64 = outcome.lcores.iter().map(|l| l.counters.lcore_loop).sum();
    assert!(ticks > 100_000_000_000, "{ticks} ticks");
    assert!(outcome.steps < 1_000, "{} steps", outcome.steps);
    let runs = |l: &sim::engine::LcoreOutcome| l.counters.job_runs[JobKind::RecvFwd.index()];
    assert!(outcome.lcores.iter().skip(1).all(|l| runs(l) >= l.counters.lcore_loop - 1));
}

#[test]
fn another_process_and_another_build_leave_the_same_bytes() {
    // `cargo x test` runs this in a debug build and names the release binary.
    let scenario = cli::repository().join("fixtures/scenarios/router.toml");
    let first = cli::leave(&cli::lockstep(), &scenario, "first");
    let second = cli::leave(&cli::lockstep(), &scenario, "second");
    assert_eq!(cli::files(&first), cli::files(&second));
    match cli::other_build() {
        None => println!("skipped: LOCKSTEP_OTHER_BUILD names no lockstep to compare with"),
        Some(other) => {
            let third = cli::leave(&other, &scenario, "third");
            assert_eq!(cli::files(&first), cli::files(&third));
        }
    }
}
