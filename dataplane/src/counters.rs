//! What an lcore counts. Spec 2.2, 4.2.
//!
//! Invariant: a frame is counted once where it comes in and once where it ends. Bytes are those of
//! the layer-2 frame as it was received or sent, taken before anybody touches it (DPVS reads the
//! length of a buffer it gave away: defect B03; and counts obytes before the port accepted: B21).

use crate::drop::DropReason;
use crate::job::JobKind;
use std::ops::{Index, IndexMut};

/// Bursts, by how full they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bursts {
    /// Polls of a receive queue.
    pub polls: u64,
    /// Polls that found nothing.
    pub zero: u64,
    /// Polls that found 0 to 16 packets.
    pub zero_to_half: u64,
    /// Polls that found 17 to 32 packets.
    pub half_to_full: u64,
    /// Polls that found 32 packets.
    pub full: u64,
}

impl Bursts {
    /// Counts a poll that found `n` packets.
    pub fn poll(&mut self, n: usize) {
        self.polls += 1;
        self.zero += u64::from(n == 0);
        self.zero_to_half += u64::from(n <= 16);
        self.half_to_full += u64::from(n > 16);
        self.full += u64::from(n >= crate::world::BURST);
    }

    /// Counts `n` polls that found nothing.
    pub fn idle_polls(&mut self, n: u64) {
        self.polls += n;
        self.zero += n;
        self.zero_to_half += n;
    }
}

/// Drops, by reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drops([u64; DropReason::COUNT]);

impl Default for Drops {
    fn default() -> Drops {
        Drops([0; DropReason::COUNT])
    }
}

impl Drops {
    /// Packets dropped for any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that occurred, with their counts, in the order of the packet's path.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|r| (*r, self.0[r.index()])).filter(|(_, n)| *n > 0)
    }

    /// Adds another lcore's drops.
    pub fn add(&mut self, other: &Drops) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

impl Index<DropReason> for Drops {
    type Output = u64;
    fn index(&self, reason: DropReason) -> &u64 {
        &self.0[reason.index()]
    }
}

impl IndexMut<DropReason> for Drops {
    fn index_mut(&mut self, reason: DropReason) -> &mut u64 {
        &mut self.0[reason.index()]
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What one lcore counted since the start of the run.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Polls of the receive queues.
            pub bursts: Bursts,
            /// Packets dropped, by reason.
            pub drops: Drops,
            /// How often each job ran, by [`JobKind::index`].
            pub job_runs: [u64; JobKind::ALL.len()],
            /// How many of these runs found work.
            pub job_work: [u64; JobKind::ALL.len()],
            /// How many items they found.
            pub job_items: [u64; JobKind::ALL.len()],
        }

        impl Counters {
            /// The plain counters with their names, in the order of their declaration.
            pub fn plain(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Ticks begun.
    lcore_loop,
    /// Frames taken from receive queues.
    ipackets,
    /// Bytes of these frames.
    ibytes,
    /// Frames taken from the rings of other lcores.
    ring_packets,
    /// Frames handed to a worker whose receive queue this lcore polls.
    isol_handed,
    /// Echoes handed to the worker that takes them all, which may be this lcore itself.
    icmp_redirected,
    /// Frames that the kernel took.
    kni_out,
    /// Frames that came from the kernel.
    kni_in,
    /// Packets that Qschs took.
    qsch_in,
    /// Packets that Qschs let go.
    qsch_out,
    /// Times that a packet was to leave its Qsch and had to wait.
    overlimits,
    /// Changes of traffic control made, on the master and on each worker.
    tc_changes,
    /// Changes of traffic control refused.
    tc_refused,
    /// Frames accepted by transmit queues.
    opackets,
    /// Bytes of these frames.
    obytes,
    /// Packets made here.
    made,
    /// Packets that reached their end here.
    consumed,
    /// ARP requests received that were for us.
    arp_requests_in,
    /// ARP replies received that were for us.
    arp_replies_in,
    /// ARP requests sent.
    arp_requests_out,
    /// ARP replies sent.
    arp_replies_out,
    /// IPv4 packets received.
    ip_in,
    /// IPv4 packets delivered to a protocol of ours.
    ip_delivered,
    /// IPv4 packets forwarded.
    ip_forwarded,
    /// IPv4 packets handed to a neighbour, forwarded ones included.
    ip_out,
    /// Fragments for us (Linux: ReasmReqds).
    reasm_requests,
    /// Datagrams that became whole (ReasmOKs).
    reasm_ok,
    /// Datagrams that did not, for whatever reason (ReasmFails).
    reasm_fails,
    /// Of these, those whose rest did not come in time (ReasmTimeout).
    reasm_timeouts,
    /// Packets cut into fragments (FragOKs).
    frag_ok,
    /// Packets that were too large and could or might not be cut (FragFails).
    frag_fails,
    /// The fragments of those that were (FragCreates).
    frag_creates,
    /// ICMP messages received.
    icmp_in,
    /// ICMP messages sent, errors included.
    icmp_out,
    /// ICMP errors sent.
    icmp_errors_out,
    /// ICMP redirects sent. They are errors too.
    icmp_redirects_out,
    /// ICMP redirects received that a host would believe: a router does not.
    icmp_redirects_in,
    /// ICMP errors not sent: an RFC forbids them, or the rate limit.
    icmp_suppressed,
    /// Timers that ran.
    timers,
    /// Packets we wanted to make when the pool had no buffer.
    no_buffer,
    /// Changes of static neighbours applied.
    neigh_changes,
    /// Orders that are over, done or not: the master's.
    orders,
    /// Of these, orders that were refused.
    orders_refused,
    /// Changes of static neighbours that another lcore's ring had no room for.
    neigh_sync_failed,
    /// Traffic samples put into this worker's iftraf_ring.
    iftraf_samples,
    /// Traffic samples that the iftraf_ring had no room for.
    iftraf_lost,
    /// Traffic samples summed up.
    iftraf_summed,
    /// Traffic samples that came after statistics were switched off.
    iftraf_late,
    /// Flows and hosts that talked, and had to make room for others.
    iftraf_evicted,
    /// Requests put into rings of lcores, one for each target.
    msg_requests_out,
    /// Requests that could not be sent.
    msg_refused,
    /// Requests taken from this lcore's ring.
    msg_requests_in,
    /// Of these, those that were carried out.
    msg_handled,
    /// Of these, those that were taken after their deadline.
    msg_expired,
    /// Of these, those of a type that this lcore has no handler for.
    msg_unregistered,
    /// Replies put into rings of lcores.
    msg_replies_out,
    /// Replies that the caller's ring had no room for.
    msg_replies_lost,
    /// Replies taken from this lcore's ring.
    msg_replies_in,
    /// Of these, those that nobody waited for any more.
    msg_replies_late,
    /// Conversations that were given up at their deadline.
    msg_timeouts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_sixteen_is_in_the_lower_half_and_one_of_thirty_two_is_full() {
        let mut bursts = Bursts::default();
        [0, 1, 16, 17, 31, 32].into_iter().for_each(|n| bursts.poll(n));
        let is = Bursts { polls: 6, zero: 1, zero_to_half: 3, half_to_full: 3, full: 1 };
        assert_eq!(bursts, is);
        bursts.idle_polls(4);
        assert_eq!(bursts, Bursts { polls: 10, zero: 5, zero_to_half: 7, ..is });
    }

    #[test]
    fn the_drops_of_two_lcores_are_added_by_reason() {
        let (mut sum, mut other) = (Drops::default(), Drops::default());
        sum[DropReason::TtlExceeded] = 2;
        other[DropReason::TtlExceeded] = 3;
        other[DropReason::IpNoRoute] = 4;
        sum.add(&other);
        let all: Vec<_> = sum.iter().collect();
        assert_eq!(all.len(), 2);
        assert!(
            all.contains(&(DropReason::TtlExceeded, 5))
                && all.contains(&(DropReason::IpNoRoute, 4))
        );
        assert_eq!(sum.total(), 9);
    }
}
