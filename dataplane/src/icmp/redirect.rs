//! ICMP Redirect: when a host is told of a nearer gateway, and what becomes of one that we are told
//! of. RFC 792, RFC 1122 §3.2.2.2, RFC 1812 §5.2.7.2.
//!
//! Called from rank 7 of the path; what is told is made and limited by `icmp.rs`.
//!
//! Invariant: nobody is told of himself or of us, nor of a gateway that he cannot reach without us;
//! no redirect ever changes a route. Not here: the redirect ring between lcores, which has nothing
//! but its name in common with this (`ipv4.rs`).
//!
//! DPVS: never sends one, and hands what it receives to the kernel.

use crate::device::Devices;
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Consumer, Event};
use crate::ipv4::Datagram;
use crate::netif::Origin;
use crate::packet::Buf;
use crate::route::{Hop, Routes};
use crate::types::PortId;
use crate::wire::icmpv4::{self, HEADER_LEN};
use crate::wire::ipv4::{HEADER_LEN_MAX, View, check_options};
use crate::world::World;
use std::net::Ipv4Addr;

/// What a host is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Where it should have sent its packet.
    pub gateway: Ipv4Addr,
    /// Our address on the subnet that both are on: whom the host knows as its gateway.
    pub from: Ipv4Addr,
}

/// What is read of a redirect: its header, and the longest header that it may quote.
const FRONT: usize = HEADER_LEN + HEADER_LEN_MAX;

/// Whether the sender of a packet that is forwarded by `hop` is to be told of a nearer gateway.
/// `packet` begins with its IPv4 header.
///
/// RFC 1812 §5.2.7.2 has three conditions: the packet leaves by the device that it came in on; its
/// sender is on one subnet with the next hop; it has no source route.
#[inline]
pub fn due(packet: &[u8], from: Origin, hop: Hop, devices: &Devices) -> Option<Advice> {
    let turns_round = hop.dev() == from.device();
    turns_round.then(|| nearer(&View::again(packet), from, hop, devices)).flatten()
}

/// The gateway that the sender could have gone to by itself.
fn nearer(ip: &View<'_>, from: Origin, hop: Hop, devices: &Devices) -> Option<Advice> {
    let (src, gateway) = (ip.src(), hop.next(ip.dst()));
    let on_link = devices.get(from.device()).addresses.iter();
    let shared = on_link.filter(|net| net.contains(&src) && net.contains(&gateway));
    // RFC 1812 §5.2.7.2: the source of the redirect is on that same subnet.
    let from = shared.map(ipnet::Ipv4Net::addr).next()?;
    let ours = |address| devices.owner(address).is_some();
    if gateway == src || ours(src) || ours(gateway) || is_source_routed(ip.options()) {
        return None;
    }
    Some(Advice { gateway, from })
}

/// Whether the options ask for a source route, or cannot be read.
fn is_source_routed(options: &[u8]) -> bool {
    check_options(options).map_or(true, |seen| seen.source_route)
}

/// A redirect for us. A router must not follow it (RFC 1812 §5.2.7.2), so one that a host would
/// believe is counted and told, and ends here; any other is dropped by name.
pub fn input<W: World>(routes: &Routes, packet: Datagram<W::Buf>, env: &mut Env<'_, W>) {
    let ip = packet.ip();
    let Datagram { buf, from } = packet;
    let mut front = [0; FRONT];
    let start = usize::from(ip.header_len);
    let len = buf.len().saturating_sub(start).min(FRONT);
    if buf.read(start, &mut front[..len]).is_err() {
        return env.drop(buf, DropReason::IcmpTruncated);
    }
    match believable(&front[..len], ip.src, from.device(), routes, env.devices) {
        Err(reason) => env.drop(buf, reason),
        Ok((destination, gateway)) => {
            env.counters.icmp_redirects_in += 1;
            let packet = buf.meta().id;
            env.world.observe(Event::RedirectIgnored { packet, destination, gateway });
            env.consume(buf, Consumer::Icmp);
        }
    }
}

/// The destination and its new gateway, if a host would have to believe this redirect:
/// RFC 1122 §3.2.2.2.
fn believable(
    message: &[u8],
    sender: Ipv4Addr,
    device: PortId,
    routes: &Routes,
    devices: &Devices,
) -> Result<(Ipv4Addr, Ipv4Addr), DropReason> {
    let header = icmpv4::Header::parse(message).map_err(|_| DropReason::IcmpTruncated)?;
    if header.code > 3 {
        return Err(DropReason::IcmpRedirectCode);
    }
    let quoted = View::new(&message[HEADER_LEN..]).map_err(|_| DropReason::IcmpRedirectQuote)?;
    let gateway = Ipv4Addr::from(header.rest);
    let one_of_us = devices.owner(gateway).is_some() || devices.is_broadcast(gateway);
    if one_of_us || !devices.get(device).on_link(gateway) {
        return Err(DropReason::IcmpRedirectGateway);
    }
    let destination = quoted.dst();
    let first_hop = routes.output(destination).filter(|hop| hop.dev() == device);
    if first_hop.and_then(|hop| hop.gateway()) != Some(sender) {
        return Err(DropReason::IcmpRedirectSource);
    }
    Ok((destination, gateway))
}

#[cfg(test)]
mod tests;
