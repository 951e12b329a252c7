//! Every role and every job in one run, on a real capture, told four times.

use crate::cli::repository;
use dataplane::job::Role;
use insta::assert_snapshot;
use sim::plan::Plan;
use sim::scenario::{Overrides, Scenario};
use std::fmt::Write as _;
use tests::{Told, tell};

fn all_roles() -> (Plan, Told) {
    let path = repository().join("fixtures/scenarios/all-roles.toml");
    let plan = Scenario::load(&path, &Overrides::default()).unwrap().plan;
    let told = tell(&plan);
    (plan, told)
}

#[test]
fn every_job_of_every_role_finds_work_in_one_run() {
    let (plan, told) = all_roles();
    let roles: Vec<Role> = plan.config.lcores.iter().map(|lcore| lcore.role).collect();
    assert!(Role::ALL.iter().all(|role| roles.contains(role)), "{roles:?}");
    let table = plan.config.job_table().unwrap();
    let (mut found, mut without) = (String::new(), Vec::new());
    for role in Role::ALL {
        for job in table.jobs(role) {
            let lcores = told.outcome.lcores.iter().filter(|lcore| lcore.role == role);
            let work = lcores.map(|lcore| (lcore.id, lcore.counters.job_items[job.kind.index()]));
            let work: Vec<_> = work.filter(|(_, items)| *items > 0).collect();
            if work.is_empty() {
                without.push((role, job.kind));
                continue;
            }
            let _ = write!(found, "{:<8} {:<19}", role.name(), job.kind.name());
            for (id, items) in work {
                let of = format!(" lcore {id} tick");
                let line = |line: &&str| line.contains(&of) && line.contains(job.kind.name());
                assert!(told.ticks.lines().any(|l| line(&l)), "lcore {id} {}", job.kind);
                let _ = write!(found, "  lcore {id}: {items}");
            }
            found.push('\n');
        }
    }
    assert_eq!(without, [], "jobs that found nothing to do");
    assert_snapshot!(found, @"
    master   cfgfile_reload       lcore 0: 1
    master   timer_manage         lcore 0: 1
    master   msg_master_job       lcore 0: 18
    master   sockopt_job          lcore 0: 6
    master   neigh_sync           lcore 0: 2
    master   iftraf_ring_proc     lcore 0: 28
    worker   qsch_sched           lcore 1: 5  lcore 2: 2  lcore 3: 7
    worker   recv_fwd             lcore 1: 29  lcore 2: 12  lcore 3: 37
    worker   xmit                 lcore 1: 12  lcore 2: 32  lcore 3: 27
    worker   timer_manage         lcore 2: 3
    worker   msg_slave_job        lcore 1: 5  lcore 2: 8  lcore 3: 5
    worker   icmp_redirect_proc   lcore 2: 25
    worker   neigh_sync           lcore 1: 2  lcore 2: 2  lcore 3: 2
    worker   ipv4_frag            lcore 3: 1
    isol_rx  isol_pkt_rcv         lcore 4: 14
    kni      kni_loop             lcore 5: 5
    ");
    assert_snapshot!(told.outcome.ledger.to_string(), @"in 69 + made 29 = out 75 + consumed 15 + dropped 8 + held 0");
}

#[test]
fn what_each_lcore_counts_in_that_run() {
    let (_, told) = all_roles();
    let mut text = String::new();
    for lcore in &told.outcome.lcores {
        let _ = write!(text, "lcore {} {}:", lcore.id, lcore.role);
        let counters = &lcore.counters;
        for (name, n) in counters.plain().filter(|(name, n)| *n > 0 && *name != "lcore_loop") {
            let _ = write!(text, " {name} {n}");
        }
        for (reason, n) in counters.drops.iter() {
            let _ = write!(text, " dropped.{reason} {n}");
        }
        text.push('\n');
    }
    assert_snapshot!(text, @"
    lcore 0 master: timers 1 orders 9 iftraf_summed 28 msg_requests_out 18 msg_replies_in 18
    lcore 1 worker: ipackets 13 ibytes 5312 ring_packets 16 icmp_redirected 14 qsch_in 5 qsch_out 5 overlimits 1292 opackets 12 obytes 7958 made 10 consumed 6 arp_requests_in 1 arp_replies_in 4 arp_replies_out 1 ip_in 23 ip_forwarded 9 ip_out 11 frag_ok 2 frag_creates 4 neigh_changes 2 msg_requests_in 5 msg_handled 5 msg_replies_out 5
    lcore 2 worker: ipackets 9 ibytes 742 ring_packets 28 icmp_redirected 6 qsch_in 16 qsch_out 16 overlimits 152 opackets 32 obytes 4818 made 18 consumed 4 arp_replies_in 2 arp_requests_out 5 ip_in 9 ip_delivered 4 ip_forwarded 18 ip_out 30 frag_ok 1 frag_fails 1 frag_creates 2 icmp_in 4 icmp_out 11 icmp_errors_out 7 timers 3 neigh_changes 2 iftraf_samples 2 msg_requests_in 8 msg_handled 8 msg_replies_out 8 dropped.ttl_exceeded 3 dropped.fragmentation_needed 1 dropped.neigh_unreachable 3
    lcore 3 worker: ipackets 32 ibytes 14200 ring_packets 5 icmp_redirected 5 qsch_in 14 qsch_out 14 overlimits 7774 opackets 27 obytes 13738 made 1 consumed 5 arp_replies_in 4 ip_in 32 ip_forwarded 26 ip_out 27 reasm_requests 1 reasm_fails 1 reasm_timeouts 1 icmp_out 1 icmp_errors_out 1 neigh_changes 2 iftraf_samples 26 msg_requests_in 5 msg_handled 5 msg_replies_out 5 dropped.reasm_timeout 1
    lcore 4 isol_rx: ipackets 14 ibytes 6832 isol_handed 14
    lcore 5 kni: ipackets 1 ibytes 42 ring_packets 3 kni_out 3 kni_in 1 opackets 4 obytes 276
    lcore 6 idle:
    ");
}
