//! Datagrams out that are larger than their link takes: cut into fragments.
//!
//! Part of rank 9 of the path: our own packets, packets in transit, and fragments in transit, which
//! are cut again and never joined. RFC 791 §3.2, RFC 1812 §4.2.2.7; spec 4.5.
//!
//! Invariant: all pieces leave, or none; each fits the MTU; all but the last have a multiple of 8
//! bytes, and the last one's length and "more fragments" are what the packet's end had.
//! Not here: packets that may not be fragmented (`forward`), joining (`reassembly.rs`).
//!
//! DPVS: `ipv4_fragment` loses the offset and the flag of a fragment that it cuts again, copies
//! every option into every piece, has no piece larger than a buffer, and turns for ever where an
//! MTU leaves less than 8 bytes (defect B44); it left the route with the original (past fault
//! 3fd183ba) and rounded what was left instead of what was taken (e6e7472b).

use super::Outbound;
use crate::config::Limits;
use crate::drop::DropReason;
use crate::env::Env;
use crate::event::Consumer;
use crate::packet::{Buf, HEADROOM};
use crate::path::{Next, Step};
use crate::planted::{Defect, Planted};
use crate::wire::ipv4::{self, FragOffset, HEADER_LEN_MAX, HEADER_LEN_MIN, Header, View};
use crate::wire::{ethernet, vlan};
use crate::world::World;
use std::ops::Range;

// The smallest MTU leaves 8 bytes behind the longest header: each piece brings us further.
const _: () = assert!(Limits::MTU.0 as usize >= HEADER_LEN_MAX + 8);
const _: () = assert!(HEADROOM >= HEADER_LEN_MAX + ethernet::HEADER_LEN + vlan::TAG_LEN);

/// Cuts a packet that is larger than the MTU of its way out.
pub(super) fn cut<W: World>(
    packet: Outbound<W::Buf>,
    env: &mut Env<'_, W>,
    next: &mut Next<W::Buf>,
) {
    match pieces(&packet, env) {
        Ok(pieces) => {
            env.counters.frag_ok += 1;
            env.counters.frag_creates += pieces.len() as u64;
            env.counters.ip_out += pieces.len() as u64;
            env.consume(packet.buf, Consumer::Fragmentation);
            pieces.into_iter().for_each(|piece| next.push(Step::Resolve(piece)));
        }
        Err(Failed { made, why }) => {
            env.counters.frag_fails += 1;
            let leaked = env.planted.is(Defect::PiecesLeaked);
            let made = made.into_iter().filter(|_| !leaked);
            made.for_each(|piece| env.drop(piece.buf, why));
            env.drop(packet.buf, why);
        }
    }
}

/// Why a packet cannot be cut, and the pieces that were made of it.
struct Failed<B> {
    made: Vec<Outbound<B>>,
    why: DropReason,
}

fn pieces<W: World>(
    packet: &Outbound<W::Buf>,
    env: &mut Env<'_, W>,
) -> Result<Vec<Outbound<W::Buf>>, Failed<W::Buf>> {
    let Outbound { buf, hop, from } = packet;
    let view = View::again(buf.head());
    let header = Header::from(&view);
    let mut room = [0; HEADER_LEN_MAX - HEADER_LEN_MIN];
    let options = &mut room[..view.options().len()];
    options.copy_from_slice(view.options());

    let header_len = view.header_len();
    let payload = header_len..usize::from(header.total_len);
    let step = (usize::from(hop.mtu()) - header_len) & !7;
    let mut made = Vec::with_capacity(payload.len().div_ceil(step));
    for start in payload.clone().step_by(step) {
        let bytes = start..payload.end.min(start + step);
        let Some(header) = piece_of(header, &payload, &bytes, env.planted) else {
            return Err(Failed { made, why: DropReason::FragmentBeyondEnd });
        };
        let Some(mut piece) = env.piece(buf, bytes) else {
            return Err(Failed { made, why: DropReason::FragmentNoBuffer });
        };
        match piece.prepend(header_len) {
            Ok(out) => header.emit_with_options(options, out),
            Err(_) => unreachable!("a fresh buffer has headroom for all headers"),
        }
        made.push(Outbound { buf: piece, hop: *hop, from: *from });
        // RFC 791 §3.1: options that are not copied are in the first fragment only. Their place
        // stays, as in Linux, so that each piece has a header of the same length.
        if !env.planted.is(Defect::OptionsCopied) {
            ipv4::blank_uncopied(options);
        }
    }
    Ok(made)
}

/// The header of the piece that has `bytes` of a packet whose payload is `payload`; nothing where a
/// datagram has no bytes any more. (Linux lets the offset run over into the flags.)
fn piece_of(
    whole: Header,
    payload: &Range<usize>,
    bytes: &Range<usize>,
    planted: Planted,
) -> Option<Header> {
    let start = usize::from(whole.fragment_offset.bytes()) + bytes.start - payload.start;
    let start = if planted.is(Defect::OffsetUnit) { start * 8 } else { start };
    let fragment_offset = u16::try_from(start).ok().and_then(FragOffset::from_bytes)?;
    let more = whole.more_fragments && !planted.is(Defect::MoreFragmentsLost);
    let more_fragments = more || bytes.end < payload.end;
    let total_len = u16::try_from(payload.start + bytes.len()).ok()?;
    Some(Header { total_len, more_fragments, fragment_offset, ..whole })
}

#[cfg(test)]
mod tests;
