//! Ports that the dataplane polls itself: net_pcap, as fast as it polls, and net_null.

use crate::cli::repository;
use dataplane::DropReason;
use fixtures::{ALICE, BOB, udp};
use sim::plan::PortPlan;
use tests::{LAN, WAN, dut, ms, tell, us};

#[test]
fn a_pcap_port_is_read_as_fast_as_it_is_polled() {
    let rx = Some(repository().join("pcaps/router-lan.pcap"));
    let mut net = dut().knows(WAN, BOB).knows(LAN, ALICE);
    net.plan.ports[0] = PortPlan::Pcap { rx };
    let told = tell(&net.plan);
    // All 75 frames of it, those that the router itself sent included: they are for others.
    assert_eq!(told.outcome.lcores[1].counters.ipackets, 75);
    assert!(told.outcome.lcores[1].counters.drops[DropReason::IpOtherHost] > 0);
    // 32 in a burst: 75 frames are three polls that find something.
    assert_eq!(told.outcome.lcores[1].counters.bursts.full, 2);
}

#[test]
fn a_null_port_is_an_endless_source_of_zeros() {
    let mut net = dut();
    net.plan.ports[0] = PortPlan::Null { rx_frame_len: Some(64) };
    net.plan.until = Some(ms(1));
    let told = tell(&net.plan);
    let counters = &told.outcome.lcores[1].counters;
    assert_eq!(counters.ipackets, 32 * counters.bursts.full);
    assert_eq!(counters.drops[DropReason::EtherTypeUnknown], counters.ipackets);
    assert!(counters.ipackets > 0);
}

#[test]
fn a_null_port_is_a_sink() {
    let mut net = dut().knows(WAN, BOB);
    net.plan.ports[1] = PortPlan::Null { rx_frame_len: None };
    for n in 0..100 {
        net.at(us(n)).lan(&udp(ALICE, BOB));
    }
    assert_eq!(tell(&net.plan).outcome.ledger.ports[1].left, 100);
}
