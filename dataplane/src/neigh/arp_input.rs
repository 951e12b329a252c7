//! ARP as it comes in: requests for us are answered, replies are learnt and shared. RFC 826.
//!
//! Invariant: nothing is learnt from a packet that was refused. Not here: what learning does to an
//! entry and to the packets that wait for it (`neigh.rs`).

use super::{Key, Neighbours, learn};
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Consumer, Event, Made};
use crate::kni;
use crate::netif::{ArpFrame, Class};
use crate::packet::{Buf, Meta};
use crate::path::{Next, Step};
use crate::planted::Defect;
use crate::wire::Problem;
use crate::wire::arp::{self, Operation};
use crate::wire::ethernet::{self, EtherType};
use crate::world::{Parcel, Ring, World};

/// Rank 4: answers requests for our addresses and learns from who says where he is.
pub fn arp_input<W: World>(
    table: &mut Neighbours<W::Buf>,
    mut frame: ArpFrame<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let packet = match accepted(&frame, env) {
        Ok(packet) => packet,
        Err(reason) => return env.drop(frame.buf, reason),
    };
    let key = Key::new(frame.device, packet.sender_ip);
    let entry = table.entries.get(key);
    let (known, fixed) = (entry.is_some(), entry.filter(|e| e.is_static).map(|e| e.mac));
    let fixed = fixed.filter(|_| !env.planted.is(Defect::StaticOverridden));
    let asking = entry.is_some_and(|e| e.state.waits());
    let reply = packet.operation == Operation::Reply;
    let announcement = packet.sender_ip == packet.target_ip && env.policy.arp_learn_requests;
    if let Some(mac) = fixed.filter(|_| announcement || reply) {
        return match mac == packet.sender_mac {
            true => taken(frame, env),
            false => not_for_us(frame, DropReason::ArpStatic, env),
        };
    }
    let ours = match env.devices.owner(packet.target_ip) {
        Some(owner) => owner == frame.device || env.policy.weak_host,
        None => env.planted.is(Defect::ArpForAnyone),
    };
    // RFC 826, Merge_flag: who is known is where he says that he is, whomever he asks for. What this
    // worker does not know another one may, or ask for. DPVS has no eye for it: its target is not ours.
    let merges = env.policy.arp_learn_requests;
    let somebody = fixed.is_none() && !packet.sender_ip.is_unspecified();
    let update = merges && somebody && (known || !env.peers.is_empty());
    if !ours && !update {
        return not_for_us(frame, DropReason::ArpNotOurs, env);
    }
    let teaches = env.devices.get(frame.device).on_link(packet.sender_ip);
    let learns = match (ours && !announcement, reply) {
        (true, true) => known || env.policy.arp_unsolicited_creates,
        (true, false) => (known || teaches) && merges,
        (false, _) => known,
    };
    if reply && ours {
        env.counters.arp_replies_in += 1;
    }
    let told = frame.buf.meta().flags & Meta::SOLICITED != 0;
    // What this worker may learn, or another one asked for, every worker shall hear; and when the
    // one that asked hears it by its ring, it says so to those that did not know.
    let first = !frame.from_ring && (reply || learns || !ours);
    if first || (frame.from_ring && asking && !told) {
        spread(&mut frame, learns, env);
    }
    if learns || told {
        learn(table, key, packet.sender_mac, env, next);
    }
    if ours && !reply && !announcement && !frame.from_ring {
        return answer(frame, &packet, env, next);
    }
    // With other workers, one of them may have asked: nobody here can say that nobody did.
    let asked = (reply || announcement) && !env.peers.is_empty();
    if learns || told || frame.from_ring || asked {
        return taken(frame, env);
    }
    let reason = if ours { DropReason::ArpUnsolicited } else { DropReason::ArpNotOurs };
    not_for_us(frame, reason, env);
}

/// We have heard it; the kernel may have asked, too, or know who speaks.
fn taken<W: World>(frame: ArpFrame<W::Buf>, env: &mut Env<'_, W>) {
    if frame.from_ring || env.devices.get(frame.device).kni.is_none() {
        return env.consume(frame.buf, Consumer::Arp);
    }
    kni::packet(frame.buf, frame.device, DropReason::ArpUnsolicited, env);
}

/// It is not ours to hear; it may be the kernel's. A copy of another worker's frame is nobody's.
fn not_for_us<W: World>(frame: ArpFrame<W::Buf>, reason: DropReason, env: &mut Env<'_, W>) {
    match frame.from_ring {
        true => env.drop(frame.buf, reason),
        false => kni::packet(frame.buf, frame.device, reason, env),
    }
}

/// The checks of RFC 826 and RFC 1122 §2.3.2, as POLICY has them.
fn accepted<W: World>(
    frame: &ArpFrame<W::Buf>,
    env: &Env<'_, W>,
) -> Result<arp::Packet, DropReason> {
    if frame.class == Class::OtherHost && !env.policy.arp_other_host {
        return Err(DropReason::ArpOtherHost);
    }
    let packet =
        arp::Packet::parse(frame.buf.head()).map_err(|malformed| match malformed.problem {
            Problem::Hardware(_) | Problem::HardwareLength(_) => DropReason::ArpHardware,
            Problem::Protocol(_) | Problem::ProtocolLength(_) => DropReason::ArpProtocol,
            _ => DropReason::ArpTruncated,
        })?;
    let ip = packet.sender_ip;
    // A request from 0.0.0.0 is a probe (RFC 5227 §1.1), a reply from there is nonsense.
    let nobody = ip.is_unspecified() && packet.operation == Operation::Reply;
    let group = ip.is_multicast() || ip.is_loopback() || env.devices.is_broadcast(ip);
    let conflict = env.devices.owner(ip).is_some();
    let bad = nobody || group || conflict || packet.sender_mac.is_multicast();
    if env.policy.arp_check_sender && bad {
        return Err(DropReason::ArpSender);
    }
    match packet.operation {
        Operation::Request | Operation::Reply => Ok(packet),
        Operation::Other(_) => Err(DropReason::ArpOperation),
    }
}

/// Turns a request round, in place and as long as it was.
fn answer<W: World>(
    frame: ArpFrame<W::Buf>,
    request: &arp::Packet,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let ArpFrame { mut buf, device, .. } = frame;
    let mac = env.devices.get(device).mac;
    let wrong = env.planted.is(Defect::ArpWrongTarget);
    let reply = arp::Packet {
        operation: Operation::Reply,
        sender_mac: mac,
        sender_ip: request.target_ip,
        target_mac: request.sender_mac,
        target_ip: if wrong { request.target_ip } else { request.sender_ip },
    };
    reply.emit(buf.head_mut());
    // RFC 826: to the target hardware address. DPVS: to the source of the frame.
    let dst = request.sender_mac;
    match buf.prepend(ethernet::HEADER_LEN) {
        Ok(out) => ethernet::Header { dst, src: mac, ether_type: EtherType::ARP }.emit(out),
        Err(_) => return env.drop(buf, DropReason::NoHeadroom),
    }
    env.counters.arp_requests_in += 1;
    env.counters.arp_replies_out += 1;
    env.world.observe(Event::Answered { packet: buf.meta().id, what: "arp_reply" });
    next.push(Step::Egress(buf, device));
}

/// Puts a copy into the ring of each other worker. Spec 2.3.
///
/// DPVS: replies only, since it learns from nothing else. The copy says whether it was `learnt`
/// here: then it creates an entry there too, else it only updates what is known there.
fn spread<W: World>(frame: &mut ArpFrame<W::Buf>, learnt: bool, env: &mut Env<'_, W>) {
    if env.peers.is_empty() {
        return;
    }
    let header = ethernet::Header { dst: frame.dst, src: frame.src, ether_type: EtherType::ARP };
    let Ok(out) = frame.buf.prepend(ethernet::HEADER_LEN) else {
        return;
    };
    header.emit(out);
    let missing = usize::from(env.planted.is(Defect::ArpCopyMissing));
    for to in env.peers.iter().skip(missing) {
        let Some(mut copy) = env.duplicate(&frame.buf, Made::ArpCopy) else {
            continue;
        };
        copy.meta_mut().flags = if learnt { Meta::SOLICITED } else { 0 };
        let packet = copy.meta().id;
        match env.world.send(*to, Ring::Arp, Parcel::Frame(copy)) {
            Ok(()) => env.world.observe(Event::RingTx { packet, ring: Ring::Arp, to: *to }),
            Err(_) if env.planted.is(Defect::ArpCopyLeaked) => {}
            Err(Parcel::Frame(copy)) => env.drop(copy, DropReason::ArpRingFull),
            Err(_) => unreachable!("what came back is what was sent"),
        }
    }
    // The header was there a moment ago, so it comes off again.
    let stripped = frame.buf.strip_front(ethernet::HEADER_LEN);
    debug_assert!(stripped.is_ok(), "the header just put in front comes off again");
}
