//! Every refusal has a name.
//!
//! A packet that is refused is counted once, under exactly one of these reasons, and told to the
//! observer as [`Event::Dropped`](crate::Event::Dropped). The reasons stand in the order of the
//! packet's path.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl DropReason {
            /// Every reason, in the order of [`DropReason::index`].
            pub const ALL: &'static [DropReason] = &[$(DropReason::$name,)+];

            /// The name in traces, counters and comments.
            pub const fn name(self) -> &'static str {
                match self {
                    $(DropReason::$name => $text,)+
                }
            }

            /// One sentence for a report.
            pub const fn explain(self) -> &'static str {
                match self {
                    $(DropReason::$name => concat!($($doc,)+),)+
                }
            }
        }
    };
}

reasons! {
    // On the wire and in the receive queue: the simulator's, before an lcore sees the frame.
    /// It was lost on its way to the wire, on purpose.
    WireLost = "wire_lost",
    /// The link of the port was down, on purpose.
    LinkDown = "link_down",
    /// The wire's queue was full: frames came faster than its rate.
    WireQueueFull = "wire_queue_full",
    /// The receive queue was full: its lcore fell behind (`imissed`).
    RxMissed = "rx_missed",
    /// The pool had no buffer for the frame (`rx_nombuf`).
    RxNoBuffer = "rx_no_buffer",
    /// The capture holds only the front of the frame and the run was told to drop those.
    RxSnapped = "rx_snapped",
    /// The frame is longer than any that may be received.
    RxOversize = "rx_oversize",

    // Traffic control.
    /// A classifier says that it is to be dropped.
    TcDropped = "tc_dropped",
    /// Classifiers sent it down more often than they may.
    TcTooDeep = "tc_too_deep",
    /// As much waits in the Qsch as may.
    QschFull = "qsch_full",
    /// The frame is longer than the bucket of the tbf holds: it could never pass.
    QschTooLong = "qsch_too_long",
    /// The Qsch was deleted while the packet waited in it.
    QschDeleted = "qsch_deleted",

    // Ethernet and VLAN.
    /// The frame is shorter than an Ethernet header.
    EthTruncated = "eth_truncated",
    /// The frame ends within its 802.1Q tag.
    VlanTruncated = "vlan_truncated",
    /// No VLAN device of that port has this VLAN id.
    VlanUnknown = "vlan_unknown",
    /// VLAN id 4095 is reserved; under the `dpvs` profile, VLAN id 0 is refused too.
    VlanReserved = "vlan_reserved",
    /// The VLAN device of the frame went while the frame was in a ring.
    DeviceGone = "device_gone",
    /// Nobody handles this EtherType, and the port has no KNI.
    EtherTypeUnknown = "ethertype_unknown",

    // ARP.
    /// The packet is shorter than the 28 bytes of ARP for Ethernet and IPv4.
    ArpTruncated = "arp_truncated",
    /// The hardware type is not Ethernet, or its address length not 6.
    ArpHardware = "arp_hardware",
    /// The protocol type is not IPv4, or its address length not 4.
    ArpProtocol = "arp_protocol",
    /// The operation is neither request nor reply.
    ArpOperation = "arp_operation",
    /// The sender's address is no unicast address, or is our own.
    ArpSender = "arp_sender",
    /// The frame was sent to another station.
    ArpOtherHost = "arp_other_host",
    /// The target is no address of this port.
    ArpNotOurs = "arp_not_ours",
    /// A reply from an address that this lcore never asked for.
    ArpUnsolicited = "arp_unsolicited",
    /// A reply that contradicts a static neighbour.
    ArpStatic = "arp_static",

    // IPv4 input.
    /// The frame was sent to another station.
    IpOtherHost = "ip_other_host",
    /// The packet is shorter than its IPv4 header.
    IpTruncated = "ip_truncated",
    /// The version is not 4.
    IpVersion = "ip_version",
    /// The header length is below 20 bytes.
    IpHeaderLength = "ip_header_length",
    /// The header checksum is wrong.
    IpChecksum = "ip_checksum",
    /// The total length is below the header length.
    IpTotalLength = "ip_total_length",
    /// The total length is beyond the end of the frame.
    IpBeyondFrame = "ip_beyond_frame",
    /// The source address may not come from a wire: this network, loopback, multicast, broadcast or our own.
    IpMartianSource = "ip_martian_source",
    /// The destination address may not come from a wire: this network or loopback.
    IpMartianDestination = "ip_martian_destination",
    /// An option is malformed.
    IpOptions = "ip_options",
    /// The packet asks for source routing.
    IpSourceRoute = "ip_source_route",
    /// The policy drops every fragment before routing.
    IpFragmentPolicy = "ip_fragment_policy",
    /// Multicast, and nobody here listens to it.
    IpMulticast = "ip_multicast",
    /// Limited or directed broadcast, and nobody here listens to it.
    IpBroadcast = "ip_broadcast",
    /// No route to the destination.
    IpNoRoute = "ip_no_route",

    // Local delivery.
    /// All of the fragment's bytes are held already.
    ReassemblyDuplicate = "reasm_duplicate",
    /// A fragment of this datagram overlaps others in part: nobody can tell which bytes are right.
    ReassemblyOverlap = "reasm_overlap",
    /// The fragments of this datagram contradict each other about where it ends.
    ReassemblyEnd = "reasm_end",
    /// A fragment of this datagram is empty, or not the last and shorter than 8 bytes.
    ReassemblyEmpty = "reasm_empty",
    /// The fragment, or the datagram with its header, ends beyond the 65,535 bytes that one may have.
    ReassemblyOversize = "reasm_oversize",
    /// Some fragments of this datagram are ECN-capable and others not (RFC 3168 §5.3).
    ReassemblyEcn = "reasm_ecn",
    /// The datagram has more fragments than the policy lets one have.
    ReassemblyTooMany = "reasm_too_many",
    /// The oldest datagram gave way: as many datagrams, fragments or bytes were held as may.
    ReassemblyEvicted = "reasm_evicted",
    /// The rest of the datagram did not come in time.
    ReassemblyTimeout = "reasm_timeout",
    /// Nobody here handles this protocol, and the port has no KNI.
    ProtocolUnknown = "protocol_unknown",
    /// Nobody here listens to this UDP or TCP port, and the port has no KNI.
    PortUnreachable = "port_unreachable",
    /// A UDP datagram or TCP segment for us is shorter than its header, or than it says.
    TransportLength = "l4_length",
    /// The checksum of a UDP datagram or TCP segment for us is wrong.
    TransportChecksum = "l4_checksum",
    /// The message is shorter than an ICMP header.
    IcmpTruncated = "icmp_truncated",
    /// The ICMP checksum is wrong.
    IcmpChecksum = "icmp_checksum",
    /// A redirect with a code that RFC 792 does not know.
    IcmpRedirectCode = "icmp_redirect_code",
    /// A redirect that does not quote the packet it is about.
    IcmpRedirectQuote = "icmp_redirect_quote",
    /// A redirect to a gateway that is not on the link it came by, or that is one of our own addresses.
    IcmpRedirectGateway = "icmp_redirect_gateway",
    /// A redirect from somebody who is not our gateway for that destination.
    IcmpRedirectSource = "icmp_redirect_source",
    /// Nobody here handles this ICMP type, and the port has no KNI.
    IcmpType = "icmp_type",
    /// An echo request whose code is not 0, under the `dpvs` profile.
    IcmpEchoCode = "icmp_echo_code",

    // Forwarding and output.
    /// Forwarding is switched off.
    ForwardingOff = "forwarding_off",
    /// A frame to a group address is not forwarded as unicast.
    ForwardGroupFrame = "forward_group_frame",
    /// The time to live ran out.
    TtlExceeded = "ttl_exceeded",
    /// Larger than the next hop's MTU, and it must not be fragmented.
    FragmentationNeeded = "fragmentation_needed",
    /// The pool had no buffer for a fragment of the packet.
    FragmentNoBuffer = "frag_no_buffer",
    /// The packet is a fragment, and a piece of it would begin where no datagram has any bytes.
    FragmentBeyondEnd = "frag_beyond_end",
    /// No route for a packet of our own.
    OutputNoRoute = "output_no_route",
    /// No address to send a packet of our own from.
    OutputNoSource = "output_no_source",
    /// The buffer has no room in front for a header.
    NoHeadroom = "no_headroom",

    // Neighbours.
    /// As many packets wait for this neighbour as may.
    NeighQueueFull = "neigh_queue_full",
    /// The neighbour table is full.
    NeighTableFull = "neigh_table_full",
    /// The neighbour did not answer.
    NeighUnreachable = "neigh_unreachable",
    /// The neighbour was deleted while the packet waited.
    NeighDeleted = "neigh_deleted",

    // Transmit and rings.
    /// The port took fewer packets than were offered.
    TxRefused = "tx_refused",
    /// The arp_ring of another lcore was full.
    ArpRingFull = "arp_ring_full",
    /// The ring of the worker that takes all echoes was full.
    IcmpRedirectRingFull = "icmp_redirect_ring_full",
    /// The msg_ring of the worker that was to send it for the master was full.
    MsgRingFull = "msg_ring_full",
    /// The message that was to carry it to another lcore may not be sent.
    MsgRefused = "msg_refused",
    /// The lcore that took the message that carried it dropped the message.
    MsgDropped = "msg_dropped",
    /// The ring of an isolated receive queue was full: its worker fell behind.
    IsolRingFull = "isol_ring_full",
    /// Polled for the kernel alone, and the device has no kernel side.
    KniAbsent = "kni_absent",
    /// The ring to the kernel side of the device was full.
    KniRingFull = "kni_ring_full",
    /// The kernel took fewer packets than were offered.
    KniRefused = "kni_refused",
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = DropReason::ALL.len();

    /// A dense number, for tables by reason.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_indexes_are_dense() {
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            let same = DropReason::ALL.iter().filter(|r| r.name() == reason.name()).count();
            assert_eq!(same, 1, "{reason}");
        }
    }
}
