//! The range of each number in a scenario: one table, for checks, JSON Schema and tests.
//!
//! Invariant: [`ALL`] names every range here, each by its table and key in the scenario.

use super::error::Mistake;
use super::value::At;
use dataplane::LcoreId;
use dataplane::config::{Limits, Policy};

/// The numbers that a key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranged {
    /// The table, as the JSON Schema names it.
    pub table: &'static str,
    /// The key in it.
    pub key: &'static str,
    /// The smallest it may be.
    pub min: u64,
    /// The largest it may be.
    pub max: u64,
}

macro_rules! ranges {
    ($($(#[$doc:meta])* $name:ident = $table:literal.$key:literal in $range:expr;)*) => {
        $($(#[$doc])* pub const $name: Ranged =
            Ranged { table: $table, key: $key, min: $range.0, max: $range.1 };)*
        /// Every range.
        pub const ALL: &[Ranged] = &[$($name),*];
    };
}

const fn wide((min, max): (u32, u32)) -> (u64, u64) {
    (min as u64, max as u64)
}

const fn wide16((min, max): (u16, u16)) -> (u64, u64) {
    (min as u64, max as u64)
}

ranges! {
    /// Workers, when nothing else says what the lcores are.
    WORKERS = "scenario"."workers" in (1, Limits::QUEUES);
    /// Bytes of an IPv4 packet.
    PORT_MTU = "port"."mtu" in wide16(Limits::MTU);
    /// net_pcap and net_ring have at most 16.
    RX_QUEUES = "port"."rx_queues" in (0, Limits::QUEUES);
    /// net_pcap and net_ring have at most 16.
    TX_QUEUES = "port"."tx_queues" in (0, Limits::QUEUES);
    /// From a bare Ethernet header to a whole frame; net_null does not check it.
    RX_FRAME_LEN = "port"."rx_frame_len" in (14, 1518);
    /// Frames on a wire.
    WIRE_QUEUE = "wire"."queue" in (1, 65_535);
    /// 0 is a priority tag, 4095 is reserved.
    VLAN_VID = "vlan"."vid" in (1, 4094);
    /// Bytes of an IPv4 packet.
    VLAN_MTU = "vlan"."mtu" in wide16(Limits::MTU);
    /// DPVS_MAX_LCORE is 64.
    LCORE_ID = "lcore"."id" in (0, LcoreId::MAX as u64);
    /// Messages, one after the other.
    HELLO_COUNT = "hello"."count" in (1, 65_535);
    /// Packets or bytes.
    QSCH_LIMIT = "qsch"."limit" in Limits::QSCH_LIMIT;
    /// Bytes.
    QSCH_BURST = "qsch"."burst" in Limits::QSCH_LIMIT;
    QSCH_MINBURST = "qsch"."minburst" in Limits::QSCH_LIMIT;
    /// The higher, the earlier.
    CLS_PRIO = "cls"."prio" in (0, 65_535);
    /// Packets.
    IFTRAF_EVERY = "iftraf"."every" in (1, 1_048_576);
    /// 0 is a priority tag, 4095 is reserved.
    PEER_VLAN = "peer"."vlan" in (1, 4094);
    /// Bytes of an IPv4 packet: every host takes 576 (RFC 791).
    PEER_MTU = "peer"."mtu" in (576, 9000);
    /// Ports; 0 is none.
    UDP_ECHO = "peer"."udp_echo" in (1, 65_535);
    UDP_LISTEN = "peer"."udp_listen" in (1, 65_535);
    TCP_ECHO = "peer"."tcp_echo" in (1, 65_535);
    TCP_LISTEN = "peer"."tcp_listen" in (1, 65_535);
    /// The sequence number of an echo request has 16 bits.
    PING_COUNT = "ping"."count" in (1, 65_535);
    /// What a datagram of IPv4 carries, without the headers of IPv4 and of ICMP or UDP.
    PING_SIZE = "ping"."size" in (0, 65_507);
    UDP_SEND_PORT = "udp-send"."port" in (1, 65_535);
    UDP_SEND_COUNT = "udp-send"."count" in (1, 65_535);
    UDP_SEND_SIZE = "udp-send"."size" in (0, 65_507);
    TCP_SEND_PORT = "tcp-send"."port" in (1, 65_535);
    /// Bytes.
    TCP_SEND_BYTES = "tcp-send"."bytes" in (1, 1_000_000_000);
    /// Groups of frames.
    ATTACK_COUNT = "attack"."count" in (1, 10_000_000);
    /// Bytes of an IPv4 packet.
    ROUTE_MTU = "route"."mtu" in wide16(Limits::MTU);
    /// A packet with TTL 0 may not be sent.
    DEFAULT_TTL = "policy"."default_ttl" in (1, 255);
    /// Fragments of one datagram.
    REASSEMBLY_FRAGMENTS = "policy"."reassembly_fragments" in wide(Policy::REASSEMBLY_FRAGMENTS);
    /// Ticks; `tick % 0` has no meaning.
    NEIGH_SYNC_SKIP = "policy"."neigh_sync_skip" in wide((1, u32::MAX));
    IPV4_FRAG_SKIP = "policy"."ipv4_frag_skip" in wide((1, u32::MAX));
    /// Tokens a second.
    PER_SECOND = "rate-limit"."per_second" in wide((1, u32::MAX));
    /// Tokens.
    BURST = "rate-limit"."burst" in wide((1, u32::MAX));
    /// Packets.
    NEIGH_QUEUE = "limits"."neigh_queue" in wide(Limits::NEIGH_QUEUE);
    /// Entries.
    NEIGH_ENTRIES = "limits"."neigh_entries" in wide(Limits::NEIGH_ENTRIES);
    /// Datagrams.
    REASM_DATAGRAMS = "limits"."reasm_datagrams" in wide(Limits::REASM_DATAGRAMS);
    /// Fragments.
    REASM_FRAGMENTS = "limits"."reasm_fragments" in wide(Limits::REASM_FRAGMENTS);
    /// Bytes of payload.
    REASM_BYTES = "limits"."reasm_bytes" in wide(Limits::REASM_BYTES);
    /// Frames.
    ARP_RING = "limits"."arp_ring" in wide(Limits::RING);
    /// Changes.
    NEIGH_RING = "limits"."neigh_ring" in wide(Limits::RING);
    /// Messages.
    MSG_RING = "limits"."msg_ring" in wide(Limits::MSG_RING);
    /// Conversations.
    MSG_OPEN = "limits"."msg_open" in wide(Limits::MSG_OPEN);
    ISOL_RING = "limits"."isol_ring" in wide(Limits::ISOL_RING);
    KNI_RING = "limits"."kni_ring" in wide(Limits::RING);
    ICMP_REDIRECT_RING = "limits"."icmp_redirect_ring" in wide(Limits::RING);
    /// Samples.
    IFTRAF_RING = "limits"."iftraf_ring" in wide(Limits::RING);
    IFTRAF_FLOWS = "limits"."iftraf_flows" in wide(Limits::IFTRAF_ENTRIES);
    IFTRAF_HOSTS = "limits"."iftraf_hosts" in wide(Limits::IFTRAF_ENTRIES);
    /// Frames.
    RX_BURST = "limits"."rx_burst" in wide(Limits::RX_BURST);
    /// Packets.
    TX_BURST = "limits"."tx_burst" in wide(Limits::TX_BURST);
    /// Buffers.
    POOL = "limits"."pool" in wide(Limits::POOL);
    /// Frames.
    RX_DESCRIPTORS = "limits"."rx_descriptors" in wide(Limits::DESCRIPTORS);
    /// Frames.
    TX_DESCRIPTORS = "limits"."tx_descriptors" in wide(Limits::DESCRIPTORS);
}

impl Ranged {
    /// The number, if it is in range.
    pub(super) fn check(&self, number: &At<u64>) -> Result<u64, Mistake> {
        let Ranged { key, min, max, .. } = self;
        if (*min..=*max).contains(&number.value) {
            return Ok(number.value);
        }
        let message = format!("{key} is {}", number.value);
        Err(Mistake::new(&number.span, message, format!("expected {min} to {max}")))
    }
}
