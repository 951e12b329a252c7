//! The tables of what can be set: switches, limits and costs.

use super::super::value::{At, Text};
use super::PriorityKind;
use dataplane::Nanos;
use schemars::JsonSchema;
use serde::Deserialize;

/// The switches of a profile, one by one. Default of each: the profile's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "policy")]
#[serde(deny_unknown_fields)]
pub struct PolicyTable {
    /// Whether packets are forwarded at all.
    pub forwarding: Option<bool>,
    /// TTL of the packets we make.
    pub default_ttl: Option<At<u64>>,
    /// Drop every IPv4 fragment before routing.
    pub drop_fragments: Option<bool>,
    /// How long we wait for the other fragments of a datagram for us, 1ms to 255s.
    pub reassembly_timeout: Option<At<Text<Nanos>>>,
    /// The most fragments that a datagram for us may have.
    pub reassembly_fragments: Option<At<u64>>,
    /// Tell the sender of a datagram whose rest did not come: ICMP 11/1.
    pub reassembly_icmp: Option<bool>,
    /// Give up datagrams whose rest did not come by a job; else only when a fragment comes.
    pub reassembly_sweep: Option<bool>,
    /// Send ICMP errors for packets to be forwarded although forwarding is off.
    pub icmp_errors_when_not_forwarding: Option<bool>,
    /// Limit of the ICMP errors that one lcore sends. Default: none.
    pub icmp_rate_limit: Option<RateLimitTable>,
    /// Tell a host of a nearer gateway on its own link: ICMP 5/1.
    pub icmp_redirects: Option<bool>,
    /// Limit of the ICMP redirects that one lcore sends. Default: one a second, a burst of nine.
    pub icmp_redirect_rate_limit: Option<RateLimitTable>,
    /// Check ICMP redirects that are for us, and drop the wrong ones by name. None is followed.
    pub icmp_check_redirects: Option<bool>,
    /// Create an entry for an ARP reply that nobody asked for.
    pub arp_unsolicited_creates: Option<bool>,
    /// Answer ARP in a frame that was sent to another station.
    pub arp_other_host: Option<bool>,
    /// Learn the sender of an ARP request for one of our addresses, and believe a known one whomever he asks
    /// for (RFC 826).
    pub arp_learn_requests: Option<bool>,
    /// Check an ARP sender's address.
    pub arp_check_sender: Option<bool>,
    /// An address of any device is ours on each of them, for ARP and for IPv4; else only on its own.
    pub weak_host: Option<bool>,
    /// Take VLAN id 0 as untagged and refuse 4095; else refuse 0 and take 4095 for a VLAN.
    pub vid0_untagged: Option<bool>,
    /// Tell the sender when there is no route, no protocol, no port: ICMP 3/0, 3/2, 3/3.
    pub icmp_unreachable: Option<bool>,
    /// Ask an absent neighbour three times, then tell each waiting packet's sender.
    pub neigh_retransmit: Option<bool>,
    /// Check IPv4 options.
    pub check_options: Option<bool>,
    /// Answer an echo request whose code is not 0.
    pub echo_any_code: Option<bool>,
    /// Drop packets from or to addresses that may not be on a wire.
    pub drop_martians: Option<bool>,
    /// Copy a frame for the kernel again when it comes through a ring (FORWARD2KNI).
    pub forward2kni_ring_copies: Option<bool>,
    /// Run all due timer ticks at once after a stall; else one in each run of `timer_manage`.
    pub timer_catch_up: Option<bool>,
    /// How often `timer_manage` looks at the wheel, 1us to 10s.
    pub timer_interval: Option<At<Text<Nanos>>>,
    /// How long the caller of a message waits for its answers, 1us to 60s.
    pub msg_timeout: Option<At<Text<Nanos>>>,
    /// The least important requests between lcores that are sent.
    pub msg_priority_level: Option<PriorityKind>,
    /// Carry out a request that is taken after its deadline.
    pub msg_late_execution: Option<bool>,
    /// Send a multicast up to the first worker whose ring is full; else to all workers or to none.
    pub msg_partial_multicast: Option<bool>,
    /// The clock of a tbf moves in steps of this, 0s (exact) to 1s.
    pub tbf_quantum: Option<At<Text<Nanos>>>,
    /// How long a neighbour that answered is trusted, 1s to 3600s.
    pub neigh_reachable: Option<At<Text<Nanos>>>,
    /// What is drawn at random, below this, and added to each neighbour timer, 0s to 10s.
    pub neigh_jitter: Option<At<Text<Nanos>>>,
    /// `skip_loops` of the workers' `neigh_sync`: it runs in each tick that this divides.
    pub neigh_sync_skip: Option<At<u64>>,
    /// `skip_loops` of the workers' `ipv4_frag`: it runs in each tick that this divides.
    pub ipv4_frag_skip: Option<At<u64>>,
}

/// A token bucket over virtual time.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "rate-limit")]
#[serde(deny_unknown_fields)]
pub struct RateLimitTable {
    /// Tokens a second.
    pub per_second: At<u64>,
    /// Tokens that the bucket holds. It starts full.
    pub burst: At<u64>,
}

/// Everything that has a limit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "limits")]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// Packets that may wait for one neighbour. Default: 128.
    pub neigh_queue: Option<At<u64>>,
    /// Neighbours that an lcore may know. Default: 65536.
    pub neigh_entries: Option<At<u64>>,
    /// Datagrams of which an lcore may hold fragments. Default: 4096.
    pub reasm_datagrams: Option<At<u64>>,
    /// Fragments that an lcore may hold. Default: 8192.
    pub reasm_fragments: Option<At<u64>>,
    /// Bytes of payload in them. Default: 4194304.
    pub reasm_bytes: Option<At<u64>>,
    /// Frames that an arp_ring holds. Default: 2047.
    pub arp_ring: Option<At<u64>>,
    /// Changes that a neigh_ring holds. Default: 2047.
    pub neigh_ring: Option<At<u64>>,
    /// Messages that a msg_ring holds. Default: 4095.
    pub msg_ring: Option<At<u64>>,
    /// Conversations that an lcore may have open. Default: 1024.
    pub msg_open: Option<At<u64>>,
    /// Frames that the ring of an isolated receive queue holds. Default: 16383.
    pub isol_ring: Option<At<u64>>,
    /// Frames that wait for the kernel side of a device. Default: 2047.
    pub kni_ring: Option<At<u64>>,
    /// Echoes that wait for the worker that takes them all. Default: 2047.
    pub icmp_redirect_ring: Option<At<u64>>,
    /// Traffic samples that wait for the master, of each worker. Default: 1023.
    pub iftraf_ring: Option<At<u64>>,
    /// Flows that the master knows to talk. Default: 4096.
    pub iftraf_flows: Option<At<u64>>,
    /// Hosts that the master knows to talk. Default: 1024.
    pub iftraf_hosts: Option<At<u64>>,
    /// Frames that one poll takes from a receive queue at most. Default: 32.
    pub rx_burst: Option<At<u64>>,
    /// Packets that a transmit queue buffers before it bursts them out by itself. Default: 32.
    pub tx_burst: Option<At<u64>>,
    /// Buffers in the pool. Default: 16383.
    pub pool: Option<At<u64>>,
    /// Frames that a receive queue holds. Default: 256.
    pub rx_descriptors: Option<At<u64>>,
    /// Frames that a transmit queue of a port holds. Default: 512.
    pub tx_descriptors: Option<At<u64>>,
}

/// What one run of each job costs: `idle + per_item × items` of virtual time.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "costs")]
#[serde(deny_unknown_fields)]
pub struct CostsTable {
    /// Applies a changed configuration; items are configurations.
    /// Default: idle 10ns, per_item 10us.
    pub cfgfile_reload: Option<CostTable>,
    /// Releases what traffic control holds back; items are packets.
    /// Default: idle 10ns, per_item 60ns.
    pub qsch_sched: Option<CostTable>,
    /// Receives and forwards; items are packets. Default: idle 50ns, per_item 150ns.
    pub recv_fwd: Option<CostTable>,
    /// Bursts out the transmit queues; items are packets. Default: idle 10ns, per_item 40ns.
    pub xmit: Option<CostTable>,
    /// Runs due timers; items are timers. Default: idle 20ns, per_item 100ns.
    pub timer_manage: Option<CostTable>,
    /// Carries packets to and from the kernel, on the master; items are packets.
    /// Default: idle 20ns, per_item 150ns.
    pub kni_master_proc: Option<CostTable>,
    /// Handles the messages to the master; items are messages. Default: idle 10ns, per_item 200ns.
    pub msg_master_job: Option<CostTable>,
    /// Handles the messages to a worker; items are messages. Default: idle 10ns, per_item 200ns.
    pub msg_slave_job: Option<CostTable>,
    /// Serves the clients of the control plane; items are requests.
    /// Default: idle 10ns, per_item 2us.
    pub sockopt_job: Option<CostTable>,
    /// Takes the echoes that all workers hand to one; items are packets.
    /// Default: idle 10ns, per_item 100ns.
    pub icmp_redirect_proc: Option<CostTable>,
    /// Spreads static neighbours; items are changes. Default: idle 20ns, per_item 200ns.
    pub neigh_sync: Option<CostTable>,
    /// Gives up datagrams whose fragments stay away; items are datagrams.
    /// Default: idle 20ns, per_item 100ns.
    pub ipv4_frag: Option<CostTable>,
    /// Sums up traffic samples; items are samples. Default: idle 20ns, per_item 50ns.
    pub iftraf_ring_proc: Option<CostTable>,
    /// Polls receive queues for workers; items are packets. Default: idle 50ns, per_item 30ns.
    pub isol_pkt_rcv: Option<CostTable>,
    /// Carries packets to and from the kernel, on a core of its own; items are packets.
    /// Default: idle 20ns, per_item 150ns.
    pub kni_loop: Option<CostTable>,
}

/// What one run of a job costs.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "cost")]
#[serde(deny_unknown_fields)]
pub struct CostTable {
    /// Of a run that finds nothing to do, at most 1s.
    pub idle: Option<At<Text<Nanos>>>,
    /// Of each item, at most 1s.
    pub per_item: Option<At<Text<Nanos>>>,
}
