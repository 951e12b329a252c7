//! What lcores count: a frame where it comes in and where it leaves, a packet once for each thing
//! that happens to it.

use dataplane::Counters;
use dataplane::job::Role;
use fixtures::{ALICE, BOB, DUT_LAN, DUT_WAN, Frame, arp_reply, arp_request, icmp_echo, raw, udp};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, tell};

/// The sum of a counter over all workers, after a frame has come to the LAN.
fn summed(net: &Dut, frame: &Frame, of: fn(&Counters) -> u64) -> u64 {
    let mut net = net.clone();
    net.at(ms(0)).lan(frame);
    let workers = tell(&net.plan).outcome.lcores.into_iter().filter(|l| l.role == Role::Worker);
    workers.map(|worker| of(&worker.counters)).sum()
}

// B03, add03669
#[test]
fn bytes_received_are_those_of_the_frame_whatever_becomes_of_it() {
    // DPVS reads the length after the frame was freed, sent, queued or given away.
    let net = dut_with_workers(2).kni(LAN, false).kni_lcore(9).vlan(LAN, 7, "10.0.7.1/24");
    let net = net.knows(WAN, BOB).knows(LAN, ALICE);
    let guest = ALICE.with_ip([10, 0, 7, 7]);
    let unknown = BOB.with_ip([192, 0, 2, 10]);
    for (fate, frame) in [
        ("dropped for its VLAN", udp(ALICE, BOB).vlan(9)),
        ("dropped for its checksum", udp(ALICE, BOB).bad_ip_checksum()),
        ("given to the kernel", raw(ALICE, DUT_LAN, 0x88cc, &[0; 46])),
        ("forwarded", udp(ALICE, BOB)),
        ("forwarded without its trailer", udp(ALICE, BOB).trailer(&[0xee; 100])),
        ("forwarded without its tag", udp(guest, BOB).dst_mac(DUT_LAN.mac).vlan(7)),
        ("answered by ARP", arp_request(ALICE, DUT_LAN).padded()),
        ("answered by ICMP", icmp_echo(ALICE, DUT_LAN)),
        ("answered by an error", udp(ALICE, BOB).ttl(1)),
        ("waiting for a neighbour", udp(ALICE, unknown)),
        ("copied into the ring of another worker", arp_reply(ALICE, DUT_LAN)),
    ] {
        let received = [summed(&net, &frame, |c| c.ipackets), summed(&net, &frame, |c| c.ibytes)];
        assert_eq!(received, [1, frame.build().len() as u64], "{fate}");
    }
}

// B42
#[test]
fn each_counter_of_ipv4_counts_one_thing_once() {
    // DPVS adds bytes to a counter of packets, and counts what it forwards twice on the way out.
    let net = dut().knows(LAN, ALICE).knows(WAN, BOB);
    let counted: fn(&Counters) -> [u64; 6] =
        |c| [c.ip_in, c.ip_delivered, c.ip_forwarded, c.ip_out, c.icmp_in, c.icmp_out];
    for (frame, expected) in [
        (udp(ALICE, BOB), [1, 0, 1, 1, 0, 0]),
        (icmp_echo(ALICE, DUT_LAN), [1, 1, 0, 1, 1, 1]),
        (udp(ALICE, BOB).ttl(1), [1, 0, 0, 1, 0, 1]),
        (udp(ALICE, DUT_LAN), [1, 0, 0, 1, 0, 1]),
        (udp(ALICE, BOB).bad_ip_checksum(), [1, 0, 0, 0, 0, 0]),
        (udp(ALICE, BOB).dst_mac([2, 9, 9, 9, 9, 9]), [0; 6]),
        (arp_request(ALICE, DUT_LAN), [0; 6]),
    ] {
        let mut net = net.clone();
        net.at(ms(0)).lan(&frame);
        let told = tell(&net.plan);
        assert_eq!(counted(&told.outcome.lcores[1].counters), expected, "{}", told.story);
    }
}

// f5504c6a
#[test]
fn a_reply_and_its_copies_for_the_other_workers_are_no_drop() {
    for workers in 1..=4 {
        let mut net = dut_with_workers(workers);
        net.at(ms(0)).lan(&udp(ALICE, BOB));
        net.at(ms(1)).wan(&arp_reply(BOB, DUT_WAN));
        let ledger = tell(&net.plan).outcome.ledger;
        assert_eq!(ledger.dropped.total(), 0, "{workers} workers");
    }
}
