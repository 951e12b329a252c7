//! Frames in from a port, frames out to a port.
//!
//! Rank 1 (untag), 3 (deliver), 12 (tag), 14 (transmit) of the path. Spec 2.3, 2.5, 3.1.
//!
//! Invariant: a transmit queue never holds more than `Limits::tx_burst` frames.
//! Not here: receiving (job recv_fwd, `lcore.rs`), ARP and IPv4.
//!
//! DPVS: netif.c. The VLAN device is looked up with the frame as it is (defect B24: through a
//! pointer to where the header was), and bytes out are counted when the port took them (B21).

use crate::config::Config;
use crate::device::{Device, Devices};
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::Event;
use crate::kni;
use crate::packet::{Buf, PacketId};
use crate::path::{Next, Step};
use crate::planted::Defect;
use crate::types::{LcoreId, Mac, PortId, QueueId, VlanId};
use crate::wire::ethernet::{self, EtherType};
use crate::wire::l4::{self, Protocol};
use crate::wire::vlan;
use crate::world::World;
use std::fmt;
use std::num::NonZero;
use std::slice;

/// Whom the destination MAC of a frame names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// This device.
    Host,
    /// Everybody.
    Broadcast,
    /// A group.
    Multicast,
    /// Another station.
    OtherHost,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 4] = [Class::Host, Class::Broadcast, Class::Multicast, Class::OtherHost];

    /// The class of a frame to `dst` that came in on `device`.
    ///
    /// A VLAN device may have a MAC of its own, and the frame to that of its port is for it all the
    /// same: DPVS and Linux class a frame by the port before they look at its tag. Spec 3.1.
    pub(crate) fn of(dst: Mac, device: &Device, devices: &Devices) -> Class {
        let port = || device.vlan.and_then(|(port, _)| devices.find(port));
        match dst {
            dst if dst == device.mac => Class::Host,
            Mac::BROADCAST => Class::Broadcast,
            dst if dst.is_multicast() => Class::Multicast,
            dst if port().is_some_and(|port| port.mac == dst) => Class::Host,
            _ => Class::OtherHost,
        }
    }
}

/// How a packet came to us: the device that it came in on, and whom its frame was sent to.
///
/// All in one word, which goes along with the packet: see [`Step`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Origin(NonZero<u64>);

impl Origin {
    /// A frame of this class that came in on `device`.
    #[inline]
    pub fn new(device: PortId, class: Class) -> Origin {
        Origin(NonZero::<u64>::MIN | u64::from(device.0) << 16 | (class as u64) << 8)
    }

    /// The device that it came in on.
    #[inline]
    pub const fn device(self) -> PortId {
        let [_, _, low, high, ..] = self.0.get().to_le_bytes();
        PortId(u16::from_le_bytes([low, high]))
    }

    /// Whom its frame was sent to.
    #[inline]
    pub fn class(self) -> Class {
        let [_, class, ..] = self.0.get().to_le_bytes();
        Class::ALL.into_iter().find(|c| *c as u8 == class).unwrap_or(Class::OtherHost)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, class) = (self.device(), self.class());
        f.debug_struct("Origin").field("device", &device).field("class", &class).finish()
    }
}

/// An ARP packet without its Ethernet header, and what that header said.
#[derive(Debug)]
pub struct ArpFrame<B> {
    /// The packet, from its ARP header on.
    pub buf: B,
    /// The device it came in on: the VLAN device of a tagged frame.
    pub device: PortId,
    /// Whom it was sent to.
    pub dst: Mac,
    /// Who sent it.
    pub src: Mac,
    /// Whom it was sent to, in a word.
    pub class: Class,
    /// Whether it came through a ring.
    pub from_ring: bool,
}

/// Rank 1: takes the tag out, if there is one, and finds the VLAN device.
pub fn untag<W: World>(mut buf: W::Buf, env: &mut Env<'_, W>, next: &mut Next<W::Buf>) {
    let Ok(header) = ethernet::Header::parse(buf.head()) else {
        return env.drop(buf, DropReason::EthTruncated);
    };
    if header.ether_type != EtherType::VLAN {
        return next.push(Step::Deliver { buf, from_ring: false });
    }
    if let Err(reason) = take_tag(&mut buf, env) {
        return env.drop(buf, reason);
    }
    // A tag with VID 0 leaves the frame with its port.
    let is_vlan = env.devices.get(buf.meta().port).vlan.is_some()
        && !env.planted.is(Defect::VlanIngressSkipped);
    next.push(match is_vlan {
        true => Step::VlanIngress(buf),
        false => Step::Deliver { buf, from_ring: false },
    });
}

/// Rank 3: gives the frame to ARP or IPv4. What came through a ring was untagged and counted where it
/// was received.
pub fn deliver<W: World>(
    mut buf: W::Buf,
    from_ring: bool,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let Ok(header) = ethernet::Header::parse(buf.head()) else {
        return env.drop(buf, DropReason::EthTruncated);
    };
    let Some(device) = env.devices.find(buf.meta().port) else {
        return env.drop(buf, DropReason::DeviceGone);
    };
    if !from_ring || env.policy.forward2kni_ring_copies {
        kni::copy(slice::from_mut(&mut buf), device, env);
    }
    let class = Class::of(header.dst, device, env.devices);
    if buf.strip_front(ethernet::HEADER_LEN).is_err() {
        return env.drop(buf, DropReason::EthTruncated);
    }
    let device = device.id;
    match header.ether_type {
        EtherType::ARP => {
            let (dst, src) = (header.dst, header.src);
            next.push(Step::ArpInput(ArpFrame { buf, device, dst, src, class, from_ring }));
        }
        EtherType::IPV4 => next.push(Step::Ipv4Input(buf, Origin::new(device, class))),
        _ => kni::packet(buf, device, DropReason::EtherTypeUnknown, env),
    }
}

/// Takes a frame that an lcore polled for the kernel alone to its device: the KNI lcore's own
/// receive queues. Spec 10 (a).
///
/// DPVS groups what it polled by device, which reorders it, and gives the kernel side of the port
/// what no VLAN device wants (defect B16); here each frame goes its way, in order.
pub fn kernel_only<W: World>(mut buf: W::Buf, env: &mut Env<'_, W>) {
    let Ok(header) = ethernet::Header::parse(buf.head()) else {
        return env.drop(buf, DropReason::EthTruncated);
    };
    if header.ether_type == EtherType::VLAN
        && let Err(reason) = take_tag(&mut buf, env)
    {
        return env.drop(buf, reason);
    }
    let device = buf.meta().port;
    kni::frame(buf, device, DropReason::KniAbsent, env);
}

/// Takes the tag out of a frame and moves the frame to its VLAN device.
fn take_tag<W: World>(buf: &mut W::Buf, env: &Env<'_, W>) -> Result<(), DropReason> {
    let Ok(vlan::Tag { vid, .. }) = vlan::Tag::parse(buf.head()) else {
        return Err(DropReason::VlanTruncated);
    };
    let port = buf.meta().port;
    let device = match VlanId::try_new(vid) {
        Some(vid) => env.devices.vlan(port, vid).ok_or(DropReason::VlanUnknown)?,
        // IEEE 802.1Q §9.6: VID 0 carries a priority and no VLAN.
        None if vid == 0 && env.policy.vid0_untagged => port,
        // DPVS takes 4095 for a VLAN as any other, and no device here can have it.
        None if vid != 0 && !env.policy.vid0_untagged => return Err(DropReason::VlanUnknown),
        None => return Err(DropReason::VlanReserved),
    };
    if env.planted.is(Defect::TagNotPopped) {
        return Ok(());
    }
    vlan::untag(buf.head_mut());
    buf.strip_front(vlan::TAG_LEN).map_err(|_| DropReason::VlanTruncated)?;
    buf.meta_mut().port = device;
    Ok(())
}

/// Rank 12: tags what leaves by a VLAN device, and finds the physical port.
pub fn tag<W: World>(
    mut buf: W::Buf,
    device: PortId,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let Some(vlan) = env.devices.find(device).map(|device| device.vlan) else {
        // What the master gave us to send may have been on its way for longer than its device.
        return env.drop(buf, DropReason::DeviceGone);
    };
    let port = match vlan {
        None => device,
        Some((port, vid)) => {
            if buf.prepend(vlan::TAG_LEN).is_err() {
                return env.drop(buf, DropReason::NoHeadroom);
            }
            // PCP and DEI zero: the priority of what came in is not carried over, as in Linux.
            let next = u16::from(env.planted.is(Defect::TagWrongVid));
            vlan::tag(buf.head_mut(), vid.get() ^ next);
            port
        }
    };
    next.push(Step::PortEgress(buf, port));
}

/// The transmit queues of one lcore.
#[derive(Debug)]
pub struct TxQueues<B> {
    ports: Vec<Vec<TxQueue<B>>>,
    held: u64,
    sent: Vec<(PacketId, u32)>,
}

#[derive(Debug)]
struct TxQueue<B> {
    id: QueueId,
    frames: Vec<B>,
}

impl<B: Buf> TxQueues<B> {
    /// The queues that the configuration gives to `lcore`.
    pub fn new(config: &Config, lcore: LcoreId) -> TxQueues<B> {
        let mut ports: Vec<Vec<TxQueue<B>>> = Vec::new();
        ports.resize_with(config.ports.len(), Vec::new);
        let mine = config.lcores.iter().filter(|l| l.id == lcore).flat_map(|l| &l.queues);
        for queues in mine {
            let new = queues.tx.iter().map(|id| TxQueue { id: *id, frames: Vec::new() });
            ports[queues.port.index()].extend(new);
        }
        TxQueues { ports, held: 0, sent: Vec::new() }
    }

    /// Frames that wait for job xmit.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Bursts out every queue that holds something. Returns how many frames were offered.
    pub fn flush<W: World<Buf = B>>(&mut self, env: &mut Env<'_, W>) -> u32 {
        let mut offered = 0;
        if self.held == 0 {
            return offered;
        }
        for (queues, port) in self.ports.iter_mut().zip(0..) {
            for queue in queues.iter_mut().filter(|q| !q.frames.is_empty()) {
                let n = queue.frames.len();
                self.held -= n as u64;
                offered += u32::try_from(n).unwrap_or(u32::MAX);
                burst(&mut self.sent, PortId(port), queue, env);
            }
        }
        offered
    }

    /// Offers frames to queue 0 of a port that is not this lcore's in the configuration: the
    /// kernel's. What it refuses is dropped as `refused`. Returns how many it took.
    pub fn burst_out<W: World<Buf = B>>(
        &mut self,
        port: PortId,
        frames: &mut Vec<B>,
        refused: DropReason,
        env: &mut Env<'_, W>,
    ) -> u32 {
        if frames.is_empty() {
            return 0;
        }
        offer(&mut self.sent, (port, QueueId(0)), frames, refused, env)
    }

    /// Gives every held frame back: the end of the run.
    pub fn release<W: World<Buf = B>>(&mut self, world: &mut W) {
        for queue in self.ports.iter_mut().flatten() {
            queue.frames.drain(..).for_each(|buf| world.free(buf));
        }
        self.held = 0;
    }
}

/// Rank 14: buffers the frame for job xmit; one more than a burst pushes the burst out first.
pub fn transmit<W: World>(
    tx: &mut TxQueues<W::Buf>,
    mut buf: W::Buf,
    port: PortId,
    env: &mut Env<'_, W>,
) {
    buf.meta_mut().port = port;
    let TxQueues { ports, held, sent } = tx;
    let queues = &mut ports[port.index()];
    let index = match queues.len() {
        // DPVS: an index beyond a table (defect B11). Here no configuration passes the check in
        // which a worker cannot send on every port.
        0 => unreachable!("a worker has a transmit queue on every port"),
        1 => 0,
        // DPVS: the low bits of the buffer's address (spec 11 #11), which no run could repeat.
        n => usize::from(flow_hash(&buf)) % n,
    };
    let queue = &mut queues[index];
    if queue.frames.len() >= env.limits.tx_burst as usize {
        *held -= queue.frames.len() as u64;
        burst(sent, port, queue, env);
    }
    queue.frames.push(buf);
    *held += 1;
}

fn burst<W: World>(
    sent: &mut Vec<(PacketId, u32)>,
    port: PortId,
    queue: &mut TxQueue<W::Buf>,
    env: &mut Env<'_, W>,
) {
    kni::copy(&mut queue.frames, env.devices.get(port), env);
    offer(sent, (port, queue.id), &mut queue.frames, DropReason::TxRefused, env);
}

/// Offers frames to a transmit queue of a port; what it refuses is dropped. Returns how many it took.
fn offer<W: World>(
    sent: &mut Vec<(PacketId, u32)>,
    (port, queue): (PortId, QueueId),
    frames: &mut Vec<W::Buf>,
    refused: DropReason,
    env: &mut Env<'_, W>,
) -> u32 {
    let frame = |buf: &W::Buf| (buf.meta().id, u32::try_from(buf.len()).unwrap_or(u32::MAX));
    sent.clear();
    sent.extend(frames.iter().map(frame));
    env.world.tx_burst(port, queue, frames);
    if !env.planted.is(Defect::TxCountedEarly) {
        sent.truncate(sent.len() - frames.len());
    }
    for (packet, len) in sent.iter().copied() {
        env.counters.opackets += 1;
        env.counters.obytes += u64::from(len);
        env.world.observe(Event::Tx { packet, port, queue, len });
    }
    if env.planted.is(Defect::TxRemainderLeaked) {
        frames.clear();
    }
    let left = if env.planted.is(Defect::TxRemainderForgotten) { frames.len() } else { 0 };
    for buf in frames.drain(left..) {
        env.drop(buf, refused);
    }
    u32::try_from(sent.len()).unwrap_or(u32::MAX)
}

/// A hash of the flow that a frame belongs to: addresses, protocol and, but for fragments, the
/// ports of those protocols of IPv4 that have some; the MACs of anything else. The same on every machine.
fn flow_hash(buf: &impl Buf) -> u16 {
    let frame = buf.head();
    let l3 = match frame.get(12..14) {
        Some([0x81, 0x00]) => ethernet::HEADER_LEN + vlan::TAG_LEN,
        _ => ethernet::HEADER_LEN,
    };
    let is_ipv4 = frame.get(l3 - 2..l3) == Some(&[0x08, 0x00]);
    let key: [Option<&[u8]>; 3] = match frame.get(l3..l3 + 20) {
        Some(header) if is_ipv4 => {
            let l4 = l3 + usize::from(header[0] & 0x0f) * 4;
            let whole = header[6] & 0x3f == 0 && header[7] == 0;
            // Only where there are ports: an echo's sequence number is no part of its flow.
            let ports = frame
                .get(l4..l4 + 4)
                .filter(|bytes| whole && l4::ports(Protocol(header[9]), bytes).is_some());
            [Some(&header[12..20]), Some(&header[9..10]), ports]
        }
        _ => [frame.get(..12), None, None],
    };
    // FNV-1a, folded: cheap, well spread over the low bits, and fixed for ever.
    let bytes = key.into_iter().flatten().flatten();
    let hash = bytes.fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    u16::from_le_bytes([a ^ c, b ^ d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::HeapBuf;
    use crate::packet::Meta;
    use fixtures::{ALICE, BOB, icmp_echo, udp};

    fn hash(frame: &fixtures::Frame) -> u16 {
        flow_hash(&HeapBuf::from_frame(Meta::default(), &frame.build()))
    }

    #[test]
    fn an_origin_is_what_it_was_made_of() {
        for device in [0, 1, 255, 256, u16::MAX].map(PortId) {
            for class in Class::ALL {
                let origin = Origin::new(device, class);
                assert_eq!((origin.device(), origin.class()), (device, class));
            }
        }
    }

    #[test]
    fn a_flow_has_its_ports_wherever_they_are() {
        let frames = [
            |ports| udp(ALICE, BOB).ports(ports, 53),
            |ports| udp(ALICE, BOB).ports(ports, 53).vlan(100),
            |ports| udp(ALICE, BOB).ports(ports, 53).options(&[1, 1, 1, 0]),
            |ports| udp(ALICE, BOB).ports(ports, 53).options(&[1; 40]).vlan(100),
        ];
        for frame in frames {
            // Also of another length, and of another tag.
            assert_eq!(hash(&frame(4000)), hash(&frame(4000).len(7)));
            assert_eq!(hash(&frame(4000)), hash(&udp(ALICE, BOB).ports(4000, 53)));
            assert_ne!(hash(&frame(4000)), hash(&frame(4001)));
        }
        assert_ne!(hash(&udp(ALICE, BOB).ports(1, 2)), hash(&udp(BOB, ALICE).ports(1, 2)));
    }

    #[test]
    fn fragments_of_a_datagram_are_one_flow_and_an_echo_is_one_too() {
        let whole = udp(ALICE, BOB).ports(4000, 53).len(64);
        let parts: Vec<u16> = whole.fragments(24).iter().map(hash).collect();
        assert!(parts.len() > 2 && parts.iter().all(|part| *part == parts[0]), "{parts:?}");
        let echo = |seq| hash(&icmp_echo(ALICE, BOB).echo_id_seq(7, seq));
        assert_eq!(echo(1), echo(2));
    }
}
