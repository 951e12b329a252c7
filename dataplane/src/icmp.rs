//! ICMP: echo is answered, errors are told. RFC 792, 1122 §3.2.2, 1812 §4.3; spec 5.1.
//!
//! Called from ranks 1 to 4 of the path, by a timer of `neigh.rs` and by job ipv4_frag; pushes LocalOut.
//!
//! Invariant: an error never answers an error, a later fragment, a group, or somebody without an
//! address of his own. Not here: the way back (`ipv4.rs`), when a redirect is due and which one is
//! believed (`icmp/redirect.rs`).
//!
//! DPVS: icmp.c has no rate limit and answers any source (defect B55).

pub mod gather;
pub mod redirect;

use crate::drop::DropReason;
use crate::env::Env;
use crate::event::{Consumer, Event, Made};
use crate::ipv4::{Datagram, Ip, Outbound, Outgoing};
use crate::kni;
use crate::netif::{Class, Origin};
use crate::packet::{self, Buf};
use crate::path::{Next, Step};
use crate::planted::Defect;
use crate::route::Routes;
use crate::time::Instant;
use crate::wire::checksum::{self, Sum};
use crate::wire::icmpv4::{HEADER_LEN, Type};
use crate::wire::ipv4::Protocol;
use crate::world::World;
use std::net::Ipv4Addr;

/// Bytes that an ICMP error may have as a whole (RFC 1812 §4.3.2.3).
pub const ERROR_LEN_MAX: usize = 576;

/// An ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 3/0: no route.
    NetUnreachable,
    /// 3/1: the next hop does not answer.
    HostUnreachable,
    /// 3/2: nobody here speaks this protocol.
    ProtocolUnreachable,
    /// 3/3: nobody here listens to this port.
    PortUnreachable,
    /// 3/4: larger than the next hop's MTU, and DF is set. RFC 1191 §4: with the MTU.
    FragmentationNeeded {
        /// The MTU of the next hop, in bytes.
        mtu: u16,
    },
    /// 5/1: this gateway is nearer, for this destination.
    Redirect {
        /// The address to go to instead.
        gateway: Ipv4Addr,
    },
    /// 11/0: the time to live ran out.
    TtlExceeded,
    /// 11/1: fragments stayed away for too long.
    ReassemblyTimeExceeded,
    /// 12/0: an option is malformed.
    Parameter {
        /// The byte of the header that is wrong.
        pointer: u8,
    },
}

impl ErrorKind {
    /// The ICMP type and code.
    pub const fn type_and_code(self) -> (u8, u8) {
        match self {
            ErrorKind::NetUnreachable => (3, 0),
            ErrorKind::HostUnreachable => (3, 1),
            ErrorKind::ProtocolUnreachable => (3, 2),
            ErrorKind::PortUnreachable => (3, 3),
            ErrorKind::FragmentationNeeded { .. } => (3, 4),
            ErrorKind::Redirect { .. } => (5, 1),
            ErrorKind::TtlExceeded => (11, 0),
            ErrorKind::ReassemblyTimeExceeded => (11, 1),
            ErrorKind::Parameter { .. } => (12, 0),
        }
    }

    /// Bytes 4 to 7 of the message.
    const fn rest(self) -> [u8; 4] {
        match self {
            ErrorKind::FragmentationNeeded { mtu } => {
                let [high, low] = mtu.to_be_bytes();
                [0, 0, high, low]
            }
            ErrorKind::Redirect { gateway } => gateway.octets(),
            ErrorKind::Parameter { pointer } => [pointer, 0, 0, 0],
            ErrorKind::NetUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::ProtocolUnreachable
            | ErrorKind::PortUnreachable
            | ErrorKind::TtlExceeded
            | ErrorKind::ReassemblyTimeExceeded => [0; 4],
        }
    }
}

/// The limit of the errors that one lcore sends, or of its redirects: a token bucket over virtual
/// time.
///
/// Credit is counted in tokens × nanoseconds, so that no fraction is ever lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorLimit {
    /// Credit and when it was last counted; nothing before the first error: the bucket is full.
    bucket: Option<(u64, Instant)>,
}

const TOKEN: u64 = 1_000_000_000;

impl ErrorLimit {
    /// Takes a token. Without a configured limit there always is one.
    fn take(&mut self, rate: Option<crate::config::RateLimit>, now: Instant) -> bool {
        let Some(rate) = rate else { return true };
        let full = u64::from(rate.burst) * TOKEN;
        let credit = match self.bucket {
            None => full,
            Some((credit, then)) => {
                let since = now.saturating_since(then).get();
                let earned = since.saturating_mul(u64::from(rate.per_second));
                credit.saturating_add(earned).min(full)
            }
        };
        let left = credit.checked_sub(TOKEN);
        self.bucket = Some((left.unwrap_or(credit), now));
        left.is_some()
    }
}

/// Answers an echo request for us; everything else ends here.
pub fn input<W: World>(
    routes: &Routes,
    packet: Datagram<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let ip = packet.ip();
    let Datagram { mut buf, from } = packet;
    env.counters.icmp_in += 1;
    let ip_len = usize::from(ip.header_len);
    let Some([kind, code]) = buf.head().get(ip_len..ip_len + HEADER_LEN).map(|h| [h[0], h[1]])
    else {
        return env.drop(buf, DropReason::IcmpTruncated);
    };
    if message_sum(&buf, ip_len) != 0 {
        return env.drop(buf, DropReason::IcmpChecksum);
    }
    match Type::from(kind) {
        Type::Echo if code == 0 || env.policy.echo_any_code => {}
        Type::Echo => return env.drop(buf, DropReason::IcmpEchoCode),
        Type::Redirect if env.policy.icmp_check_redirects => {
            return redirect::input(routes, Datagram { buf, from }, env);
        }
        // Answers to what the kernel sent, perhaps.
        kind if env.devices.get(from.device()).kni.is_some() => {
            debug_assert!(kind != Type::Echo, "answered, or refused above");
            return kni::packet(buf, from.device(), DropReason::IcmpType, env);
        }
        // Answers to what we sent or never sent: nobody here waits for them.
        Type::EchoReply
        | Type::Unreachable
        | Type::SourceQuench
        | Type::Redirect
        | Type::TimeExceeded
        | Type::ParameterProblem => return env.consume(buf, Consumer::Icmp),
        _ => return env.drop(buf, DropReason::IcmpType),
    }
    if buf.strip_front(ip_len).is_err() {
        return env.drop(buf, DropReason::IcmpTruncated);
    }
    let message = buf.head_mut();
    let old = u16::from_be_bytes([message[2], message[3]]);
    let (request, reply) = (u16::from_be_bytes([8, code]), u16::from_be_bytes([0, code]));
    message[0] = 0;
    let new = checksum::incremental(old, request, reply);
    if !env.planted.is(Defect::EchoChecksumStale) {
        message[2..4].copy_from_slice(&new.to_be_bytes());
    }
    if new == 0 {
        // A difference does not tell all zeros from all ones (RFC 1624 §3); the whole sum does.
        let whole = message_sum(&buf, 0);
        buf.head_mut()[2..4].copy_from_slice(&whole.to_be_bytes());
    }
    env.counters.icmp_out += 1;
    env.world.observe(Event::Answered { packet: buf.meta().id, what: "echo_reply" });
    next.push(Step::LocalOut(Outgoing {
        buf,
        src: Some(ip.dst),
        dst: ip.src,
        protocol: Protocol::ICMP,
        tos: ip.tos,
    }));
}

/// The checksum over everything from `from` on: zero when the message's own is right.
fn message_sum(buf: &impl Buf, from: usize) -> u16 {
    let mut sum = Sum::new();
    packet::add(&mut sum, buf, from..buf.len());
    sum.finish()
}

/// Tells the sender of `packet` what went wrong, if the RFCs and the limit allow. The packet itself
/// stays the caller's.
pub fn error<W: World>(
    limit: &mut ErrorLimit,
    packet: &Datagram<W::Buf>,
    kind: ErrorKind,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    error_about(limit, &packet.buf, &packet.ip(), packet.from, kind, env, next);
}

/// The same for a packet that is on its way out already.
pub fn error_about<W: World>(
    limit: &mut ErrorLimit,
    about: &W::Buf,
    ip: &Ip,
    from: Origin,
    kind: ErrorKind,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    let rate = env.policy.icmp_rate_limit.filter(|_| !env.planted.is(Defect::ErrorLimitIgnored));
    let taken = |env: &Env<'_, W>| limit.take(rate, env.now).then_some(()).ok_or("rate_limit");
    if let Some(mut error) = message(about, ip, from, kind, env, taken) {
        // RFC 1812 §4.3.2.4: from the address that was asked, if it is ours; else from the device
        // that the error leaves by.
        error.src = env.devices.owner(ip.dst).map(|_| ip.dst);
        next.push(Step::LocalOut(error));
    }
}

/// Tells the sender of a packet that is on its way out of a nearer gateway, if one is due.
/// The packet itself stays the caller's: it is forwarded all the same.
pub fn redirect<W: World>(
    limit: &mut ErrorLimit,
    packet: &Outbound<W::Buf>,
    env: &mut Env<'_, W>,
) -> Option<Outgoing<W::Buf>> {
    let from = packet.from.filter(|_| env.policy.icmp_redirects)?;
    let advice = redirect::due(packet.buf.head(), from, packet.hop, env.devices)?;
    let kind = ErrorKind::Redirect { gateway: advice.gateway };
    let rate = Some(env.policy.icmp_redirect_rate_limit);
    let taken =
        |env: &Env<'_, W>| limit.take(rate, env.now).then_some(()).ok_or("redirect_rate_limit");
    let mut told = message(&packet.buf, &packet.ip(), from, kind, env, taken)?;
    env.counters.icmp_redirects_out += 1;
    told.src = Some(advice.from);
    Some(told)
}

/// An error about a packet, to its sender, if the RFCs allow it and `taken` does.
fn message<W: World>(
    about: &W::Buf,
    ip: &Ip,
    from: Origin,
    kind: ErrorKind,
    env: &mut Env<'_, W>,
    taken: impl FnOnce(&Env<'_, W>) -> Result<(), &'static str>,
) -> Option<Outgoing<W::Buf>> {
    let cause = about.meta().id;
    let allowed = match forbidden(about, ip, from, env) {
        Some(why) => Err(why),
        None => taken(env),
    };
    if let Err(why) = allowed {
        env.counters.icmp_suppressed += 1;
        env.world.observe(Event::IcmpSuppressed { cause, why });
        return None;
    }
    let (icmp_type, code) = kind.type_and_code();
    let what = Made::IcmpError(icmp_type, code);
    let mut buf = env.make(what, Some(cause))?;
    buf.meta_mut().port = from.device();
    if write_error(&mut buf, about, kind).is_err() {
        env.drop(buf, DropReason::NoHeadroom);
        return None;
    }
    env.counters.icmp_out += 1;
    env.counters.icmp_errors_out += 1;
    // RFC 1812 §4.3.2.5: precedence internetwork control.
    let tos = ip.tos & 0x1e | 0xc0;
    Some(Outgoing { buf, src: None, dst: ip.src, protocol: Protocol::ICMP, tos })
}

/// Why no error may be sent about a packet: RFC 1122 §3.2.2, RFC 1812 §4.3.2.7.
fn forbidden<W: World>(
    about: &W::Buf,
    ip: &Ip,
    from: Origin,
    env: &Env<'_, W>,
) -> Option<&'static str> {
    if from.class() != Class::Host {
        return Some("link_group");
    }
    if ip.dst.is_multicast() || env.devices.is_broadcast(ip.dst) {
        return Some("destination_group");
    }
    if !ip.is_first() {
        return Some("later_fragment");
    }
    if !is_one_host(ip.src) || env.devices.is_broadcast(ip.src) {
        return Some("source_not_one_host");
    }
    if ip.protocol == Protocol::ICMP && !env.planted.is(Defect::ErrorAboutError) {
        match about.head().get(usize::from(ip.header_len)).map(|kind| Type::from(*kind)) {
            Some(kind) if !kind.is_error() => {}
            _ => return Some("about_an_error"),
        }
    }
    None
}

fn is_one_host(address: Ipv4Addr) -> bool {
    let class_e = address.octets()[0] >= 240;
    !(address.octets()[0] == 0 || address.is_loopback() || address.is_multicast() || class_e)
}

/// Writes the message: the header, then as much of the packet as may be quoted.
fn write_error<B: Buf>(
    buf: &mut B,
    about: &B,
    kind: ErrorKind,
) -> Result<(), crate::packet::NoRoom> {
    let quote = about.len().min(ERROR_LEN_MAX - crate::wire::ipv4::HEADER_LEN_MIN - HEADER_LEN);
    let out = buf.append(HEADER_LEN + quote)?;
    let (icmp_type, code) = kind.type_and_code();
    out[..4].copy_from_slice(&[icmp_type, code, 0, 0]);
    out[4..HEADER_LEN].copy_from_slice(&kind.rest());
    about.read(0, &mut out[HEADER_LEN..])?;
    set_checksum(out);
    Ok(())
}

/// Has an ICMP error quote less, so that it has `len` bytes at most. Any other message stays as long as it
/// is.
///
/// An error that is cut on its way is lost at many a filter. Spec 5.1; Linux's icmp_send quotes as much
/// as the way back takes.
#[cold]
pub fn quote_less<B: Buf>(message: &mut B, len: usize) {
    let error = message.head().first().is_some_and(|kind| Type::from(*kind).is_error());
    if error && message.truncate(len).is_ok() {
        set_checksum(message.head_mut());
    }
}

/// Sets the checksum of a message that is in one segment.
fn set_checksum(message: &mut [u8]) {
    message[2..4].fill(0);
    let sum = checksum::checksum(message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RateLimit;

    #[test]
    fn the_bucket_starts_full_and_earns_by_the_nanosecond() {
        let rate = Some(RateLimit { per_second: 3, burst: 2 });
        let mut limit = ErrorLimit::default();
        let mut at = |ns| limit.take(rate, Instant::from_nanos(ns));
        assert_eq!([at(0), at(0), at(0)], [true, true, false]);
        // A third of a second is 333,333,333.3 ns: one nanosecond before, there is no token.
        assert_eq!([at(333_333_333), at(333_333_334), at(333_333_335)], [false, true, false]);
        assert_eq!([at(666_666_666), at(666_666_667)], [false, true]);
    }

    #[test]
    fn the_bucket_never_holds_more_than_its_burst() {
        let rate = Some(RateLimit { per_second: 1000, burst: 2 });
        let mut limit = ErrorLimit::default();
        let mut at = |ns| limit.take(rate, Instant::from_nanos(ns));
        assert!(at(0));
        let later = 3_600_000_000_000;
        assert_eq!([at(later), at(later), at(later)], [true, true, false]);
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let mut limit = ErrorLimit::default();
        assert!((0..1000).all(|_| limit.take(None, Instant::EPOCH)));
    }
}
