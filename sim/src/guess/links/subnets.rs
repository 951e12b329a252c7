//! Which subnets the device's addresses are on: no capture says how long a prefix is.
//!
//! Guessed is /24, longer where that would overlap another link, shorter where a neighbour that
//! spoke ARP would be left out. A link without any address of the device gets a made-up one.

use super::{Attached, MANY};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// What is guessed unless something speaks against it.
const USUAL: u8 = 24;
/// The shortest prefix that is guessed.
const SHORTEST: u8 = 8;
/// The longest, before a host's own.
const LONGEST: u8 = 30;

/// Gives each device its addresses.
pub(super) fn choose(devices: &mut [Attached], between: bool) {
    let mut taken: Vec<Ipv4Net> = Vec::new();
    let mut own: BTreeSet<Ipv4Addr> =
        devices.iter().flat_map(|d| d.own.iter().map(|(ip, ..)| *ip)).collect();
    for (number, device) in devices.iter_mut().enumerate() {
        let by_arp: Vec<Ipv4Addr> = match between {
            // Both hosts may well be on one subnet: each is reached by a route of its own.
            true => Vec::new(),
            false => on_link(device),
        };
        for (ip, _, why) in std::mem::take(&mut device.own) {
            let near: Vec<Ipv4Addr> =
                by_arp.iter().copied().filter(|peer| common(ip, *peer) >= SHORTEST).collect();
            let known = device.addresses.iter().find(|(net, _)| net.contains(&ip));
            let prefix = match known {
                Some((net, _)) => net.prefix_len(),
                None => prefix(ip, &near, &taken),
            };
            push(device, ip, prefix, format!("{why}; the prefix length is a guess"));
        }
        if device.addresses.is_empty() {
            let base = by_arp.first().copied();
            made_up(device, base, number, &taken, &own);
        }
        own.extend(device.addresses.iter().map(|(net, _)| net.addr()));
        taken.extend(device.addresses.iter().map(|(net, _)| net.trunc()));
    }
}

/// Addresses of peers that spoke ARP, or have but one.
fn on_link(device: &Attached) -> Vec<Ipv4Addr> {
    let arp = device.peers.iter().filter(|p| p.by_arp).flat_map(|p| p.own.keys());
    let arp: Vec<Ipv4Addr> = arp.copied().collect();
    match arp.is_empty() {
        false => arp,
        true => device.peers.iter().flat_map(|p| p.own.keys()).copied().take(1).collect(),
    }
}

/// How many bits two addresses have in common at their front.
fn common(a: Ipv4Addr, b: Ipv4Addr) -> u8 {
    let zeros = (u32::from(a) ^ u32::from(b)).leading_zeros();
    u8::try_from(zeros).unwrap_or(32)
}

fn net(ip: Ipv4Addr, prefix: u8) -> Option<Ipv4Net> {
    Ipv4Net::new(ip, prefix).ok()
}

/// Whether a host may have this address on a subnet of this length.
fn fits(ip: Ipv4Addr, prefix: u8) -> bool {
    net(ip, prefix).is_some_and(|n| prefix > 30 || (ip != n.network() && ip != n.broadcast()))
}

fn prefix(ip: Ipv4Addr, near: &[Ipv4Addr], taken: &[Ipv4Net]) -> u8 {
    let widest = near.iter().map(|peer| common(ip, *peer)).min().unwrap_or(USUAL).min(USUAL);
    let overlaps = |prefix| {
        net(ip, prefix).is_some_and(|n| {
            taken.iter().any(|other| other.contains(&n.trunc()) || n.trunc().contains(other))
        })
    };
    let free = (widest..=LONGEST).find(|p| fits(ip, *p) && !overlaps(*p));
    free.or_else(|| (SHORTEST..=widest).rev().find(|p| fits(ip, *p))).unwrap_or(32)
}

fn push(device: &mut Attached, ip: Ipv4Addr, prefix: u8, why: String) {
    let prefix = if fits(ip, prefix) { prefix } else { 32 };
    if let Some(net) = net(ip, prefix)
        && device.addresses.len() < MANY
    {
        device.addresses.push((net, why));
    }
}

/// An address for a device that shows none: a free one beside its peers, or on a subnet that is
/// set aside for tests (RFC 2544).
fn made_up(
    device: &mut Attached,
    base: Option<Ipv4Addr>,
    number: usize,
    taken: &[Ipv4Net],
    own: &BTreeSet<Ipv4Addr>,
) {
    let beside = base.and_then(|base| {
        let net = net(base, USUAL)?.trunc();
        let clear = taken.iter().all(|other| !other.contains(&net) && !net.contains(other));
        free(&net, device, own).filter(|_| clear)
    });
    if let (Some(ip), Some(base)) = (beside, base) {
        push(device, ip, USUAL, format!("made up, beside {base}: no frame shows its own"));
        return;
    }
    let third = u8::try_from(number % 255).unwrap_or(0);
    let nets = [18, 19].map(|second| Ipv4Addr::new(198, second, third, 1));
    let unused = |ip: &Ipv4Addr| !own.contains(ip) && !device.seen.contains(ip);
    if let Some(ip) = nets.into_iter().find(unused) {
        push(device, ip, USUAL, "made up: no frame shows its own".to_owned());
    }
}

/// A host address of a subnet that nobody has been seen to have, from the top down.
pub(super) fn free(net: &Ipv4Net, device: &Attached, own: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    let (first, last) = (u32::from(net.network()) + 1, u32::from(net.broadcast()));
    let used = |ip: &Ipv4Addr| {
        own.contains(ip) || device.seen.contains(ip) || device.neighbours.contains_key(ip)
    };
    (first..last).rev().map(Ipv4Addr::from).find(|ip| !used(ip))
}
