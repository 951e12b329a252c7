//! What happened, for whoever watches.
//!
//! An event is a small plain value. [`Event::name`] and [`Event::fields`] are the one place that
//! says how it is written, so that the JSON, the digest and the story of a test cannot disagree.
//! Not here: when and on which lcore it happened; the observer knows the running job.

use crate::control::{Outcome, Refused};
use crate::drop::DropReason;
use crate::msg::MsgNote;
use crate::packet::PacketId;
use crate::tc::{Handle, QschStats, TcError};
use crate::types::{DeviceName, LcoreId, Mac, PortId, QueueId};
use crate::world::Ring;
use std::net::Ipv4Addr;

/// What we made a packet for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// An ARP request.
    ArpRequest,
    /// A copy of an ARP packet for another lcore.
    ArpCopy,
    /// A copy of a frame for the kernel.
    KniCopy,
    /// An ICMP error: its type and code.
    IcmpError(u8, u8),
    /// A fragment of a packet that is too large for its link.
    Fragment,
}

/// Who consumed a packet that was neither sent nor dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// ARP: what it said was learnt.
    Arp,
    /// ICMP: a message that is for us and needs no answer.
    Icmp,
    /// The kernel has had a copy of it.
    Kni,
    /// It was a fragment, and is now a part of this packet, which is the whole datagram.
    Reassembly(PacketId),
    /// It was too large for its link: its fragments go on.
    Fragmentation,
}

/// What became of a datagram of which we have fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reassembly {
    /// One fragment more is held.
    Held,
    /// It is whole: it goes on as its first fragment.
    Complete,
    /// It is refused, with all that was held of it.
    Refused,
    /// It gave way to another.
    Evicted,
    /// Its time is up.
    Expired,
}

/// A datagram of which we have fragments, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReassemblyNote {
    /// What became of it.
    pub what: Reassembly,
    /// The fragment that is held or made it be refused; the packet that it is now; else the
    /// fragment that began it.
    pub packet: PacketId,
    /// Who sent it.
    pub src: Ipv4Addr,
    /// To whom.
    pub dst: Ipv4Addr,
    /// Its identification.
    pub id: u16,
    /// Its protocol.
    pub protocol: u8,
    /// The fragments that are held, or were.
    pub fragments: u32,
    /// The bytes of payload in them.
    pub bytes: u32,
}

/// What became of a neighbour entry, and why it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighMove {
    /// The device on whose link the neighbour is.
    pub port: PortId,
    /// Its address.
    pub address: Ipv4Addr,
    /// The state before; nothing for a new entry.
    pub from: Option<&'static str>,
    /// The state after; nothing when the entry is gone.
    pub to: Option<&'static str>,
    /// The event of the state machine.
    pub why: &'static str,
    /// Packets that wait for it afterwards.
    pub waiting: u32,
}

/// One thing that happened on an lcore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named by the word that a trace prints")]
pub enum Event {
    /// A frame was taken from a receive queue.
    Rx { packet: PacketId, port: PortId, queue: QueueId, len: u32 },
    /// A frame was taken from one of this lcore's rings.
    RingRx { packet: PacketId, ring: Ring },
    /// A frame was put into another lcore's ring.
    RingTx { packet: PacketId, ring: Ring, to: LcoreId },
    /// A packet was made; `cause` is the packet that made it necessary.
    Made { packet: PacketId, cause: Option<PacketId>, what: Made },
    /// A packet was turned round in place into an answer.
    Answered { packet: PacketId, what: &'static str },
    /// A packet reached its end here.
    Consumed { packet: PacketId, by: Consumer },
    /// A packet was refused.
    Dropped { packet: PacketId, reason: DropReason },
    /// A packet waits for its neighbour's MAC.
    Waits { packet: PacketId, address: Ipv4Addr, waiting: u32 },
    /// A Qsch took a packet; `qlen` wait in it now, of so many `bytes`.
    QschQueued { packet: PacketId, dev: PortId, handle: Handle, qlen: u32, bytes: u64 },
    /// A Qsch let a packet go.
    QschSent { packet: PacketId, dev: PortId, handle: Handle, len: u32 },
    /// Traffic control was changed on this lcore.
    TcChanged { what: &'static str, dev: PortId, handle: Handle },
    /// A change of traffic control was refused.
    TcRefused { what: &'static str, dev: PortId, handle: Handle, why: TcError },
    /// What a Qsch counted, on all workers together.
    QschShown { dev: PortId, handle: Handle, stats: QschStats },
    /// How often a classifier matched, on all workers together.
    ClsShown { dev: PortId, qsch: Handle, handle: Handle, hits: u64 },
    /// Not all workers told what they counted.
    TcNotShown { what: &'static str },
    /// A frame was accepted by a transmit queue of the port.
    Tx { packet: PacketId, port: PortId, queue: QueueId, len: u32 },
    /// A neighbour entry changed.
    Neigh(NeighMove),
    /// The MAC of a neighbour is another one now.
    NeighMac { port: PortId, address: Ipv4Addr, mac: Mac },
    /// A change of a static neighbour was sent to another lcore, or could not be.
    NeighSync { to: LcoreId, address: Ipv4Addr, sent: bool },
    /// No buffer was left for a packet we wanted to make.
    NoBuffer { what: Made, cause: Option<PacketId> },
    /// Something happened to a message between lcores.
    Msg(MsgNote),
    /// A packet was to be sampled, and the iftraf_ring was full.
    SampleLost { packet: PacketId },
    /// Traffic statistics were switched, or not.
    Iftraf { state: &'static str },
    /// A device is there, or is there no longer: the master says so when it has done it.
    Device { port: PortId, name: DeviceName, added: bool },
    /// The lifetime of an address is over: the master orders itself to take it away.
    AddressExpired { port: PortId, address: Ipv4Addr, order: u64 },
    /// An order is over: it is done, or it was refused.
    Outcome(Outcome),
    /// An ICMP error was not sent, and why.
    IcmpSuppressed { cause: PacketId, why: &'static str },
    /// Something became of a datagram of which we have fragments.
    Reassembly(ReassemblyNote),
    /// An ICMP redirect that a host would believe was received: a router does not follow it.
    RedirectIgnored { packet: PacketId, destination: Ipv4Addr, gateway: Ipv4Addr },
}

/// The value of one field of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    U64(u64),
    /// A fixed word: letters, digits and underscores.
    Text(&'static str),
    /// Any text.
    Str(&'a str),
    /// An IPv4 address.
    Ip(Ipv4Addr),
    /// An Ethernet address.
    Mac(Mac),
    /// A device: written by its name.
    Port(PortId),
    /// Yes or no.
    Bool(bool),
    /// A Qsch or a classifier: written as tc does.
    Handle(Handle),
}

impl Made {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Made::ArpRequest => "arp_request",
            Made::ArpCopy => "arp_copy",
            Made::KniCopy => "kni_copy",
            Made::IcmpError(..) => "icmp_error",
            Made::Fragment => "fragment",
        }
    }
}

impl Consumer {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Consumer::Arp => "arp",
            Consumer::Icmp => "icmp",
            Consumer::Kni => "kni",
            Consumer::Reassembly(_) => "reassembly",
            Consumer::Fragmentation => "fragmentation",
        }
    }
}

impl Reassembly {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Reassembly::Held => "reasm_held",
            Reassembly::Complete => "reasm_complete",
            Reassembly::Refused => "reasm_refused",
            Reassembly::Evicted => "reasm_evicted",
            Reassembly::Expired => "reasm_expired",
        }
    }
}

impl Event {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            Event::Rx { .. } => "rx",
            Event::RingRx { .. } => "ring_rx",
            Event::RingTx { .. } => "ring_tx",
            Event::Made { .. } => "made",
            Event::Answered { .. } => "answered",
            Event::Consumed { .. } => "consumed",
            Event::Dropped { .. } => "dropped",
            Event::Waits { .. } => "waits",
            Event::QschQueued { .. } => "qsch_queued",
            Event::QschSent { .. } => "qsch_sent",
            Event::TcChanged { .. } => "tc_changed",
            Event::TcRefused { .. } => "tc_refused",
            Event::QschShown { .. } => "qsch_shown",
            Event::ClsShown { .. } => "cls_shown",
            Event::TcNotShown { .. } => "tc_not_shown",
            Event::Tx { .. } => "tx",
            Event::Neigh(_) => "neigh",
            Event::NeighMac { .. } => "neigh_mac",
            Event::NeighSync { .. } => "neigh_sync",
            Event::NoBuffer { .. } => "no_buffer",
            Event::Msg(note) => note.name(),
            Event::SampleLost { .. } => "sample_lost",
            Event::Iftraf { .. } => "iftraf",
            Event::Device { .. } => "device",
            Event::AddressExpired { .. } => "address_expired",
            Event::Outcome(_) => "outcome",
            Event::IcmpSuppressed { .. } => "icmp_suppressed",
            Event::RedirectIgnored { .. } => "redirect_ignored",
            Event::Reassembly(note) => note.what.name(),
        }
    }

    /// The packet that this event is about, if it is about one.
    pub const fn packet(&self) -> Option<PacketId> {
        match *self {
            Event::Rx { packet, .. }
            | Event::RingRx { packet, .. }
            | Event::RingTx { packet, .. }
            | Event::Made { packet, .. }
            | Event::Answered { packet, .. }
            | Event::Consumed { packet, .. }
            | Event::Dropped { packet, .. }
            | Event::Waits { packet, .. }
            | Event::RedirectIgnored { packet, .. }
            | Event::QschQueued { packet, .. }
            | Event::QschSent { packet, .. }
            | Event::SampleLost { packet }
            | Event::Tx { packet, .. } => Some(packet),
            Event::IcmpSuppressed { cause, .. } => Some(cause),
            Event::Msg(note) => note.packet,
            Event::Reassembly(note) => Some(note.packet),
            Event::Neigh(_)
            | Event::NeighMac { .. }
            | Event::NeighSync { .. }
            | Event::TcChanged { .. }
            | Event::TcRefused { .. }
            | Event::QschShown { .. }
            | Event::ClsShown { .. }
            | Event::TcNotShown { .. }
            | Event::Iftraf { .. }
            | Event::Device { .. }
            | Event::AddressExpired { .. }
            | Event::Outcome(_)
            | Event::NoBuffer { .. } => None,
        }
    }

    /// Calls `field` with each field's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        match *self {
            Event::Rx { packet, port, queue, len } | Event::Tx { packet, port, queue, len } => {
                field("pkt", Value::U64(packet.0));
                field("port", Value::Port(port));
                field("queue", Value::U64(queue.0.into()));
                field("len", Value::U64(len.into()));
            }
            Event::RingRx { packet, ring } => {
                field("pkt", Value::U64(packet.0));
                field("ring", Value::Text(ring.name()));
            }
            Event::RingTx { packet, ring, to } => {
                field("pkt", Value::U64(packet.0));
                field("ring", Value::Text(ring.name()));
                field("to", Value::U64(to.0.into()));
            }
            Event::Made { packet, cause, what } => {
                field("pkt", Value::U64(packet.0));
                made_fields(what, cause, field);
            }
            Event::NoBuffer { what, cause } => made_fields(what, cause, field),
            Event::Answered { packet, what } => {
                field("pkt", Value::U64(packet.0));
                field("as", Value::Text(what));
            }
            Event::Consumed { packet, by } => {
                field("pkt", Value::U64(packet.0));
                field("by", Value::Text(by.name()));
                if let Consumer::Reassembly(into) = by {
                    field("into", Value::U64(into.0));
                }
            }
            Event::Dropped { packet, reason } => {
                field("pkt", Value::U64(packet.0));
                field("reason", Value::Text(reason.name()));
            }
            Event::Waits { packet, address, waiting } => {
                field("pkt", Value::U64(packet.0));
                field("for", Value::Ip(address));
                field("waiting", Value::U64(waiting.into()));
            }
            Event::QschQueued { .. }
            | Event::QschSent { .. }
            | Event::TcChanged { .. }
            | Event::TcRefused { .. }
            | Event::QschShown { .. }
            | Event::ClsShown { .. }
            | Event::TcNotShown { .. } => self.tc_fields(field),
            Event::Msg(note) => note.fields(field),
            Event::Reassembly(note) => reassembly_fields(&note, field),
            Event::SampleLost { packet } => field("pkt", Value::U64(packet.0)),
            Event::Iftraf { state } => field("state", Value::Text(state)),
            Event::Device { .. } | Event::AddressExpired { .. } | Event::Outcome(_) => {
                self.control_fields(field);
            }
            Event::IcmpSuppressed { cause, why } => {
                field("pkt", Value::U64(cause.0));
                field("why", Value::Text(why));
            }
            Event::RedirectIgnored { packet, destination, gateway } => {
                field("pkt", Value::U64(packet.0));
                field("destination", Value::Ip(destination));
                field("gateway", Value::Ip(gateway));
            }
            Event::Neigh(_) | Event::NeighMac { .. } | Event::NeighSync { .. } => {
                self.neigh_fields(field);
            }
        }
    }

    fn tc_fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        let mut about = |packet: Option<PacketId>, dev, qsch| {
            if let Some(packet) = packet {
                field("pkt", Value::U64(packet.0));
            }
            field("dev", Value::Port(dev));
            field("qsch", Value::Handle(qsch));
        };
        match *self {
            Event::QschQueued { packet, dev, handle, qlen, bytes } => {
                about(Some(packet), dev, handle);
                field("qlen", Value::U64(qlen.into()));
                field("bytes", Value::U64(bytes));
            }
            Event::QschSent { packet, dev, handle, len } => {
                about(Some(packet), dev, handle);
                field("len", Value::U64(len.into()));
            }
            Event::TcChanged { what, dev, handle } => change_fields(what, dev, handle, field),
            Event::TcRefused { what, dev, handle, why } => {
                change_fields(what, dev, handle, field);
                field("why", Value::Text(why.name()));
            }
            Event::QschShown { dev, handle, stats } => {
                about(None, dev, handle);
                stats.fields(field);
            }
            Event::ClsShown { dev, qsch, handle, hits } => {
                about(None, dev, qsch);
                field("cls", Value::Handle(handle));
                field("hits", Value::U64(hits));
            }
            Event::TcNotShown { what } => field("what", Value::Text(what)),
            _ => {}
        }
    }

    fn control_fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        match self {
            Event::Device { port, name, added } => {
                field("id", Value::U64(port.0.into()));
                field("name", Value::Str(name.as_str()));
                field("added", Value::Bool(*added));
            }
            Event::AddressExpired { port, address, order } => {
                field("port", Value::Port(*port));
                field("address", Value::Ip(*address));
                field("order", Value::U64(*order));
            }
            Event::Outcome(Outcome { order, refused, at, entries }) => {
                field("order", Value::U64(*order));
                field("result", Value::Text(refused.map_or("OK", Refused::code)));
                if let Some(refused) = refused {
                    field("why", Value::Text(refused.name()));
                }
                if let Some(at) = at {
                    field("at", Value::U64(at.0.into()));
                }
                if let Some(entries) = entries {
                    field("entries", Value::U64(*entries));
                }
            }
            _ => {}
        }
    }

    fn neigh_fields(&self, field: &mut dyn FnMut(&'static str, Value<'_>)) {
        match *self {
            Event::Neigh(moved) => neigh_fields(&moved, field),
            Event::NeighMac { port, address, mac } => {
                field("port", Value::Port(port));
                field("address", Value::Ip(address));
                field("mac", Value::Mac(mac));
            }
            Event::NeighSync { to, address, sent } => {
                field("to", Value::U64(to.0.into()));
                field("address", Value::Ip(address));
                field("sent", Value::Bool(sent));
            }
            _ => {}
        }
    }
}

fn made_fields(
    what: Made,
    cause: Option<PacketId>,
    field: &mut dyn FnMut(&'static str, Value<'_>),
) {
    field("what", Value::Text(what.name()));
    if let Made::IcmpError(kind, code) = what {
        field("type", Value::U64(kind.into()));
        field("code", Value::U64(code.into()));
    }
    if let Some(cause) = cause {
        field("cause", Value::U64(cause.0));
    }
}

fn reassembly_fields(note: &ReassemblyNote, field: &mut dyn FnMut(&'static str, Value<'_>)) {
    field("pkt", Value::U64(note.packet.0));
    field("src", Value::Ip(note.src));
    field("dst", Value::Ip(note.dst));
    field("id", Value::U64(note.id.into()));
    field("protocol", Value::U64(note.protocol.into()));
    field("fragments", Value::U64(note.fragments.into()));
    field("bytes", Value::U64(note.bytes.into()));
}

fn change_fields(
    what: &'static str,
    dev: PortId,
    handle: Handle,
    field: &mut dyn FnMut(&'static str, Value<'_>),
) {
    field("what", Value::Text(what));
    field("dev", Value::Port(dev));
    field("handle", Value::Handle(handle));
}

fn neigh_fields(moved: &NeighMove, field: &mut dyn FnMut(&'static str, Value<'_>)) {
    field("port", Value::Port(moved.port));
    field("address", Value::Ip(moved.address));
    field("from", Value::Text(moved.from.unwrap_or("-")));
    field("to", Value::Text(moved.to.unwrap_or("-")));
    field("why", Value::Text(moved.why));
    field("waiting", Value::U64(moved.waiting.into()));
}
