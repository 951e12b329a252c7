//! The switches where DPVS and the right thing differ, and the two profiles.

use super::RateLimit;
use crate::msg::Priority;
use crate::time::Nanos;

/// Where DPVS and the right thing differ. The defaults are the profile `lockstep`;
/// [`Policy::dpvs`] is parity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether packets are forwarded at all. DPVS's default is off; ours is on.
    pub forwarding: bool,
    /// TTL of the packets we make, 1..=255.
    pub default_ttl: u8,
    /// Drop every IPv4 fragment before routing.
    pub drop_fragments: bool,
    /// How long we wait for the other fragments of a datagram for us, 1 ms..=255 s. The timer runs
    /// from the first of them that came.
    pub reassembly_timeout: Nanos,
    /// The most fragments that a datagram for us may have, 2..=8190; 8190 is as many as there can be.
    pub reassembly_fragments: u32,
    /// Tell the sender of a datagram whose rest did not come: ICMP 11/1.
    pub reassembly_icmp: bool,
    /// Have job ipv4_frag give up datagrams whose rest did not come; else only the next fragment
    /// that comes for us does, whatever datagram it is of (defect B47).
    pub reassembly_sweep: bool,
    /// Send ICMP errors for packets to be forwarded although forwarding is off.
    pub icmp_errors_when_not_forwarding: bool,
    /// Limit of the ICMP errors that one lcore sends.
    pub icmp_rate_limit: Option<RateLimit>,
    /// Tell a host of a nearer gateway on its own link: ICMP 5/1 (RFC 1812 §5.2.7.2).
    pub icmp_redirects: bool,
    /// Limit of the ICMP redirects that one lcore sends. Linux sends nine to a host that does not
    /// listen, ever more seldom, and is silent then; this is nine at once and one a second.
    pub icmp_redirect_rate_limit: RateLimit,
    /// Check ICMP redirects that are for us (RFC 1122 §3.2.2.2), count the right ones and drop the
    /// others by name; else end them unread. A router follows none (RFC 1812 §5.2.7.2).
    pub icmp_check_redirects: bool,
    /// Create an entry for an ARP reply that nobody asked for.
    pub arp_unsolicited_creates: bool,
    /// Answer ARP in a frame that was sent to another station.
    pub arp_other_host: bool,
    /// Learn the sender of an ARP request for one of our addresses, and believe a known one whomever he asks
    /// for (RFC 826).
    pub arp_learn_requests: bool,
    /// Check an ARP sender's address.
    pub arp_check_sender: bool,
    /// An address of any device is ours on each of them, for ARP and for IPv4 (RFC 1122 §3.3.4.2,
    /// as Linux); else an address is ours only on its own device (as DPVS).
    pub weak_host: bool,
    /// Take VLAN id 0 as untagged and refuse 4095; else refuse 0 and take 4095 for a VLAN.
    pub vid0_untagged: bool,
    /// Tell the sender when there is no route, no protocol, no port: ICMP 3/0, 3/2, 3/3.
    pub icmp_unreachable: bool,
    /// Ask an absent neighbour three times, a second apart, then tell each waiting packet's sender
    /// (ICMP 3/1); else ask on traffic only, at most once in 3 s, and free the queue silently.
    pub neigh_retransmit: bool,
    /// What is drawn at random, below this, and added to each neighbour timer, 0..=10 s.
    pub neigh_jitter: Nanos,
    /// Check IPv4 options: malformed ones earn ICMP 12/0, source routes are refused.
    pub check_options: bool,
    /// Answer an echo request whose code is not 0.
    pub echo_any_code: bool,
    /// Drop packets from or to addresses that may not be on a wire.
    pub drop_martians: bool,
    /// Copy a frame for the kernel again when it comes through a ring (`FORWARD2KNI`; defect B10).
    pub forward2kni_ring_copies: bool,
    /// Run all due timer ticks at once after a stall; else one in each run of `timer_manage`.
    pub timer_catch_up: bool,
    /// How often `timer_manage` looks at the wheel, 1 µs..=10 s; it opens at absolute multiples.
    pub timer_interval: Nanos,
    /// How long the caller of a message waits for its answers, 1 µs..=60 s, unless it says otherwise
    /// (`sync_msg_timeout_us`).
    pub msg_timeout: Nanos,
    /// The least important requests between lcores that are sent (`priority_level`).
    pub msg_priority_level: Priority,
    /// Carry out a request that is taken after its deadline (defect B78).
    pub msg_late_execution: bool,
    /// Send a multicast up to the first worker whose ring is full (defect B80); else to all or none.
    pub msg_partial_multicast: bool,
    /// The clock of a tbf, floored to multiples of this, 0 (exact)..=1 s
    /// (`CLOCK_MONOTONIC_COARSE`).
    pub tbf_quantum: Nanos,
    /// How long a neighbour that answered is trusted, 1..=3600 s.
    pub neigh_reachable: Nanos,
    /// `skip_loops` of the workers' `neigh_sync`.
    pub neigh_sync_skip: u32,
    /// `skip_loops` of the workers' `ipv4_frag`.
    pub ipv4_frag_skip: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            forwarding: true,
            default_ttl: 64,
            drop_fragments: false,
            reassembly_timeout: Nanos::from_secs(30),
            reassembly_fragments: Policy::REASSEMBLY_FRAGMENTS.1,
            reassembly_icmp: true,
            reassembly_sweep: true,
            icmp_errors_when_not_forwarding: false,
            icmp_rate_limit: None,
            icmp_redirects: true,
            icmp_redirect_rate_limit: RateLimit { per_second: 1, burst: 9 },
            icmp_check_redirects: true,
            arp_unsolicited_creates: false,
            arp_other_host: false,
            arp_learn_requests: true,
            arp_check_sender: true,
            weak_host: true,
            vid0_untagged: true,
            icmp_unreachable: true,
            neigh_retransmit: true,
            neigh_jitter: Nanos::ZERO,
            check_options: true,
            echo_any_code: true,
            drop_martians: true,
            forward2kni_ring_copies: false,
            timer_catch_up: true,
            timer_interval: Nanos::from_micros(10),
            msg_timeout: Nanos::from_millis(2),
            msg_priority_level: Priority::Low,
            msg_late_execution: false,
            msg_partial_multicast: false,
            tbf_quantum: Nanos::ZERO,
            neigh_reachable: Nanos::from_secs(60),
            neigh_sync_skip: 100,
            ipv4_frag_skip: 100,
        }
    }
}

impl Policy {
    /// The range of `reassembly_fragments`: 65,515 bytes, 8 in each fragment.
    pub const REASSEMBLY_FRAGMENTS: (u32, u32) = (2, 8190);
    /// The range of `reassembly_timeout`. DPVS's largest is 255 s.
    pub const REASSEMBLY_TIMEOUT: (Nanos, Nanos) = (Nanos::from_millis(1), Nanos::from_secs(255));

    /// What DPVS does. Forwarding is on here as in the default profile, since a run without it
    /// shows little; DPVS's own default is off.
    pub fn dpvs() -> Policy {
        Policy {
            drop_fragments: true,
            reassembly_timeout: Nanos::from_secs(1),
            reassembly_fragments: 8,
            reassembly_icmp: false,
            reassembly_sweep: false,
            icmp_errors_when_not_forwarding: true,
            icmp_redirects: false,
            icmp_check_redirects: false,
            arp_unsolicited_creates: true,
            arp_other_host: true,
            arp_learn_requests: false,
            arp_check_sender: false,
            weak_host: false,
            vid0_untagged: false,
            icmp_unreachable: false,
            neigh_retransmit: false,
            neigh_jitter: Nanos::from_millis(200),
            check_options: false,
            echo_any_code: false,
            drop_martians: false,
            forward2kni_ring_copies: true,
            timer_catch_up: false,
            msg_late_execution: true,
            msg_partial_multicast: true,
            tbf_quantum: Nanos::from_millis(4),
            ..Policy::default()
        }
    }
}
