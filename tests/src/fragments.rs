use crate::cli::repository;
use dataplane::config::Policy;
use dataplane::{DropReason, PortId};
use fixtures::{ALICE, BOB, DUT_LAN, Frame, GW, icmp_echo, ipv4, udp};
use insta::assert_snapshot;
use sim::scenario::{Overrides, Scenario};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, frames_out, ms, tell, us};

/// The kernel's port when one device has a kernel side.
const KERNEL: PortId = PortId(2);

/// A box that gives datagrams up after 10 ms.
fn hasty() -> Dut {
    dut().knows(LAN, ALICE).with(|plan| plan.config.policy.reassembly_timeout = ms(10))
}

/// What the fragments of one datagram carry, put together in the order of their offsets.
fn payload(frames: &[Vec<u8>]) -> Vec<u8> {
    let offset = |frame: &Vec<u8>| u16::from_be_bytes([frame[20] & 0x1f, frame[21]]);
    let mut sorted: Vec<_> = frames.iter().collect();
    sorted.sort_by_key(|frame| offset(frame));
    let mut whole = Vec::new();
    for frame in sorted {
        assert_eq!(usize::from(offset(frame)) * 8, whole.len(), "no gap, no overlap");
        let header = 14 + usize::from(frame[14] & 0x0f) * 4;
        whole.extend_from_slice(&frame[header..]);
    }
    whole
}

/// What the answer to an echo request carries: the checksum is its own, the rest is the request's.
fn assert_answers(reply: &[u8], request: &Frame) {
    let request = &request.build()[34..];
    assert_eq!((reply[0], reply[1], reply.len()), (0, 0, request.len()));
    assert!(reply[4..] == request[4..], "the data comes back");
}

// B48, 3fd183ba
#[test]
fn a_ping_in_fragments_is_answered_in_fragments() {
    let mut net = dut().knows(LAN, ALICE);
    for fragment in icmp_echo(ALICE, DUT_LAN).len(3000).fragments(1480) {
        net.at(ms(0)).lan(&fragment);
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 1480 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 1480 len 1480 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 2960 len 48 ttl 64
        0.002     1           datagram 1 of 198.51.100.7 holds 1 fragment, 1480 bytes
        0.002     1           datagram 1 of 198.51.100.7 holds 2 fragments, 2960 bytes
        0.002     1           datagram 1 of 198.51.100.7 is whole: 3 fragments, 3008 bytes
        0.007     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 0 len 1480 MF ttl 64
        0.007     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 1480 len 1480 MF ttl 64
        0.007     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 2960 len 48 ttl 64
    in 3 + made 3 = out 3 + consumed 3 + dropped 0 + held 0
    ");
}

// B45
#[test]
fn every_order_of_up_to_four_fragments_is_answered_alike() {
    for n in 2..=4_u16 {
        let request = icmp_echo(ALICE, DUT_LAN).len(usize::from(n) * 8 - 16 + 5);
        let parts = request.fragments(8);
        assert_eq!(parts.len(), usize::from(n));
        for order in orders(n.into()) {
            let mut net = dut().knows(LAN, ALICE);
            for at in &order {
                net.at(ms(0)).lan(&parts[*at]);
            }
            let told = tell(&net.plan);
            assert_eq!(told.outcome.ledger.held, 0, "{order:?}:\n{}", told.story);
            assert_answers(&payload(&frames_out(&net.plan, LAN)), &request);
        }
    }
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let longer = |order: Vec<usize>| {
        (0..n).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, n - 1);
            longer
        })
    };
    orders(n - 1).into_iter().flat_map(longer).collect()
}

#[test]
fn the_largest_ping_comes_back_byte_for_byte() {
    // 65,535 bytes with its header; as Linux, 45 fragments there and 45 back (05-frag-local d26).
    let request = icmp_echo(ALICE, DUT_LAN).len(65_507);
    let mut net = dut().knows(LAN, ALICE);
    for (at, fragment) in (0..).zip(request.fragments(1480)) {
        net.at(us(at)).lan(&fragment);
    }
    let told = tell(&net.plan);
    let out = frames_out(&net.plan, LAN);
    assert_eq!(out.len(), 45);
    assert_answers(&payload(&out), &request);
    assert_snapshot!(told.outcome.ledger, @"in 45 + made 45 = out 45 + consumed 45 + dropped 0 + held 0");
}

// B44
#[test]
fn on_a_link_of_9000_bytes_fragments_have_several_buffers() {
    let request = icmp_echo(ALICE, DUT_LAN).len(20_001);
    let mut net = dut().knows(LAN, ALICE);
    net.plan.config.ports[0].mtu = 9000;
    let mut fragments = request.fragments(8976);
    fragments.reverse();
    for fragment in fragments {
        net.at(ms(0)).lan(&fragment);
    }
    tell(&net.plan);
    let out = frames_out(&net.plan, LAN);
    assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), [9010, 9010, 2091]);
    assert_answers(&payload(&out), &request);
}

#[test]
fn fragments_leave_by_a_vlan_with_its_tag() {
    let alice = ALICE.with_ip([203, 0, 113, 7]);
    let us = DUT_LAN.with_ip([203, 0, 113, 1]);
    let mut net = dut().vlan(LAN, 7, "203.0.113.1/24").knows(PortId(2), alice);
    for fragment in icmp_echo(alice, us).len(2000).fragments(1480) {
        net.at(ms(0)).lan(&fragment.dst_mac(DUT_LAN.mac).vlan(7));
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  vlan 7 ip 203.0.113.7 > 203.0.113.1 icmp frag id 1 off 0 len 1480 MF ttl 64
        0.000       lan  <  vlan 7 ip 203.0.113.7 > 203.0.113.1 icmp frag id 1 off 1480 len 528 ttl 64
        0.002     1           datagram 1 of 203.0.113.7 holds 1 fragment, 1480 bytes
        0.002     1           datagram 1 of 203.0.113.7 is whole: 2 fragments, 2008 bytes
        0.006     1 lan  >  vlan 7 ip 203.0.113.1 > 203.0.113.7 icmp frag id 0 off 0 len 1480 MF ttl 64
        0.006     1 lan  >  vlan 7 ip 203.0.113.1 > 203.0.113.7 icmp frag id 0 off 1480 len 528 ttl 64
    in 2 + made 2 = out 2 + consumed 2 + dropped 0 + held 0
    ");
}

#[test]
fn an_overlap_has_the_whole_datagram_refused() {
    // As Linux (05-frag-local d12): the third fragment begins a datagram that never becomes whole.
    let whole = icmp_echo(ALICE, DUT_LAN).len(2392);
    let mut net = hasty();
    net.at(ms(0)).lan(&whole.fragment(0, 800)).lan(&whole.fragment(792, 808));
    net.at(ms(1)).lan(&whole.fragment(1600, 800));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 800 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 792 len 808 MF ttl 64
        0.002     1           datagram 1 of 198.51.100.7 holds 1 fragment, 800 bytes
        0.002     1           datagram 1 of 198.51.100.7 refused: 1 fragment, 800 bytes
        0.002     1           dropped reasm_overlap (packet 1)
        0.002     1           dropped reasm_overlap (packet 2)
        1.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 1600 len 800 ttl 64
        1.008     1           datagram 1 of 198.51.100.7 holds 1 fragment, 800 bytes
       11.045     1           datagram 1 of 198.51.100.7 expired: 1 fragment, 800 bytes
       11.045     1           dropped reasm_timeout (packet 3)
    in 3 + made 0 = out 0 + consumed 0 + dropped 3 + held 0
    ");
}

#[test]
fn a_duplicate_changes_nothing_whatever_it_says() {
    // As Linux (05-frag-local d11, d14).
    let whole = icmp_echo(ALICE, DUT_LAN).len(2392);
    let mut net = hasty();
    net.at(ms(0)).lan(&whole.fragment(0, 800)).lan(&whole.fragment(800, 800));
    let other = ipv4(ALICE, DUT_LAN, 1, &[0xee; 400]).offset(400).mf();
    net.at(ms(1)).lan(&other).lan(&whole.fragment(1600, 800));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 800 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 800 len 800 MF ttl 64
        0.002     1           datagram 1 of 198.51.100.7 holds 1 fragment, 800 bytes
        0.002     1           datagram 1 of 198.51.100.7 holds 2 fragments, 1600 bytes
        1.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 400 len 400 MF ttl 64
        1.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 1600 len 800 ttl 64
        1.008     1           dropped reasm_duplicate (packet 3)
        1.008     1           datagram 1 of 198.51.100.7 is whole: 3 fragments, 2400 bytes
        1.012     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 0 len 1480 MF ttl 64
        1.012     1 lan  >  ip 198.51.100.1 > 198.51.100.7 icmp frag id 0 off 1480 len 920 ttl 64
    in 4 + made 2 = out 2 + consumed 3 + dropped 1 + held 0
    ");
}

#[test]
fn whoever_sent_a_first_fragment_is_told_when_its_time_is_up() {
    // As Linux (05-frag-local d20, d21), but on time. RFC 1122 §3.3.2: not without the first.
    let whole = icmp_echo(ALICE, DUT_LAN).len(2392);
    let mut net = hasty();
    net.at(ms(0)).lan(&whole.fragment(0, 800));
    net.at(ms(2)).lan(&whole.fragment(1600, 800).id(2));
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 800 MF ttl 64
        0.002     1           datagram 1 of 198.51.100.7 holds 1 fragment, 800 bytes
        2.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 2 off 1600 len 800 ttl 64
        2.011     1           datagram 2 of 198.51.100.7 holds 1 fragment, 800 bytes
       10.040     1           datagram 1 of 198.51.100.7 expired: 1 fragment, 800 bytes
       10.040     1           dropped reasm_timeout (packet 1)
       10.047     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 reassembly time exceeded (11/1) for [ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 MF ttl 64] ttl 64 tos 0xc0
       12.050     1           datagram 2 of 198.51.100.7 expired: 1 fragment, 800 bytes
       12.050     1           dropped reasm_timeout (packet 2)
    in 2 + made 1 = out 1 + consumed 0 + dropped 2 + held 0
    ");
}

// B47
#[test]
fn a_datagram_is_given_up_by_the_first_run_of_its_job_at_or_after_its_time() {
    // The job runs in every tick that 100 divides, and a tick of nothing takes 10 µs here. The
    // fragment is received at 2 µs; in tick 1000 the job starts at 10,039 µs, and not a nanosecond
    // later.
    let first = icmp_echo(ALICE, DUT_LAN).len(2392).fragment(0, 800);
    let mut ticks = String::new();
    for timeout in [us(10_037), us(10_037) + dataplane::Nanos::new(1)] {
        let mut net = hasty();
        net.plan.config.policy.reassembly_timeout = timeout;
        net.at(ms(0)).lan(&first);
        ticks += &format!("{timeout}:\n{}", tell(&net.plan).ticks);
    }
    assert_snapshot!(ticks, @"
    10037us:
     0.000002000 lcore 1 tick      1 recv_fwd     1
     0.010039000 lcore 1 tick   1000 ipv4_frag    1
     0.010046000 lcore 1 tick   1001 xmit         1
    10037001ns:
     0.000002000 lcore 1 tick      1 recv_fwd     1
     0.011043000 lcore 1 tick   1100 ipv4_frag    1
     0.011050000 lcore 1 tick   1101 xmit         1
    ");
}

#[test]
fn errors_about_datagrams_that_expired_obey_the_limit_of_errors() {
    let limit = dataplane::config::RateLimit { per_second: 1, burst: 2 };
    let mut net = hasty().with(|plan| plan.config.policy.icmp_rate_limit = Some(limit));
    for id in 0..4 {
        net.at(ms(0)).lan(&icmp_echo(ALICE, DUT_LAN).len(2392).id(id).fragment(0, 800));
    }
    let story = net.run();
    assert_eq!(story.matches("reassembly time exceeded").count(), 2, "{story}");
    assert_eq!(story.matches("no icmp error").count(), 2, "{story}");
}

#[test]
fn more_bad_fragments_than_a_death_row_holds_leave_nothing_behind() {
    // DPVS: 289 mbufs on a row for 288, which is emptied every 100 loops (defect B47).
    let whole = icmp_echo(ALICE, DUT_LAN).len(2392);
    let mut net = hasty().with(|plan| plan.config.limits.rx_descriptors = 1024);
    net.at(ms(0));
    for id in 0..289 {
        net.lan(&whole.fragment(0, 800).id(id)).lan(&whole.fragment(792, 808).id(id));
    }
    let told = tell(&net.plan);
    assert_eq!(told.outcome.ledger.dropped[DropReason::ReassemblyOverlap], 578);
    assert_eq!(told.outcome.ledger.held, 0);
}

#[test]
fn an_error_quotes_the_whole_datagram() {
    // As Linux (05-frag-local d38, d39): the length is the datagram's, the front of it is quoted.
    let mut net = dut().knows(LAN, ALICE);
    for whole in [udp(ALICE, DUT_LAN).len(1592), ipv4(ALICE, DUT_LAN, 253, &[0; 1600]).id(2)] {
        for fragment in whole.fragments(800) {
            net.at(ms(0)).lan(&fragment);
        }
    }
    let story = net.run();
    assert!(story.contains("port unreachable (3/3)"), "{story}");
    assert!(story.contains("protocol unreachable (3/2)"), "{story}");
    for error in frames_out(&net.plan, LAN) {
        assert_eq!(error.len(), 14 + 576);
        // The quoted header: total length 1620, no flags, no offset.
        assert_eq!((&error[44..46], &error[48..50]), (&[0x06, 0x54][..], &[0, 0][..]));
    }
}

#[test]
fn the_kernel_gets_the_datagram_with_its_ethernet_header_in_front() {
    // DPVS: with the last fragment's IPv4 header in between (defect B46).
    for (len, cut) in [(1592, 800), (65_507, 1480)] {
        let whole = udp(ALICE, DUT_LAN).len(len);
        let mut fragments = whole.fragments(cut);
        fragments.rotate_left(1);
        let mut net = dut().kni(LAN, false).kni_lcore(9);
        for (at, fragment) in (0..).zip(fragments) {
            net.at(us(at)).lan(&fragment);
        }
        let told = tell(&net.plan);
        assert_eq!(told.outcome.ledger.dropped.total(), 0, "{}", told.story);
        assert!(frames_out(&net.plan, KERNEL) == [whole.build()], "{}", told.story);
    }
}

#[test]
fn fragments_of_a_datagram_meet_on_one_worker() {
    // A card hashes the addresses of fragments, and no ports: not all of them have any.
    let mut net = dut_with_workers(4).knows(LAN, ALICE);
    let hosts = [7, 8, 9, 10, 11, 12].map(|last| ALICE.with_ip([198, 51, 100, last]));
    for (id, host) in (0..).zip(hosts) {
        net = net.knows(LAN, host);
        for fragment in icmp_echo(host, DUT_LAN).len(2392).id(id).fragments(800) {
            net.at(us(u64::from(id))).lan(&fragment);
        }
    }
    let told = tell(&net.plan);
    let lcores = told.outcome.lcores.iter().map(|lcore| lcore.counters.reasm_ok);
    let whole: Vec<u64> = lcores.collect();
    assert_eq!(whole.iter().sum::<u64>(), 6);
    assert!(whole.iter().filter(|n| **n > 0).count() > 1, "more than one worker: {whole:?}");
}

#[test]
fn a_fragment_is_cut_again_and_stays_what_it_was() {
    // As Linux (05b d09 to d11). DPVS loses the offset and the flag (defect B44).
    let mut net = dut().knows(WAN, BOB);
    net.plan.config.ports[1].mtu = 576;
    for fragment in udp(ALICE, BOB).len(1993).fragments(1000) {
        net.at(ms(0)).lan(&fragment);
    }
    let story = net.run();
    let whole = udp(ALICE, BOB).len(1993).build();
    assert!(payload(&frames_out(&net.plan, WAN)) == whole[34..]);
    assert_snapshot!(story, @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 1000 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 1000 len 1000 MF ttl 64
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 2000 len 1 ttl 64
        0.007     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 552 MF ttl 63
        0.007     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 552 len 448 MF ttl 63
        0.007     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 1000 len 552 MF ttl 63
        0.007     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 1552 len 448 MF ttl 63
        0.007     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 2000 len 1 ttl 63
    in 3 + made 4 = out 5 + consumed 2 + dropped 0 + held 0
    ");
}

// B44, B51
#[test]
fn a_fragment_that_may_not_be_cut_earns_an_error_only_if_it_is_the_first() {
    // As Linux (05b d12, d13).
    let mut net = dut().knows(WAN, BOB).knows(LAN, ALICE);
    net.plan.config.ports[1].mtu = 576;
    for fragment in udp(ALICE, BOB).len(1592).fragments(800) {
        net.at(ms(0)).lan(&fragment.df());
    }
    assert_snapshot!(net.run(), @"
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 len 800 MF ttl 64 DF
        0.000       lan  <  ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 800 len 800 ttl 64 DF
        0.002     1           dropped fragmentation_needed (packet 1)
        0.002     1           no icmp error about packet 2: later_fragment
        0.002     1           dropped fragmentation_needed (packet 2)
        0.006     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 fragmentation needed (3/4) mtu 576 for [ip 198.51.100.7 > 192.0.2.9 udp frag id 1 off 0 MF ttl 64 DF] ttl 64 tos 0xc0
    in 2 + made 1 = out 1 + consumed 0 + dropped 2 + held 0
    ");
}

#[test]
fn pieces_wait_for_their_neighbour_together_and_only_the_first_earns_an_error() {
    let mut net = dut().knows(LAN, ALICE).route("203.0.113.0/24", Some(GW), WAN);
    net.plan.config.ports[1].mtu = 576;
    net.at(ms(0)).lan(&udp(ALICE, BOB).len(1000));
    let story = net.run();
    assert_eq!(story.matches("dropped neigh_unreachable").count(), 2, "{story}");
    assert_eq!(story.matches("host unreachable").count(), 1, "{story}");
    assert_eq!(story.matches("later_fragment").count(), 1, "{story}");
}

#[test]
fn a_packet_is_cut_whole_or_not_at_all() {
    let mut net = dut().knows(WAN, BOB).with(|plan| plan.config.limits.pool = 64);
    net.plan.config.ports[1].mtu = 68;
    // 64 buffers: 1 for the datagram of 62 pieces; 2 for that of 84.
    net.at(ms(0)).lan(&udp(ALICE, BOB).len(2014 - 28).id(1));
    net.at(ms(1)).lan(&udp(ALICE, BOB).len(4000).id(2));
    let story = net.run();
    let out = frames_out(&net.plan, WAN);
    assert!(out.iter().all(|frame| frame[18..20] == [0, 1]), "{story}");
    assert_eq!(payload(&out).len(), 2014 - 20);
    assert!(story.contains("no buffer for: fragment"), "{story}");
}

#[test]
fn under_the_profile_dpvs_nobody_looks_for_what_is_stale() {
    // DPVS: what never becomes whole is held until a later fragment comes (defect B47). Fragments
    // get as far as that only where they are not dropped before (B48).
    let whole = icmp_echo(ALICE, DUT_LAN).len(2392);
    let mut stories = String::new();
    for (name, policy) in [("lockstep", Policy::default()), ("dpvs", Policy::dpvs())] {
        let mut net = hasty();
        net.plan.config.policy =
            Policy { drop_fragments: false, reassembly_timeout: ms(10), ..policy };
        net.at(ms(0)).lan(&whole.fragment(0, 800).id(1));
        net.at(ms(30)).lan(&whole.fragment(0, 800).id(2));
        stories += &format!("{name}:\n{}", net.run_until(ms(60)));
    }
    assert_snapshot!(stories, @"
    lockstep:
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 800 MF ttl 64
        0.002     1           datagram 1 of 198.51.100.7 holds 1 fragment, 800 bytes
       10.039     1           datagram 1 of 198.51.100.7 expired: 1 fragment, 800 bytes
       10.039     1           dropped reasm_timeout (packet 1)
       10.046     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 reassembly time exceeded (11/1) for [ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 MF ttl 64] ttl 64 tos 0xc0
       30.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 2 off 0 len 800 MF ttl 64
       30.001     1           datagram 2 of 198.51.100.7 holds 1 fragment, 800 bytes
       40.162     1           datagram 2 of 198.51.100.7 expired: 1 fragment, 800 bytes
       40.162     1           dropped reasm_timeout (packet 3)
       40.169     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 reassembly time exceeded (11/1) for [ip 198.51.100.7 > 198.51.100.1 icmp frag id 2 off 0 MF ttl 64] ttl 64 tos 0xc0
    in 2 + made 2 = out 2 + consumed 0 + dropped 2 + held 0
    dpvs:
           ms lcore port    frame
        0.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 800 MF ttl 64
        0.002     1           datagram 1 of 198.51.100.7 holds 1 fragment, 800 bytes
       30.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 2 off 0 len 800 MF ttl 64
       30.009     1           datagram 1 of 198.51.100.7 expired: 1 fragment, 800 bytes
       30.009     1           dropped reasm_timeout (packet 1)
       30.009     1           datagram 2 of 198.51.100.7 holds 1 fragment, 800 bytes
    in 2 + made 0 = out 0 + consumed 0 + dropped 1 + held 1
    ");
}

#[test]
fn under_the_profile_dpvs_the_ninth_fragment_is_too_many() {
    for (policy, answered) in [(Policy::default(), true), (Policy::dpvs(), false)] {
        let request = icmp_echo(ALICE, DUT_LAN).len(64);
        let mut net = dut().knows(LAN, ALICE);
        net.plan.config.policy = Policy { drop_fragments: false, ..policy };
        for fragment in request.fragments(8) {
            net.at(ms(0)).lan(&fragment);
        }
        let story = net.run();
        assert_eq!(story.contains("echo reply"), answered, "{story}");
        assert_eq!(story.matches("dropped reasm_too_many").count(), if answered { 0 } else { 9 });
    }
}

#[test]
fn the_report_tells_what_became_of_fragments() {
    let path = repository().join("fixtures/scenarios/fragments.toml");
    let plan = Scenario::load(&path, &Overrides::default()).unwrap().plan;
    let told = tell(&plan);
    let report = sim::report::text("fragments", &plan, &told.outcome);
    let (_, section) = report.split_once("what became of ").unwrap();
    let (section, _) = section.split_once("\nlcore ").unwrap();
    assert_snapshot!(format!("{}\n{section}", told.story), @"
           ms lcore port    frame
        1.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 32 len 16 ttl 64
        1.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 0 len 16 MF ttl 64
        1.000     1           datagram 1 of 198.51.100.7 holds 1 fragment, 16 bytes
        1.000     1           datagram 1 of 198.51.100.7 holds 2 fragments, 32 bytes
        2.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 1 off 16 len 16 MF ttl 64
        2.000     1           datagram 1 of 198.51.100.7 is whole: 3 fragments, 48 bytes
        2.000     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 echo reply id 1 seq 1 ttl 64 len 40
        3.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 2 off 0 len 24 MF ttl 64
        3.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 2 off 16 len 32 ttl 64
        3.000     1           datagram 2 of 198.51.100.7 holds 1 fragment, 24 bytes
        3.000     1           datagram 2 of 198.51.100.7 refused: 1 fragment, 24 bytes
        3.000     1           dropped reasm_overlap (packet 4)
        3.000     1           dropped reasm_overlap (packet 5)
        4.000       lan  <  ip 198.51.100.7 > 198.51.100.1 icmp frag id 3 off 0 len 16 MF ttl 64
        4.000     1           datagram 3 of 198.51.100.7 holds 1 fragment, 16 bytes
        5.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 96 no udp checksum
        5.000     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 4 off 0 len 48 MF ttl 63
        5.000     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 4 off 48 len 48 MF ttl 63
        5.000     1 wan  >  ip 198.51.100.7 > 192.0.2.9 udp frag id 4 off 96 len 8 ttl 63
      104.005     1           datagram 3 of 198.51.100.7 expired: 1 fragment, 16 bytes
      104.005     1           dropped reasm_timeout (packet 6)
      104.005     1 lan  >  icmp 198.51.100.1 > 198.51.100.7 reassembly time exceeded (11/1) for [ip 198.51.100.7 > 198.51.100.1 icmp frag id 3 off 0 MF ttl 64] ttl 64 tos 0xc0
    in 7 + made 4 = out 5 + consumed 3 + dropped 3 + held 0

    11 packets
               7  came in, 4 made here (ICMP errors 1, fragments 3)
               5  left
               3  consumed               joined with other fragments 2, cut into fragments 1
               2  reasm_overlap          A fragment of this datagram overlaps others in part: nobody can tell which bytes are right.
               1  reasm_timeout          The rest of the datagram did not come in time.
    ");
}

#[test]
fn the_profiles_wait_as_long_as_linux_and_dpvs_do() {
    let (ours, dpvs) = (Policy::default(), Policy::dpvs());
    assert_eq!((ours.reassembly_timeout, dpvs.reassembly_timeout), (ms(30_000), ms(1000)));
    assert_eq!((ours.reassembly_fragments, dpvs.reassembly_fragments), (8190, 8));
    assert_eq!((ours.reassembly_icmp, dpvs.reassembly_icmp), (true, false));
}
