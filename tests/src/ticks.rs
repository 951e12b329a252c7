use fixtures::{ALICE, BOB, DUT_WAN, arp_reply, udp};
use insta::assert_snapshot;
use tests::{WAN, dut, dut_with_workers, ms, tell};

#[test]
fn loop_jobs_run_in_each_tick_and_slow_ones_in_every_tenth() {
    let mut net = dut().with(|plan| plan.config.policy.neigh_sync_skip = 10);
    net.plan.until = Some(ms(2));
    let told = tell(&net.plan);
    let runs: Vec<String> = told
        .outcome
        .lcores
        .iter()
        .map(|l| {
            let runs = dataplane::job::JobKind::ALL
                .map(|kind| format!("{kind} {}", l.counters.job_runs[kind.index()]));
            format!(
                "lcore {} {}: {} ticks; {}",
                l.id,
                l.role,
                l.counters.lcore_loop,
                runs.join(", ")
            )
        })
        .collect();
    // A worker's tick costs three idle jobs of 2 µs, and 2 µs more in every tenth tick: 62 µs in
    // ten. The master's costs two.
    assert_snapshot!(runs.join("\n"), @"
    lcore 0 master: 500 ticks; recv_fwd 0, xmit 0, timer_manage 500, neigh_sync 500
    lcore 1 worker: 323 ticks; recv_fwd 323, xmit 323, timer_manage 322, neigh_sync 32
    ");
}

#[test]
fn the_schedule_of_a_packet_that_waits() {
    let mut net = dut();
    net.at(ms(1)).lan(&udp(ALICE, BOB));
    net.at(ms(3)).wan(&arp_reply(BOB, DUT_WAN));
    net.plan.until = Some(ms(5));
    assert_snapshot!(tell(&net.plan).ticks, @"
    0.001004000 lcore 1 tick    168 recv_fwd     1
    0.001007000 lcore 1 tick    168 xmit         1
    0.003004000 lcore 1 tick    500 recv_fwd     1
    0.003007000 lcore 1 tick    500 xmit         1
    ");
}

#[test]
fn what_a_timer_makes_leaves_with_the_next_tick() {
    // Spec 1.4: timer_manage comes behind xmit.
    let mut net = dut();
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.plan.until = Some(ms(1_100));
    assert_snapshot!(tell(&net.plan).ticks, @"
    0.000000000 lcore 1 tick      1 recv_fwd     1
    0.000003000 lcore 1 tick      1 xmit         1
    1.000000000 lcore 1 tick 166113 timer_manage 1
    1.000005000 lcore 1 tick 166114 xmit         1
    ");
}

#[test]
fn a_command_goes_from_the_master_to_every_worker() {
    let mut net = dut_with_workers(2).with(|plan| plan.config.policy.neigh_sync_skip = 10);
    net.at(ms(1)).command(WAN, BOB, true);
    net.plan.until = Some(ms(2));
    assert_snapshot!(tell(&net.plan).ticks, @"
    0.001002000 lcore 0 tick    251 neigh_sync   1
    0.001052000 lcore 1 tick    170 neigh_sync   1
    0.001052000 lcore 2 tick    170 neigh_sync   1
    ");
}
