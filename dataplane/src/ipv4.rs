//! IPv4: what comes in is checked and routed; what is for us is delivered; what is not goes on.
//!
//! Rank 4 (input), 5 (route), 6 (reassemble), 7 (local in, forward), 8 (local out), 9 (output) of
//! the path. RFC 791, 1122, 1812; spec 4.
//!
//! Invariant: behind `input` the header is whole, its checksum right, and the packet exactly as
//! long as it says. Not here: the MAC of the next hop (`neigh.rs`), ICMP messages (`icmp.rs`).
//!
//! DPVS: ipv4.c. It strips and re-exposes headers on one buffer that several layers remember; we
//! hand the next stage a value.

mod fragment;
pub mod reassembly;
#[cfg(test)]
mod tests;
mod transport;

use crate::drop::DropReason;
use crate::env::Env;
use crate::icmp::{self, ErrorKind, ErrorLimit, gather};
use crate::iftraf::{self, Direction, Sampler};
use crate::kni;
use crate::netif::{Class, Origin};
use crate::packet::Buf;
use crate::path::{Next, Step};
use crate::planted::{Defect, Planted};
use crate::route::{Hop, Routed, Routes};
use crate::wire::ipv4::{self, FragOffset, Protocol, View};
use crate::wire::{Malformed, Problem};
use crate::world::World;
use std::net::Ipv4Addr;

/// What the path needs to know of an IPv4 header that was checked.
///
/// Each stage reads it where the packet has it ([`Datagram::ip`], [`Outbound::ip`]): what goes from
/// stage to stage is the buffer and little more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// The source.
    pub src: Ipv4Addr,
    /// The destination.
    pub dst: Ipv4Addr,
    /// The protocol above.
    pub protocol: Protocol,
    /// Type of service.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Bytes of the header, 20..=60.
    pub header_len: u8,
    /// Bytes of the packet, header included.
    pub total_len: u16,
    /// Whether it must not be fragmented.
    pub dont_fragment: bool,
    /// Identification, the same in all fragments of a datagram.
    pub id: u16,
    /// Where in its datagram it begins.
    pub offset: FragOffset,
    /// Whether it is a fragment and not the last.
    pub more_fragments: bool,
}

impl Ip {
    /// What a header says that was checked.
    #[inline]
    pub fn new(view: &View<'_>) -> Ip {
        Ip {
            src: view.src(),
            dst: view.dst(),
            protocol: view.protocol(),
            tos: view.tos(),
            ttl: view.ttl(),
            header_len: u8::try_from(view.header_len()).unwrap_or(u8::MAX),
            total_len: view.total_len(),
            dont_fragment: view.dont_fragment(),
            id: view.id(),
            offset: view.fragment_offset(),
            more_fragments: view.more_fragments(),
        }
    }

    /// What the header says at the start of a packet that was checked, or that is our own.
    #[inline]
    pub(crate) fn of(buf: &impl Buf) -> Ip {
        Ip::new(&View::again(buf.head()))
    }

    /// Whether it is a part of a datagram.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments || !self.is_first()
    }

    /// Whether it begins where its datagram does.
    pub fn is_first(&self) -> bool {
        self.offset == FragOffset::ZERO
    }
}

/// A checked IPv4 packet, from its IPv4 header on.
#[derive(Debug)]
pub struct Datagram<B> {
    /// The packet.
    pub buf: B,
    /// How it came to us.
    pub from: Origin,
}

impl<B: Buf> Datagram<B> {
    /// Its header.
    ///
    /// # Panics
    /// There is none: it was never checked.
    #[inline]
    pub fn ip(&self) -> Ip {
        Ip::of(&self.buf)
    }
}

/// A packet of our own, without its IPv4 header.
#[derive(Debug)]
pub struct Outgoing<B> {
    /// What goes behind the IPv4 header.
    pub buf: B,
    /// Our address; nothing: the one of the device that it leaves by.
    pub src: Option<Ipv4Addr>,
    /// Where to.
    pub dst: Ipv4Addr,
    /// What it carries.
    pub protocol: Protocol,
    /// Type of service.
    pub tos: u8,
}

/// An IPv4 packet, header and all, with its way out.
#[derive(Debug)]
pub struct Outbound<B> {
    /// The packet.
    pub buf: B,
    /// Its way out.
    pub hop: Hop,
    /// How it came to us; nothing for one of our own.
    pub from: Option<Origin>,
}

impl<B: Buf> Outbound<B> {
    /// Its header.
    ///
    /// # Panics
    /// There is none: it was neither checked nor written by us.
    #[inline]
    pub fn ip(&self) -> Ip {
        Ip::of(&self.buf)
    }
}

/// The identifications of an lcore's own packets. Several lcores never give the same one: with `n`
/// of them, lcore number `i` counts `i, i + n, i + 2n …` and behind the last of 16 bits from `i` again.
///
/// DPVS: 2048 shared counters with random starts (spec 4.7); lcores here share nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpIds {
    next: u16,
    step: u16,
}

impl IpIds {
    /// The identifications of lcore number `index` of `of`.
    pub const fn new(index: u16, of: u16) -> IpIds {
        IpIds { next: index, step: of }
    }

    fn take(&mut self) -> u16 {
        let id = self.next;
        self.next = id.checked_add(self.step).unwrap_or(id % self.step);
        id
    }
}

/// Rank 4: checks the header, trims what is behind the packet, and refuses what may not be.
pub fn input<W: World>(
    (limit, sampler): (&mut ErrorLimit, &mut Sampler),
    (mut buf, from): (W::Buf, Origin),
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    if from.class() == Class::OtherHost && !env.planted.is(Defect::OtherHostTaken) {
        return env.drop(buf, DropReason::IpOtherHost);
    }
    env.counters.ip_in += 1;
    if let Err(reason) = check(&buf, env.planted) {
        return env.drop(buf, reason);
    }
    let ip = Ip::of(&buf);
    // What is behind the datagram is Ethernet's padding, or worse: it is not forwarded.
    let kept = if env.planted.is(Defect::PaddingKept) { buf.len() } else { 0 };
    let len = kept.max(ip.total_len.into());
    if len != buf.len() && buf.truncate(len).is_err() {
        return env.drop(buf, DropReason::IpBeyondFrame);
    }
    iftraf::watch(sampler, &buf, (from.device(), Direction::In), env);
    if let Some(reason) = unwelcome(&ip, env) {
        return env.drop(buf, reason);
    }
    let packet = Datagram { buf, from };
    if env.policy.check_options && usize::from(ip.header_len) > ipv4::HEADER_LEN_MIN {
        let header = &packet.buf.head()[..usize::from(ip.header_len)];
        match ipv4::check_options(&header[ipv4::HEADER_LEN_MIN..]) {
            // RFC 7126 §4.3: source routes are dropped.
            Ok(seen) if seen.source_route => {
                return env.drop(packet.buf, DropReason::IpSourceRoute);
            }
            Ok(_) => {}
            Err(pointer) => {
                let pointer = u8::try_from(pointer).unwrap_or(u8::MAX);
                icmp::error(limit, &packet, ErrorKind::Parameter { pointer }, env, next);
                return env.drop(packet.buf, DropReason::IpOptions);
            }
        }
    }
    if let Some(packet) = gather::hand_over(packet, env) {
        next.push(Step::Route(packet));
    }
}

/// The checks of RFC 1812 §5.2.2, in DPVS's order (spec 4.2).
fn check(buf: &impl Buf, planted: Planted) -> Result<(), DropReason> {
    let view = View::new(buf.head()).map_err(refused)?;
    if !view.checksum_ok() && !planted.is(Defect::ChecksumUnchecked) {
        return Err(DropReason::IpChecksum);
    }
    view.check_lengths(buf.len()).map_err(refused)
}

fn refused(malformed: Malformed) -> DropReason {
    match malformed.problem {
        Problem::Version(_) => DropReason::IpVersion,
        Problem::HeaderLength(_) => DropReason::IpHeaderLength,
        Problem::TotalLength { .. } => DropReason::IpTotalLength,
        Problem::BeyondFrame { .. } => DropReason::IpBeyondFrame,
        _ => DropReason::IpTruncated,
    }
}

/// What is refused before routing, whatever the routes say.
fn unwelcome<W: World>(ip: &Ip, env: &Env<'_, W>) -> Option<DropReason> {
    if env.policy.drop_fragments && ip.is_fragment() {
        return Some(DropReason::IpFragmentPolicy);
    }
    if !env.policy.drop_martians || env.planted.is(Defect::MartianTaken) {
        return None;
    }
    let this_network = |address: Ipv4Addr| address.octets()[0] == 0;
    // RFC 1812 §5.3.7; and RFC 1122 §3.2.1.3 for the broadcast address of a subnet, which Linux
    // answers: the answer to one forged packet would be for everybody (defect B55).
    let martian = this_network(ip.src)
        || ip.src.is_loopback()
        || ip.src.is_multicast()
        || env.devices.is_broadcast(ip.src)
        || env.devices.owner(ip.src).is_some();
    if martian {
        return Some(DropReason::IpMartianSource);
    }
    if this_network(ip.dst) || ip.dst.is_loopback() {
        return Some(DropReason::IpMartianDestination);
    }
    None
}

/// Rank 5: for us, through us, or nowhere.
pub fn route<W: World>(
    routes: &Routes,
    limit: &mut ErrorLimit,
    packet: Datagram<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let ip = packet.ip();
    let (dst, device) = (ip.dst, packet.from.device());
    if dst.is_multicast() {
        return kni::packet(packet.buf, device, DropReason::IpMulticast, env);
    }
    if env.devices.is_broadcast(dst) {
        if env.planted.is(Defect::BroadcastAnswered) {
            return next.push(Step::LocalIn(packet));
        }
        return kni::packet(packet.buf, device, DropReason::IpBroadcast, env);
    }
    match routes.input(dst, device, env.policy.weak_host) {
        Some(Routed::Local) if ip.is_fragment() => next.push(Step::Reassemble(packet)),
        Some(Routed::Local) => next.push(Step::LocalIn(packet)),
        // RFC 1812 §5.3.4: not what was sent to a group on the link.
        Some(Routed::Forward(_)) if packet.from.class() != Class::Host => {
            kni::packet(packet.buf, device, DropReason::ForwardGroupFrame, env);
        }
        Some(Routed::Forward(hop)) => next.push(Step::Forward(packet, hop)),
        None => {
            let tells = env.policy.icmp_unreachable && env.policy.forwarding;
            if tells && env.devices.get(device).kni.is_none() {
                icmp::error(limit, &packet, ErrorKind::NetUnreachable, env, next);
            }
            kni::packet(packet.buf, device, DropReason::IpNoRoute, env);
        }
    }
}

/// Rank 7: delivers a packet for us to its protocol.
pub fn local_in<W: World>(
    routes: &Routes,
    limit: &mut ErrorLimit,
    packet: Datagram<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let ip = packet.ip();
    let (kind, reason) = match ip.protocol {
        Protocol::ICMP => {
            env.counters.ip_delivered += 1;
            return icmp::input(routes, packet, env, next);
        }
        Protocol::UDP | Protocol::TCP => (ErrorKind::PortUnreachable, DropReason::PortUnreachable),
        _ => (ErrorKind::ProtocolUnreachable, DropReason::ProtocolUnknown),
    };
    let device = packet.from.device();
    if env.policy.icmp_unreachable && env.devices.get(device).kni.is_none() {
        if let Some(fault) = transport::fault(&ip, &packet.buf) {
            return env.drop(packet.buf, fault);
        }
        icmp::error(limit, &packet, kind, env, next);
    }
    kni::packet(packet.buf, device, reason, env);
}

/// Rank 7: one hop less to live, and on. Its sender is told of a nearer gateway, if there is one.
pub fn forward<W: World>(
    (limit, redirects): (&mut ErrorLimit, &mut ErrorLimit),
    ids: &mut IpIds,
    packet: Datagram<W::Buf>,
    hop: Hop,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let off = !env.policy.forwarding;
    if off && !env.policy.icmp_errors_when_not_forwarding {
        return env.drop(packet.buf, DropReason::ForwardingOff);
    }
    let ip = packet.ip();
    // RFC 1812 §5.3.1: TTL 0 and 1 may not be forwarded.
    if u32::from(ip.ttl) + env.planted.one_if(Defect::TtlLess) <= 1 {
        icmp::error(limit, &packet, ErrorKind::TtlExceeded, env, next);
        return env.drop(packet.buf, DropReason::TtlExceeded);
    }
    let fixed = ip.dont_fragment && !env.planted.is(Defect::DfIgnored);
    if ip.total_len > hop.mtu() && fixed {
        icmp::error(limit, &packet, ErrorKind::FragmentationNeeded { mtu: hop.mtu() }, env, next);
        env.counters.frag_fails += 1;
        return env.drop(packet.buf, DropReason::FragmentationNeeded);
    }
    if off {
        return env.drop(packet.buf, DropReason::ForwardingOff);
    }
    let Datagram { mut buf, from } = packet;
    match env.planted.is(Defect::ChecksumStale) {
        true => buf.head_mut()[8] -= 1,
        false => ipv4::decrement_ttl(buf.head_mut()),
    }
    env.counters.ip_forwarded += 1;
    let packet = Outbound { buf, hop, from: Some(from) };
    // It goes first, as in Linux, and back by the device that the packet came in on.
    if let Some(told) = icmp::redirect(redirects, &packet, env) {
        let back = Hop::new(hop.dev(), None, env.devices.get(hop.dev()).mtu);
        if let Some(told) = headed(ids, told, back, env) {
            next.push(Step::Output(told));
        }
    }
    next.push(Step::Output(packet));
}

/// Rank 8: finds a way for a packet of our own and puts the header in front.
pub fn local_out<W: World>(
    routes: &Routes,
    ids: &mut IpIds,
    packet: Outgoing<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    // There is no loopback: what is for ourselves has no way out.
    let hop = match routes.output(packet.dst) {
        Some(hop) if env.devices.owner(packet.dst).is_none() => hop,
        _ => return env.drop(packet.buf, DropReason::OutputNoRoute),
    };
    if let Some(packet) = headed(ids, packet, hop, env) {
        next.push(Step::Output(packet));
    }
}

/// Puts the header in front of a packet of our own that leaves by `hop`; nothing if it cannot be.
// In line, or the step that it is taken from is copied as a whole: see `Step`.
#[inline(always)]
fn headed<W: World>(
    ids: &mut IpIds,
    packet: Outgoing<W::Buf>,
    hop: Hop,
    env: &mut Env<'_, W>,
) -> Option<Outbound<W::Buf>> {
    let Outgoing { mut buf, src, dst, protocol, tos } = packet;
    let near = || env.devices.get(hop.dev()).select_source(hop.next(dst));
    // RFC 1122 §3.2.1.3: never from 0.0.0.0 (DPVS does: defect B55).
    let Some(src) = src.or_else(near) else {
        env.drop(buf, DropReason::OutputNoSource);
        return None;
    };
    let room = usize::from(hop.mtu()).saturating_sub(ipv4::HEADER_LEN_MIN);
    if buf.len() > room && protocol == Protocol::ICMP {
        icmp::quote_less(&mut buf, room);
    }
    let Ok(total_len) = u16::try_from(buf.len() + ipv4::HEADER_LEN_MIN) else {
        unreachable!("an answer is no longer than what it answers, and its header is the shortest")
    };
    let (ttl, id) = (env.policy.default_ttl, ids.take());
    let id = if env.planted.is(Defect::IdConstant) { 0 } else { id };
    let header = ipv4::Header {
        tos,
        total_len,
        id,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset: FragOffset::ZERO,
        ttl,
        protocol,
        src,
        dst,
    };
    match buf.prepend(ipv4::HEADER_LEN_MIN) {
        Ok(out) => header.emit(out),
        Err(_) => {
            env.drop(buf, DropReason::NoHeadroom);
            return None;
        }
    }
    Some(Outbound { buf, hop, from: None })
}

/// Rank 9: what is larger than its link takes is cut.
pub fn output<W: World>(
    sampler: &mut Sampler,
    packet: Outbound<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    // Before it is cut: only the first of its fragments would have ports.
    iftraf::watch(sampler, &packet.buf, (packet.hop.dev(), Direction::Out), env);
    let over = env.planted.one_if(Defect::MtuOneOver);
    if u32::from(packet.ip().total_len) > u32::from(packet.hop.mtu()) + over {
        return fragment::cut(packet, env, next);
    }
    env.counters.ip_out += 1;
    next.push(Step::Resolve(packet));
}
