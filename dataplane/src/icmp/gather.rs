//! Echoes of one flow to one core: the ICMP redirect ring. Nothing to do with ICMP Redirect.
//!
//! Called at the end of rank 1 of the path, and by job icmp_redirect_proc, which goes on at rank 2.
//! Spec 5.2, 4.2 step 9.
//!
//! Invariant: a packet goes through the ring at most once, and only behind every check of
//! `ipv4::input`: so the frame in the ring is untagged, trimmed, and counted where it came in.
//! Not here: who takes them (`Config::icmp_redirect_core`), the answer (`icmp.rs`).
//!
//! DPVS: ipv4.c and icmp.c under CONFIG_ICMP_REDIRECT_CORE. It reads the type in later fragments
//! too, where there is none, frees what is too short, and reads the packet after it gave it away
//! (defects B53, B54).

use crate::drop::DropReason;
use crate::env::Env;
use crate::event::Event;
use crate::ipv4::Datagram;
use crate::netif::{Class, Origin};
use crate::packet::Buf;
use crate::planted::Defect;
use crate::wire::ethernet;
use crate::wire::icmpv4::{HEADER_LEN, Type};
use crate::wire::ipv4::{Protocol, View};
use crate::world::{Parcel, Ring, World};

/// Gives an echo or its reply to the lcore that takes them all, if there is one; gives any other
/// packet back.
pub fn hand_over<W: World>(
    packet: Datagram<W::Buf>,
    env: &mut Env<'_, W>,
) -> Option<Datagram<W::Buf>> {
    let Some(to) = env.icmp_redirect_core.filter(|_| is_echo(&packet)) else {
        return Some(packet);
    };
    let Datagram { mut buf, from, .. } = packet;
    if buf.unstrip(ethernet::HEADER_LEN).is_err() {
        env.drop(buf, DropReason::NoHeadroom);
        return None;
    }
    buf.meta_mut().port = from.device();
    let (packet, ring) = (buf.meta().id, Ring::IcmpRedirect);
    match env.world.send(to, ring, Parcel::Frame(buf)) {
        Ok(()) => {
            env.counters.icmp_redirected += 1;
            env.world.observe(Event::RingTx { packet, ring, to });
        }
        Err(_) if env.planted.is(Defect::RedirectRingLost) => {}
        Err(Parcel::Frame(buf)) => env.drop(buf, DropReason::IcmpRedirectRingFull),
        Err(_) => unreachable!("what came back is what was sent"),
    }
    None
}

/// Whether a packet is a whole echo or echo reply. Fragments stay where they came in, all of one
/// datagram on one lcore: whoever puts them together has the whole, and a part of it is no echo yet.
fn is_echo<B: Buf>(packet: &Datagram<B>) -> bool {
    let ip = packet.ip();
    if ip.protocol != Protocol::ICMP || ip.is_fragment() {
        return false;
    }
    let at = usize::from(ip.header_len);
    let header = packet.buf.head().get(at..at + HEADER_LEN);
    header.is_some_and(|h| matches!(Type::from(h[0]), Type::Echo | Type::EchoReply))
}

/// A packet from the ring, ready to be routed. What is none is dropped by name, and only that.
pub fn taken<W: World>(mut buf: W::Buf, env: &mut Env<'_, W>) -> Option<Datagram<W::Buf>> {
    let header = ethernet::Header::parse(buf.head());
    let (Ok(header), Ok(())) = (header, buf.strip_front(ethernet::HEADER_LEN)) else {
        env.drop(buf, DropReason::EthTruncated);
        return None;
    };
    if View::new(buf.head()).is_err() {
        env.drop(buf, DropReason::IpTruncated);
        return None;
    }
    let device = buf.meta().port;
    let Some(found) = env.devices.find(device) else {
        env.drop(buf, DropReason::DeviceGone);
        return None;
    };
    let class = Class::of(header.dst, found, env.devices);
    Some(Datagram { buf, from: Origin::new(device, class) })
}
