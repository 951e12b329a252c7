//! Every reason for which a packet is dropped: one run for each, and no reason is left out, because
//! the `match` below has no other arm.

use dataplane::config::Policy;
use dataplane::control::Order;
use dataplane::msg::Priority;
use dataplane::tc::{Handle, Kind, Match, TcChange};
use dataplane::{DropReason, PortId};
use fixtures::{
    ALICE, BOB, BROADCAST, CAROL, DUT_LAN, DUT_WAN, Frame, GW, arp_reply, arp_request, icmp,
    icmp_echo, icmp_error, ipv4, raw, udp,
};
use sim::plan::{PortPlan, Snapped, WirePlan};
use tests::{Dut, LAN, WAN, dut, dut_with_workers, ms, tbf, tell};

/// A run in which a packet is dropped for `reason`. Nothing: no port can bring it about.
fn shown(reason: DropReason) -> Option<Dut> {
    use DropReason as R;
    Some(match reason {
        R::WireQueueFull | R::RxMissed | R::RxNoBuffer | R::RxSnapped | R::RxOversize => {
            on_the_way_in(reason)
        }
        R::MsgRingFull | R::MsgRefused => for_the_master(reason),
        R::IsolRingFull | R::KniRingFull | R::KniRefused | R::KniAbsent => {
            beside_the_workers(reason)
        }
        R::TcDropped | R::TcTooDeep | R::QschFull | R::QschTooLong | R::QschDeleted => {
            shaped(reason)
        }
        R::EthTruncated
        | R::VlanTruncated
        | R::VlanUnknown
        | R::VlanReserved
        | R::EtherTypeUnknown => ethernet(reason),
        R::ArpTruncated
        | R::ArpHardware
        | R::ArpProtocol
        | R::ArpOperation
        | R::ArpSender
        | R::ArpOtherHost
        | R::ArpNotOurs
        | R::ArpUnsolicited
        | R::ArpStatic => arp(reason),
        R::IpOtherHost
        | R::IpTruncated
        | R::IpVersion
        | R::IpHeaderLength
        | R::IpChecksum
        | R::IpTotalLength
        | R::IpBeyondFrame
        | R::IpMartianSource
        | R::IpMartianDestination
        | R::IpOptions
        | R::IpSourceRoute
        | R::IpFragmentPolicy
        | R::IpMulticast
        | R::IpBroadcast
        | R::IpNoRoute => ip(reason),
        R::ReassemblyDuplicate
        | R::ReassemblyOverlap
        | R::ReassemblyEnd
        | R::ReassemblyEmpty
        | R::ReassemblyOversize
        | R::ReassemblyEcn
        | R::ReassemblyTooMany
        | R::ReassemblyEvicted
        | R::ReassemblyTimeout => reassembly(reason),
        R::ProtocolUnknown | R::PortUnreachable | R::TransportLength | R::TransportChecksum => {
            for_us(reason)
        }
        R::IcmpTruncated | R::IcmpChecksum | R::IcmpType | R::IcmpEchoCode => message(reason),
        R::IcmpRedirectCode
        | R::IcmpRedirectQuote
        | R::IcmpRedirectGateway
        | R::IcmpRedirectSource => redirected(reason),
        R::ForwardingOff | R::ForwardGroupFrame | R::TtlExceeded => not_forwarded(reason),
        R::FragmentationNeeded | R::FragmentNoBuffer | R::FragmentBeyondEnd => too_large(reason),
        R::OutputNoRoute => one(&icmp_echo(CAROL, DUT_LAN).dst_mac(DUT_LAN.mac)),
        R::OutputNoSource => nameless(),
        // No frame from a port brings this about: `msg/tests.rs` shows it.
        R::MsgDropped => return None,
        R::NeighQueueFull | R::NeighTableFull | R::NeighUnreachable | R::NeighDeleted => {
            neighbours(reason)
        }
        R::WireLost | R::LinkDown | R::TxRefused | R::NoHeadroom => at_a_wire(reason),
        R::ArpRingFull | R::IcmpRedirectRingFull | R::DeviceGone => between_workers(reason),
    })
}

/// What is addressed to the box, and is nothing that it takes.
fn for_us(reason: DropReason) -> Dut {
    use DropReason as R;
    match reason {
        R::ProtocolUnknown => one(&ipv4(ALICE, DUT_LAN, 253, &[0; 20])),
        R::PortUnreachable => one(&udp(ALICE, DUT_LAN)),
        R::TransportLength => one(&ipv4(ALICE, DUT_LAN, 17, &[0; 7])),
        _ => one(&udp(ALICE, DUT_LAN).bad_checksum()),
    }
}

/// What is addressed to somebody else, and is not passed on.
fn not_forwarded(reason: DropReason) -> Dut {
    match reason {
        DropReason::ForwardingOff => {
            one(&udp(ALICE, BOB)).with(|p| p.config.policy.forwarding = false)
        }
        DropReason::ForwardGroupFrame => one(&udp(ALICE, BOB).dst_mac(BROADCAST)),
        _ => one(&udp(ALICE, BOB).ttl(1)),
    }
}

fn one(frame: &Frame) -> Dut {
    bytes(&frame.build())
}

fn bytes(frame: &[u8]) -> Dut {
    let mut net = dut();
    net.at(ms(1)).bytes(LAN, frame.to_vec());
    net
}

/// A frame with no room for a tag in front of it has to leave by a VLAN device.
fn tight() -> Dut {
    let bob = BOB.with_ip([10, 0, 100, 9]);
    let mut net = dut().vlan(WAN, 100, "10.0.100.1/24").knows(PortId(2), bob);
    net.at(ms(1)).lan(&udp(ALICE, bob));
    net.fails("room:lan:1=3")
}

/// `n` frames for BOB at one instant.
fn burst(n: usize) -> Dut {
    let mut net = dut().knows(WAN, BOB);
    (0..n).for_each(|_| drop(net.at(ms(1)).lan(&udp(ALICE, BOB)).plan.clone()));
    net
}

fn narrow(plan: &mut sim::plan::Plan) {
    plan.config.ports[1].mtu = 1400;
}

fn slow_wire(queue: u32) -> PortPlan {
    PortPlan::Ring(WirePlan { rate: Some(1_000_000), queue, ..WirePlan::default() })
}

fn between_workers(reason: DropReason) -> Dut {
    if reason == DropReason::DeviceGone {
        return between_two_rings();
    }
    if reason == DropReason::IcmpRedirectRingFull {
        let mut net = one(&icmp_echo(ALICE, DUT_LAN)).with(|p| {
            p.config.icmp_redirect_core = Some(dataplane::LcoreId(1));
            p.config.limits.icmp_redirect_ring = 1;
        });
        net.lan(&icmp_echo(ALICE, DUT_LAN));
        return net;
    }
    let mut net = dut_with_workers(2).with(|p| p.config.limits.arp_ring = 1);
    net.at(ms(0)).wan(&arp_reply(BOB, DUT_WAN)).wan(&arp_reply(GW, DUT_WAN));
    net
}

/// What happens on lcores that are no workers.
fn beside_the_workers(reason: DropReason) -> Dut {
    let mut net = match reason {
        DropReason::IsolRingFull => dut().isolated(5, LAN),
        _ => dut().kni(WAN, false).kni_lcore(9),
    };
    match reason {
        DropReason::IsolRingFull => net.plan.config.limits.isol_ring = 1,
        DropReason::KniRingFull => net.plan.config.limits.kni_ring = 1,
        DropReason::KniRefused => {
            let wire = WirePlan { rate: Some(1_000_000), ..WirePlan::default() };
            net.plan.ports[2] = PortPlan::Ring(wire);
            net.plan.config.limits.tx_descriptors = 1;
        }
        _ => {
            let queue = net.plan.config.lcores[1].queues[LAN.index()].rx.remove(0);
            net.plan.config.lcores[2].queues[LAN.index()].rx.push(queue);
        }
    }
    for _ in 0..3 {
        net.at(ms(0)).lan(&raw(ALICE, DUT_LAN, 0x88cc, &[0; 46]));
        net.wan(&raw(BOB, DUT_WAN, 0x88cc, &[0; 46]));
    }
    net
}

/// What the kernel sends and the master cannot give to a worker.
fn for_the_master(reason: DropReason) -> Dut {
    let mut net = dut().kni(LAN, false);
    match reason {
        DropReason::MsgRingFull => net.plan.config.limits.msg_ring = 1,
        _ => net.plan.config.policy.msg_priority_level = Priority::Ign,
    }
    for _ in 0..2 {
        net.at(ms(1)).bytes(dataplane::PortId(2), udp(DUT_LAN, ALICE).build());
    }
    net
}

/// What traffic control refuses on the way out.
fn shaped(reason: DropReason) -> Dut {
    let net = burst(4);
    let any = Match::default();
    match reason {
        DropReason::TcDropped => {
            net.qsch(WAN, "root", "", Kind::Pfifo { limit: 9 }).cls(WAN, "root", any, "")
        }
        DropReason::TcTooDeep => {
            (1..=9).fold(net.qsch(WAN, "root", "", Kind::Pfifo { limit: 9 }), |net, depth| {
                let parent = if depth == 1 { "root".to_owned() } else { format!("{}:", depth - 1) };
                let child = format!("{depth}:");
                let net = net.qsch(WAN, &child, &parent, Kind::Pfifo { limit: 9 });
                net.cls(WAN, &parent, any, &child)
            })
        }
        DropReason::QschFull => net.qsch(WAN, "root", "", tbf(8000, 100, 100)),
        DropReason::QschTooLong => net.qsch(WAN, "root", "", tbf(8000, 73, 1000)),
        _ => {
            let mut net = net.qsch(WAN, "root", "", tbf(8000, 100, 1000));
            let gone = TcChange::DeleteQsch { dev: WAN, handle: Handle::ROOT };
            net.at(ms(2)).order(Order::Tc(gone));
            net
        }
    }
}

fn on_the_way_out() -> Dut {
    let mut net = burst(2).with(|p| p.config.limits.tx_descriptors = 1);
    net.plan.ports[1] = slow_wire(16);
    net
}

fn on_the_way_in(reason: DropReason) -> Dut {
    match reason {
        DropReason::WireQueueFull => {
            let mut net = burst(4);
            net.plan.ports[0] = slow_wire(2);
            net
        }
        DropReason::RxMissed => burst(2).with(|p| p.config.limits.rx_descriptors = 1),
        DropReason::RxNoBuffer => burst(65).with(|p| p.config.limits.pool = 64),
        DropReason::RxSnapped => {
            let mut net = dut().with(|p| p.snapped = Snapped::Drop);
            net.plan.inputs.push(crate::bad_input::snapped_capture(LAN));
            net
        }
        _ => bytes(&[0; 65_536]),
    }
}

fn at_a_wire(reason: DropReason) -> Dut {
    match reason {
        DropReason::NoHeadroom => tight(),
        DropReason::WireLost => one(&udp(ALICE, BOB)).fails("lose:lan:1"),
        DropReason::LinkDown => one(&udp(ALICE, BOB)).fails("down:lan@1ms=1ns"),
        _ => on_the_way_out(),
    }
}

fn ethernet(reason: DropReason) -> Dut {
    match reason {
        DropReason::EthTruncated => bytes(&[0; 13]),
        DropReason::VlanTruncated => bytes(&udp(ALICE, BOB).vlan(7).build()[..17]),
        DropReason::VlanUnknown => one(&udp(ALICE, BOB).vlan(7)),
        DropReason::VlanReserved => one(&udp(ALICE, BOB).vlan(4095)),
        _ => one(&raw(ALICE, DUT_LAN, 0x88cc, &[0; 46])),
    }
}

fn ip(reason: DropReason) -> Dut {
    match reason {
        DropReason::IpOtherHost => one(&udp(ALICE, BOB).dst_mac([2, 9, 9, 9, 9, 9])),
        DropReason::IpTruncated => bytes(&udp(ALICE, BOB).build()[..33]),
        DropReason::IpVersion => one(&udp(ALICE, BOB).version(5)),
        DropReason::IpHeaderLength => one(&udp(ALICE, BOB).ihl(4)),
        DropReason::IpChecksum => one(&udp(ALICE, BOB).bad_ip_checksum()),
        DropReason::IpTotalLength => one(&udp(ALICE, BOB).total_len(19)),
        DropReason::IpBeyondFrame => one(&udp(ALICE, BOB).total_len(200)),
        DropReason::IpMartianSource => one(&udp(ALICE, BOB).src_ip([127, 0, 0, 1])),
        DropReason::IpMartianDestination => one(&udp(ALICE, BOB).dst_ip([127, 0, 0, 1])),
        DropReason::IpOptions => one(&udp(ALICE, BOB).options(&[7, 1, 4, 0])),
        DropReason::IpSourceRoute => one(&udp(ALICE, BOB).options(&[131, 7, 4, 192, 0, 2, 1, 0])),
        DropReason::IpFragmentPolicy => {
            one(&udp(ALICE, BOB).mf()).with(|p| p.config.policy = Policy::dpvs())
        }
        DropReason::IpMulticast => one(&udp(ALICE, BOB).dst_ip([224, 0, 0, 1])),
        DropReason::IpBroadcast => {
            one(&udp(ALICE, BOB).dst_ip([255, 255, 255, 255]).dst_mac(BROADCAST))
        }
        DropReason::IpNoRoute => one(&udp(ALICE, CAROL)),
        _ => one(&udp(ALICE, CAROL)),
    }
}

/// An ICMP message for us that nobody wants.
fn message(reason: DropReason) -> Dut {
    match reason {
        DropReason::IcmpTruncated => one(&ipv4(ALICE, DUT_LAN, 1, &[8, 0, 0, 0])),
        DropReason::IcmpChecksum => one(&icmp_echo(ALICE, DUT_LAN).bad_checksum()),
        DropReason::IcmpType => one(&icmp(ALICE, DUT_LAN, 200, 0, [0; 4], &[])),
        _ => {
            one(&icmp(ALICE, DUT_LAN, 8, 7, [0; 4], &[])).with(|p| p.config.policy = Policy::dpvs())
        }
    }
}

/// More than the link to BOB takes, and it cannot or may not be cut.
fn too_large(reason: DropReason) -> Dut {
    match reason {
        DropReason::FragmentationNeeded => one(&udp(ALICE, BOB).len(1400).df()).with(narrow),
        DropReason::FragmentBeyondEnd => {
            one(&udp(ALICE, BOB).len(1400).offset(65_528)).with(narrow)
        }
        _ => one(&udp(ALICE, BOB).len(4000)).with(|p| {
            p.config.limits.pool = 64;
            p.config.ports[1].mtu = 68;
        }),
    }
}

/// Fragments for us of which nothing comes.
fn reassembly(reason: DropReason) -> Dut {
    let whole = icmp_echo(ALICE, DUT_LAN).len(80);
    let (first, last) = (whole.fragment(0, 40), whole.fragment(40, 48));
    let (then, limit): (Frame, fn(&mut sim::plan::Plan)) = match reason {
        DropReason::ReassemblyDuplicate => (first.clone(), |_| ()),
        DropReason::ReassemblyOverlap => (whole.fragment(32, 40), |_| ()),
        DropReason::ReassemblyEnd => (ended_early(), |_| ()),
        DropReason::ReassemblyEmpty => (whole.fragment(40, 0), |_| ()),
        DropReason::ReassemblyOversize => (last.offset(65_504), |_| ()),
        DropReason::ReassemblyEcn => (last.tos(3), |_| ()),
        DropReason::ReassemblyTooMany => {
            (whole.fragment(40, 8), |p| p.config.policy.reassembly_fragments = 2)
        }
        DropReason::ReassemblyEvicted => (last.id(9), |p| p.config.limits.reasm_datagrams = 1),
        _ => (last.id(9), |_| ()),
    };
    let mut net = dut().knows(LAN, ALICE).with(limit);
    net.plan.config.policy.reassembly_timeout = ms(10);
    net.at(ms(1)).lan(&first).lan(&then);
    if reason == DropReason::ReassemblyTooMany {
        net.lan(&whole.fragment(56, 8));
    }
    net
}

/// A last fragment that ends before the first one does.
fn ended_early() -> Frame {
    icmp_echo(ALICE, DUT_LAN).len(16).fragment(16, 8)
}

fn arp(reason: DropReason) -> Dut {
    let request = arp_request(ALICE, DUT_LAN);
    let changed = |at: usize, to: u8| {
        let mut frame = request.build();
        frame[at] = to;
        bytes(&frame)
    };
    match reason {
        DropReason::ArpTruncated => bytes(&request.build()[..41]),
        DropReason::ArpHardware => changed(15, 6),
        DropReason::ArpProtocol => changed(16, 0x86),
        DropReason::ArpOperation => changed(21, 9),
        DropReason::ArpSender => one(&request.arp_sender(ALICE.with_ip([224, 0, 0, 5]))),
        DropReason::ArpOtherHost => one(&request.dst_mac([2, 9, 9, 9, 9, 9])),
        DropReason::ArpNotOurs => one(&arp_request(ALICE, BOB)),
        DropReason::ArpUnsolicited => one(&arp_reply(ALICE, DUT_LAN)),
        _ => one(&arp_reply(ALICE.with_mac([2, 0, 0, 0, 0, 0x66]), DUT_LAN)).knows(LAN, ALICE),
    }
}

/// A redirect that a host would not believe either.
fn redirected(reason: DropReason) -> Dut {
    let about = udp(DUT_LAN, CAROL);
    let (code, gateway) = match reason {
        DropReason::IcmpRedirectCode => (4, BOB),
        DropReason::IcmpRedirectGateway => (1, BOB),
        _ => (1, ALICE.with_ip([198, 51, 100, 9])),
    };
    let told = match reason {
        DropReason::IcmpRedirectQuote => icmp(ALICE, DUT_LAN, 5, 1, gateway.ip.octets(), &[0; 8]),
        _ => icmp_error(ALICE, 5, code, gateway.ip.octets(), &about),
    };
    one(&told)
}

/// Worker 2 gives worker 1 a copy of an ARP reply in a VLAN, and both hear that the VLAN device has
/// gone before worker 1 looks into its ring.
fn between_two_rings() -> Dut {
    let mut net = dut_with_workers(2).vlan(WAN, 100, "10.0.100.1/24").with(|plan| {
        // Frames without ports come to queue 0: here it is the second worker's.
        let [_, first, second] = plan.config.lcores.as_mut_slice() else { return };
        std::mem::swap(&mut first.queues, &mut second.queues);
    });
    let (host, ours) = (BOB.with_ip([10, 0, 100, 9]), DUT_WAN.with_ip([10, 0, 100, 1]));
    net.at(ms(1)).told("vlan del wan.100");
    net.at(ms(1)).wan(&arp_reply(host, ours).vlan(100));
    net
}

/// An ICMP error that would have to leave by a device without an address.
fn nameless() -> Dut {
    let other = BOB.with_ip([198, 51, 100, 9]);
    let mut net = one(&udp(CAROL, other).dst_mac(DUT_LAN.mac).ttl(1));
    net.plan.config.ports[1].addresses.clear();
    net.route("203.0.113.0/24", None, WAN)
}

fn neighbours(reason: DropReason) -> Dut {
    let mut net = dut();
    net.at(ms(1)).lan(&udp(ALICE, BOB)).lan(&udp(ALICE, BOB.with_ip([192, 0, 2, 10])));
    match reason {
        DropReason::NeighQueueFull => {
            net.lan(&udp(ALICE, BOB));
            net.with(|p| p.config.limits.neigh_queue = 1)
        }
        DropReason::NeighTableFull => net.with(|p| p.config.limits.neigh_entries = 1),
        DropReason::NeighDeleted => {
            net.at(ms(2)).command(WAN, BOB, false);
            net
        }
        _ => net,
    }
}

// B55, B92, B97
#[test]
fn every_reason_is_shown_by_a_run() {
    for reason in DropReason::ALL {
        let Some(net) = shown(*reason) else { continue };
        let story = tell(&net.plan).story;
        assert!(story.contains(&format!("dropped {reason}")), "{reason} is not shown by\n{story}");
    }
}
