use dataplane::job::JobKind;
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
            let runs = |kind: JobKind| l.counters.job_runs[kind.index()];
            let ran = JobKind::ALL.into_iter().filter(|kind| runs(*kind) > 0);
            let ran: Vec<_> = ran.map(|kind| format!("{kind} {}", runs(kind))).collect();
            let ticks = l.counters.lcore_loop;
            format!("lcore {} {}: {ticks} ticks; {}", l.id, l.role, ran.join(", "))
        })
        .collect();
    // A worker's tick costs five idle jobs of 2 µs, and 2 µs more in every tenth tick: 102 µs in
    // ten, and 2 µs more in a hundred. The master's costs seven.
    assert_snapshot!(runs.join("\n"), @"
    lcore 0 master: 143 ticks; cfgfile_reload 143, timer_manage 143, kni_master_proc 143, msg_master_job 143, sockopt_job 143, neigh_sync 143, iftraf_ring_proc 142
    lcore 1 worker: 196 ticks; qsch_sched 196, recv_fwd 196, xmit 196, timer_manage 196, msg_slave_job 196, neigh_sync 19, ipv4_frag 1
    ");
}

#[test]
fn the_schedule_of_a_packet_that_waits() {
    let mut net = dut();
    net.at(ms(1)).lan(&udp(ALICE, BOB));
    net.at(ms(3)).wan(&arp_reply(BOB, DUT_WAN));
    net.plan.until = Some(ms(5));
    assert_snapshot!(tell(&net.plan).ticks, @"
    0.001006000 lcore 1 tick    101 recv_fwd     1
    0.001009000 lcore 1 tick    101 xmit         1
    0.003002000 lcore 1 tick    300 recv_fwd     1
    0.003005000 lcore 1 tick    300 xmit         1
    ");
}

#[test]
fn what_a_timer_makes_leaves_with_the_next_tick() {
    // Spec 1.4: timer_manage comes behind xmit.
    let mut net = dut();
    net.at(ms(0)).lan(&udp(ALICE, BOB));
    net.plan.until = Some(ms(1_100));
    assert_snapshot!(tell(&net.plan).ticks, @"
    0.000002000 lcore 1 tick      1 recv_fwd     1
    0.000005000 lcore 1 tick      1 xmit         1
    1.001006000 lcore 1 tick  99702 timer_manage 1
    1.001015000 lcore 1 tick  99703 xmit         1
    ");
}

#[test]
fn a_command_goes_from_the_master_to_every_worker() {
    let mut net = dut_with_workers(2).with(|plan| plan.config.policy.neigh_sync_skip = 10);
    net.at(ms(1)).command(WAN, BOB, true);
    net.plan.until = Some(ms(2));
    assert_snapshot!(tell(&net.plan).ticks, @"
    0.001004000 lcore 0 tick     72 neigh_sync   1
    0.001018000 lcore 1 tick    100 neigh_sync   1
    0.001018000 lcore 2 tick    100 neigh_sync   1
    ");
}
