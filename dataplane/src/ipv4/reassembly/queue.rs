//! What is held of one datagram, and what a further fragment is to that.
//!
//! Invariant: its fragments do not overlap, and lie in the order of their parts.
//! Not here: which datagrams there are (`table.rs`), and what becomes of what does not fit
//! (`reassembly.rs`).

use crate::drop::DropReason;
use crate::ipv4::{Datagram, Ip};
use crate::packet::{Buf, PacketId};
use std::collections::VecDeque;
use std::ops::Range;

/// The part of a datagram's payload that a fragment brings, and what else its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Which bytes of the payload.
    pub bytes: Range<u16>,
    /// Whether it is the last.
    pub last: bool,
    /// Bytes of its IPv4 header.
    pub header: u8,
    /// Its ECN codepoint.
    ecn: u8,
}

impl Part {
    /// Nothing when it ends where no datagram can (the ping of death).
    pub fn of(ip: &Ip) -> Option<Part> {
        let (header, ecn) = (u16::from(ip.header_len), ip.tos & ECN);
        let len = ip.total_len - header;
        let len = if ip.more_fragments { len & !7 } else { len };
        let start = ip.offset.bytes();
        let end = start.checked_add(len)?;
        end.checked_add(header)?;
        Some(Part { bytes: start..end, last: !ip.more_fragments, header: ip.header_len, ecn })
    }

    pub fn len(&self) -> u16 {
        self.bytes.end - self.bytes.start
    }
}

/// What a fragment is to those that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It brings something new, and fits: as number so many of those that are held.
    New(usize),
    /// All that it brings is held.
    Duplicate,
    /// The datagram cannot be.
    Never(DropReason),
}

/// A fragment that is held, headers and all, and where its part begins and ends.
#[derive(Debug)]
pub(super) struct Held<B> {
    pub start: u16,
    end: u16,
    /// Bytes of its IPv4 header.
    pub header: u8,
    pub packet: Datagram<B>,
}

impl<B: Buf> Held<B> {
    /// Its part alone.
    pub fn payload(self) -> B {
        let mut buf = self.packet.buf;
        if buf.strip_front(self.header.into()).is_err() {
            unreachable!("the header was read from the first segment");
        }
        buf
    }
}

/// A datagram of which some fragments are here.
#[derive(Debug)]
pub(super) struct Queue<B> {
    /// The fragment that began it.
    pub began: PacketId,
    /// The fragments in the order of their parts.
    pub held: VecDeque<Held<B>>,
    /// Bytes of payload in them.
    pub bytes: u32,
    /// Where the furthest of them ends.
    pub end: u16,
    /// Whether the last fragment is among them.
    has_last: bool,
    /// Which ECN codepoints they have: bit `n` for codepoint `n`.
    ecn: u8,
}

impl<B> Queue<B> {
    /// Nothing is held yet.
    pub fn new(began: PacketId) -> Queue<B> {
        Queue { began, held: VecDeque::new(), bytes: 0, end: 0, has_last: false, ecn: 0 }
    }

    /// The same again, once all that was held is gone. What it lay in stays, as far as the fragments
    /// of the longest datagram over Ethernet need it.
    pub fn begin(&mut self, began: PacketId) {
        assert!(self.held.is_empty(), "whoever ends a datagram takes its fragments");
        self.held.shrink_to(KEPT);
        self.began = began;
        (self.bytes, self.end, self.has_last, self.ecn) = (0, 0, false, 0);
    }

    /// What Linux's `ip_frag_queue` asks, in its order.
    pub fn fit(&self, part: &Part, at_most: u32) -> Fit {
        let Range { start, end } = part.bytes;
        let contradicts = match part.last {
            true => end < self.end || self.has_last && end != self.end,
            false => end > self.end && self.has_last,
        };
        if contradicts {
            return Fit::Never(DropReason::ReassemblyEnd);
        }
        if start == end {
            return Fit::Never(DropReason::ReassemblyEmpty);
        }
        let behind = self.behind(start);
        let before = behind.checked_sub(1).map(|at| self.held[at].end);
        let after = self.held.range(behind..).take_while(|held| held.start < end);
        if let Some(before) = before.filter(|before| *before > start) {
            let covered = after.fold(before, |covered, held| match held.start == covered {
                true => held.end,
                false => covered,
            });
            let all = covered >= end;
            return if all { Fit::Duplicate } else { Fit::Never(DropReason::ReassemblyOverlap) };
        }
        if self.held.get(behind).is_some_and(|held| held.start < end) {
            return Fit::Never(DropReason::ReassemblyOverlap);
        }
        if self.len() >= at_most {
            return Fit::Never(DropReason::ReassemblyTooMany);
        }
        Fit::New(behind)
    }

    /// The place of the first fragment that begins behind `start`.
    pub fn behind(&self, start: u16) -> usize {
        // Nearly always they come in order, or the other way round.
        if start >= self.end {
            return self.held.len();
        }
        match self.held.front() {
            Some(first) if first.start > start => 0,
            _ => self.held.partition_point(|held| held.start <= start),
        }
    }

    pub fn is_whole(&self) -> bool {
        self.has_last && self.bytes == u32::from(self.end)
    }

    /// Fragments held.
    pub fn len(&self) -> u32 {
        u32::try_from(self.held.len()).unwrap_or(u32::MAX)
    }

    /// The fragment at offset 0.
    pub fn first(&self) -> Option<&Datagram<B>> {
        self.held.front().filter(|held| held.start == 0).map(|held| &held.packet)
    }

    /// The type of service of the whole datagram, if its fragments agree about ECN: RFC 3168 §5.3,
    /// as Linux's `ip_frag_ecn_table`.
    pub fn tos(&self, first: u8) -> Option<u8> {
        let mixed = self.ecn & !NOT_ECT != 0;
        match (self.ecn & NOT_ECT != 0, self.ecn & CE != 0) {
            (true, _) if mixed => None,
            (false, true) => Some(first | ECN),
            (true, _) | (false, false) => Some(first),
        }
    }
}

impl<B: Buf> Queue<B> {
    /// Holds a fragment that fits, as number `nth`.
    pub fn add(&mut self, nth: usize, part: &Part, packet: Datagram<B>) {
        self.bytes += u32::from(part.len());
        self.end = self.end.max(part.bytes.end);
        self.has_last |= part.last;
        self.ecn |= 1 << part.ecn;
        let Range { start, end } = part.bytes;
        let held = Held { start, end, header: part.header, packet };
        match nth {
            0 => self.held.push_front(held),
            nth if nth == self.held.len() => self.held.push_back(held),
            nth => self.held.insert(nth, held),
        }
    }
}

/// Room for so many fragments outlasts their datagram. The longest one has 45 of 1,480 bytes.
const KEPT: usize = 64;

/// The bits of the type of service that are ECN's.
const ECN: u8 = 3;
/// Codepoint 0, not ECN-capable, among those seen.
const NOT_ECT: u8 = 1;
/// Codepoint 3, congestion experienced, among those seen.
const CE: u8 = 1 << 3;
