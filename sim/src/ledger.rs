//! The account of every packet: `in + made = out + consumed + dropped + held`.
//!
//! Kept from what happens, and compared in the end with what the lcores counted and with what is
//! still held somewhere: three books that must agree.
//!
//! Invariant: a packet is booked once when it comes and once when it goes.
//! Not here: per-lcore counters (`dataplane`).

use crate::oracle::Breach;
use crate::trace::Outside;
use dataplane::config::PortConfig;
use dataplane::counters::{Counters, Drops};
use dataplane::event::{Consumer, Made};
use dataplane::{DropReason, Event, PortId, QueueId};
use std::fmt;

/// What came and what went in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Frames that came to a port or its wire.
    pub came: u64,
    /// Packets that the dataplane made.
    pub made: Makes,
    /// Frames that left.
    pub out: u64,
    /// Packets that reached their end, by whom.
    pub consumed: Consumes,
    /// Packets refused, by reason: on lcores and outside.
    pub dropped: Drops,
    /// Of these, those that were refused before an lcore saw them.
    pub refused: Drops,
    /// Packets turned round into answers. They left, or are held or dropped, as any other.
    pub answered: u64,
    /// Packets that waited for a neighbour for some time.
    pub waited: u64,
    /// Frames that lcores took from receive queues.
    pub received: u64,
    /// Frames that transmit queues accepted.
    pub transmitted: u64,
    /// Events of neighbours' state machines.
    pub neigh_moves: u64,
    /// What came and went by each physical port.
    pub ports: Vec<PortTotals>,
    /// Packets still held when the run ended: in lcores, queues and rings.
    pub held: u64,
}

/// Packets that the dataplane made, by what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Makes {
    /// ARP requests.
    pub arp_requests: u64,
    /// Copies of ARP replies for other lcores.
    pub arp_copies: u64,
    /// Copies of frames for the kernel.
    pub kni_copies: u64,
    /// ICMP errors.
    pub icmp_errors: u64,
    /// Fragments of packets that were too large for their link.
    pub fragments: u64,
}

/// Packets that reached their end, by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumes {
    /// ARP.
    pub arp: u64,
    /// ICMP.
    pub icmp: u64,
    /// The kernel, which had a copy.
    pub kni: u64,
    /// Fragments that became part of another packet.
    pub reassembly: u64,
    /// Packets that were cut into fragments.
    pub fragmentation: u64,
}

/// What came and went by a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortTotals {
    /// Frames that came to a receive queue.
    pub arrived: u64,
    /// Bytes of these.
    pub arrived_bytes: u64,
    /// Frames that came and were refused before, by reason.
    pub refused: Drops,
    /// Frames that left.
    pub left: u64,
    /// Bytes of these.
    pub left_bytes: u64,
    /// Its receive queues.
    pub rx: Vec<RxTotals>,
    /// Frames that left by each of its transmit queues.
    pub tx: Vec<u64>,
}

/// What came to a receive queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RxTotals {
    /// Frames that it took.
    pub arrived: u64,
    /// Frames that it had no room for (`imissed`).
    pub missed: u64,
    /// Frames that the pool had no buffer for (`rx_nombuf`).
    pub no_buffer: u64,
}

impl Makes {
    /// All together.
    pub fn total(&self) -> u64 {
        self.arp_requests + self.arp_copies + self.kni_copies + self.icmp_errors + self.fragments
    }
}

impl Consumes {
    /// All together.
    pub fn total(&self) -> u64 {
        self.arp + self.icmp + self.kni + self.reassembly + self.fragmentation
    }
}

impl Ledger {
    /// An account of nothing, for these ports.
    pub(crate) fn new(ports: &[PortConfig]) -> Ledger {
        let ports = ports.iter().map(|port| PortTotals {
            rx: vec![RxTotals::default(); port.rx_queues.into()],
            tx: vec![0; port.tx_queues.into()],
            ..PortTotals::default()
        });
        Ledger {
            came: 0,
            made: Makes::default(),
            out: 0,
            consumed: Consumes::default(),
            dropped: Drops::default(),
            refused: Drops::default(),
            answered: 0,
            waited: 0,
            received: 0,
            transmitted: 0,
            neigh_moves: 0,
            ports: ports.collect(),
            held: 0,
        }
    }

    /// Books what happened on an lcore.
    pub(crate) fn lcore(&mut self, event: &Event) {
        match *event {
            Event::Made { what: Made::ArpRequest, .. } => self.made.arp_requests += 1,
            Event::Made { what: Made::ArpCopy, .. } => self.made.arp_copies += 1,
            Event::Made { what: Made::KniCopy, .. } => self.made.kni_copies += 1,
            Event::Made { what: Made::IcmpError(..), .. } => self.made.icmp_errors += 1,
            Event::Made { what: Made::Fragment, .. } => self.made.fragments += 1,
            Event::Consumed { by: Consumer::Arp, .. } => self.consumed.arp += 1,
            Event::Consumed { by: Consumer::Icmp, .. } => self.consumed.icmp += 1,
            Event::Consumed { by: Consumer::Kni, .. } => self.consumed.kni += 1,
            Event::Consumed { by: Consumer::Reassembly(_), .. } => self.consumed.reassembly += 1,
            Event::Consumed { by: Consumer::Fragmentation, .. } => {
                self.consumed.fragmentation += 1;
            }
            Event::Dropped { reason, .. } => self.dropped[reason] += 1,
            Event::Rx { .. } => self.received += 1,
            Event::Tx { .. } => self.transmitted += 1,
            Event::Answered { .. } => self.answered += 1,
            Event::Waits { .. } => self.waited += 1,
            Event::Neigh(_) => self.neigh_moves += 1,
            Event::RingRx { .. }
            | Event::RingTx { .. }
            | Event::NeighMac { .. }
            | Event::NeighSync { .. }
            | Event::NoBuffer { .. }
            | Event::Msg(_)
            | Event::Device { .. }
            | Event::AddressExpired { .. }
            | Event::Outcome(_)
            | Event::IcmpSuppressed { .. }
            | Event::Reassembly(_)
            | Event::SampleLost { .. }
            | Event::Iftraf { .. }
            | Event::TcChanged { .. }
            | Event::TcRefused { .. }
            | Event::QschShown { .. }
            | Event::ClsShown { .. }
            | Event::TcNotShown { .. }
            | Event::RedirectIgnored { .. }
            | Event::QschQueued { .. }
            | Event::QschSent { .. } => {}
        }
    }

    /// Books what happened outside.
    pub(crate) fn outside(&mut self, event: &Outside) {
        match *event {
            Outside::Arrive { port, queue, len, .. } => {
                let port = &mut self.ports[port.index()];
                self.came += 1;
                port.arrived += 1;
                port.arrived_bytes += u64::from(len);
                port.rx[queue.index()].arrived += 1;
            }
            Outside::Refused { port, queue, reason, .. } => {
                let port = &mut self.ports[port.index()];
                self.came += 1;
                self.dropped[reason] += 1;
                self.refused[reason] += 1;
                port.refused[reason] += 1;
                // A port without queues refuses as if its first one were full.
                if let Some(queue) = queue.and_then(|queue| port.rx.get_mut(queue.index())) {
                    queue.missed += u64::from(reason == DropReason::RxMissed);
                    queue.no_buffer += u64::from(reason == DropReason::RxNoBuffer);
                }
            }
            Outside::Depart { .. } | Outside::Command { .. } | Outside::Fault(_) => {}
        }
    }

    /// Books a frame of `len` bytes that left.
    pub(crate) fn left(&mut self, port: PortId, queue: QueueId, len: usize) {
        let port = &mut self.ports[port.index()];
        self.out += 1;
        port.left += 1;
        port.left_bytes += len as u64;
        port.tx[queue.index()] += 1;
    }

    /// Packets that reached their end.
    pub fn consumed(&self) -> u64 {
        self.consumed.total()
    }

    /// Whether the account is balanced.
    pub fn is_balanced(&self) -> bool {
        let credit = self.came + self.made.total();
        credit == self.out + self.consumed() + self.dropped.total() + self.held
    }

    /// Where the books disagree: this one, and the counters of all lcores.
    pub(crate) fn check<'a>(&self, counters: impl Iterator<Item = &'a Counters>) -> Vec<Breach> {
        let mut broken = Vec::new();
        if !self.is_balanced() {
            broken.push(Breach::new("packets", format!("not conserved: {self}")));
        }
        let mut sum = Counters::default();
        let mut drops = self.refused.clone();
        for each in counters {
            sum.made += each.made;
            sum.consumed += each.consumed;
            sum.ipackets += each.ipackets;
            sum.opackets += each.opackets;
            drops.add(&each.drops);
        }
        let pairs = [
            ("made", self.made.total(), sum.made),
            ("consumed", self.consumed(), sum.consumed),
            ("received", self.received, sum.ipackets),
            ("transmitted", self.transmitted, sum.opackets),
        ];
        for (what, told, counted) in pairs {
            if told != counted {
                let why = format!("{told} packets were {what}, but the lcores counted {counted}");
                broken.push(Breach::new("counters", why));
            }
        }
        if self.dropped != drops {
            let (told, counted) = (self.dropped.total(), drops.total());
            let why =
                format!("drops by reason differ from the counters: {told} told, {counted} counted");
            broken.push(Breach::new("counters", why));
        }
        broken
    }
}

/// Where the lcores' books of messages disagree, when so many still wait in rings. A sentence each.
pub(crate) fn check_messages<'a>(
    counters: impl Iterator<Item = &'a Counters>,
    waiting: u64,
) -> Vec<Breach> {
    let (mut out, mut taken, mut ended) = ([0; 2], [0; 2], 0);
    for each in counters {
        out = [out[0] + each.msg_requests_out, out[1] + each.msg_replies_out];
        taken = [taken[0] + each.msg_requests_in, taken[1] + each.msg_replies_in];
        ended += each.msg_handled + each.msg_expired + each.msg_unregistered;
    }
    let mut broken = Vec::new();
    let (sent, gone) = (out[0] + out[1], taken[0] + taken[1]);
    if sent != gone + waiting {
        let why = format!("{sent} were sent, but {gone} taken, and {waiting} wait");
        broken.push(Breach::new("messages", why));
    }
    if taken[0] != ended {
        let why = format!("{} requests were taken, but {ended} ended", taken[0]);
        broken.push(Breach::new("messages", why));
    }
    broken
}

impl fmt::Display for Ledger {
    /// `in 2 + made 1 = out 2 + consumed 1 + dropped 0 + held 0`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_balanced() { '=' } else { '≠' };
        write!(
            f,
            "in {} + made {} {sign} out {} + consumed {} + dropped {} + held {}",
            self.came,
            self.made.total(),
            self.out,
            self.consumed(),
            self.dropped.total(),
            self.held
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::{Mac, PacketId};

    fn said(breaches: Vec<Breach>) -> Vec<String> {
        breaches.iter().map(ToString::to_string).collect()
    }

    fn ledger() -> Ledger {
        let port = PortConfig {
            name: "lan".to_owned(),
            mac: Mac::ZERO,
            mtu: 1500,
            addresses: Vec::new(),
            rx_queues: 1,
            tx_queues: 1,
            vlans: Vec::new(),
        };
        let mut ledger = Ledger::new(&[port]);
        let (packet, port, queue, len) = (PacketId(1), PortId(0), QueueId(0), 60);
        ledger.outside(&Outside::Arrive { packet, port, queue, len });
        let reason = DropReason::RxMissed;
        ledger.outside(&Outside::Refused { packet, port, queue: Some(queue), reason, len });
        assert_eq!(ledger.ports[0].rx, [RxTotals { arrived: 1, missed: 1, no_buffer: 0 }]);
        ledger.lcore(&Event::Dropped { packet, reason: DropReason::TtlExceeded });
        ledger
    }

    #[test]
    fn what_came_has_gone() {
        let ledger = ledger();
        assert_eq!(ledger.to_string(), "in 2 + made 0 = out 0 + consumed 0 + dropped 2 + held 0");
        let mut counters = Counters::default();
        counters.drops[DropReason::TtlExceeded] = 1;
        assert_eq!(ledger.check([&counters].into_iter()), []);
    }

    #[test]
    fn a_message_that_got_lost_is_named() {
        let master = Counters { msg_requests_out: 3, msg_replies_in: 1, ..Counters::default() };
        let worker = Counters { msg_requests_in: 2, msg_replies_out: 1, ..Counters::default() };
        let handled = Counters { msg_handled: 1, msg_expired: 1, ..worker.clone() };
        assert_eq!(check_messages([&master, &handled].into_iter(), 1), []);
        assert_eq!(
            said(check_messages([&master, &worker].into_iter(), 0)),
            [
                "messages: 4 were sent, but 3 taken, and 0 wait",
                "messages: 2 requests were taken, but 0 ended",
            ]
        );
    }

    #[test]
    fn a_packet_that_got_lost_is_named() {
        let mut ledger = ledger();
        ledger.came += 1;
        let counters = Counters::default();
        assert_eq!(
            said(ledger.check([&counters].into_iter())),
            [
                "packets: not conserved: \
                 in 3 + made 0 ≠ out 0 + consumed 0 + dropped 2 + held 0",
                "counters: drops by reason differ from the counters: 2 told, 1 counted",
            ]
        );
    }
}
