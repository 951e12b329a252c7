//! Buffers on the heap: the world without DPDK, for unit tests, Miri and fuzzing.
//!
//! A [`HeapBuf`] has the segments that an mbuf of the same length has, so that a pool of the same
//! size runs dry at the same packet. [`HeapWorld`] is the smallest world around them.

mod world;

pub use world::{HeapWorld, Sent};

use crate::packet::{self, Buf, HEADROOM, Meta, NoRoom, SEGMENT};
use std::ops::Range;

/// Bytes that a segment behind the first holds: there is no headroom in it.
pub const NEXT_SEGMENT: usize = SEGMENT + HEADROOM;

/// What a fresh buffer is like before anybody writes to it. Nothing that leaves may depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Each of its bytes.
    pub fill: u8,
    /// Bytes in front, at most [`HEADROOM`]. The room behind is [`SEGMENT`] whatever they are.
    pub headroom: usize,
}

impl Default for Fresh {
    /// As DPDK's after they were made: zeros, behind the usual headroom.
    fn default() -> Fresh {
        Fresh { fill: 0, headroom: HEADROOM }
    }
}

/// A frame in one or more segments on the heap.
#[derive(Debug)]
pub struct HeapBuf {
    meta: Meta,
    fresh: Fresh,
    segments: Vec<Segment>,
    /// Segments that were ever opened: what a pool was charged.
    opened: usize,
}

#[derive(Debug)]
struct Segment {
    room: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Segment {
    /// The first of a packet.
    fn first(Fresh { fill, headroom }: Fresh) -> Segment {
        let room = vec![fill; headroom + SEGMENT].into();
        Segment { room, start: headroom, end: headroom }
    }

    /// One behind it.
    fn next(fill: u8) -> Segment {
        Segment { room: vec![fill; NEXT_SEGMENT].into(), start: 0, end: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    fn tailroom(&self) -> usize {
        self.room.len() - self.end
    }
}

impl HeapBuf {
    /// An empty buffer of one segment.
    pub fn new(meta: Meta) -> HeapBuf {
        HeapBuf::fresh(meta, Fresh::default())
    }

    /// An empty buffer of one segment that looks so.
    pub fn fresh(meta: Meta, fresh: Fresh) -> HeapBuf {
        let fresh = Fresh { headroom: fresh.headroom.min(HEADROOM), ..fresh };
        HeapBuf { meta, fresh, segments: vec![Segment::first(fresh)], opened: 1 }
    }

    /// An empty buffer of one segment with `headroom` bytes in front, at most [`HEADROOM`].
    pub fn with_headroom(meta: Meta, headroom: usize) -> HeapBuf {
        HeapBuf::fresh(meta, Fresh { headroom, ..Fresh::default() })
    }

    /// An empty buffer with `room` bytes in front, at most [`HEADROOM`]: what there is less in front there
    /// is more behind, as in an mbuf. Its copies are as fresh buffers are.
    pub fn tight(meta: Meta, fresh: Fresh, room: usize) -> HeapBuf {
        let mut buf = HeapBuf::fresh(meta, Fresh { headroom: HEADROOM, ..fresh });
        (buf.segments[0].start, buf.segments[0].end) = (room.min(HEADROOM), room.min(HEADROOM));
        HeapBuf { fresh, ..buf }
    }

    /// A buffer that holds `frame`, in as many segments as it takes.
    pub fn from_frame(meta: Meta, frame: &[u8]) -> HeapBuf {
        let mut buf = HeapBuf::new(meta);
        buf.extend(frame);
        buf
    }

    /// How many segments a frame of `len` bytes takes.
    pub const fn segments_for(len: usize) -> usize {
        if len <= SEGMENT { 1 } else { 1 + (len - SEGMENT).div_ceil(NEXT_SEGMENT) }
    }

    /// Appends bytes, opening segments as needed.
    pub fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.last().tailroom() == 0 {
                self.segments.push(Segment::next(self.fresh.fill));
                self.opened += 1;
            }
            let last = self.last_mut();
            let n = last.tailroom().min(bytes.len());
            last.room[last.end..last.end + n].copy_from_slice(&bytes[..n]);
            last.end += n;
            bytes = &bytes[n..];
        }
    }

    /// A copy of `bytes` of this packet in as few segments as they take, with full headroom.
    ///
    /// # Panics
    /// The packet ends before.
    pub fn copy(&self, meta: Meta, bytes: Range<usize>) -> HeapBuf {
        let mut copy = HeapBuf::fresh(meta, self.fresh);
        packet::parts(self, bytes).for_each(|part| copy.extend(part));
        copy
    }

    /// Appends the segments of another packet, whose [`Meta`] is lost. No byte is moved.
    ///
    /// # Errors
    /// The chain would be longer than 65,535 segments: the other packet comes back.
    pub fn chain(&mut self, tail: HeapBuf) -> Result<(), HeapBuf> {
        if self.segments.len() + tail.segments.len() > packet::SEGMENTS_MAX {
            return Err(tail);
        }
        self.segments.extend(tail.segments);
        self.opened += tail.opened;
        Ok(())
    }

    fn last(&self) -> &Segment {
        &self.segments[self.segments.len() - 1]
    }

    fn last_mut(&mut self) -> &mut Segment {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }
}

impl Buf for HeapBuf {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn len(&self) -> usize {
        self.segments.iter().map(|s| s.end - s.start).sum()
    }

    fn head(&self) -> &[u8] {
        self.segments[0].bytes()
    }

    fn head_mut(&mut self) -> &mut [u8] {
        let head = &mut self.segments[0];
        &mut head.room[head.start..head.end]
    }

    fn segments(&self) -> usize {
        self.segments.len()
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.segments.iter().map(Segment::bytes)
    }

    fn prepend(&mut self, n: usize) -> Result<&mut [u8], NoRoom> {
        let head = &mut self.segments[0];
        let start = head.start.checked_sub(n).ok_or(NoRoom)?;
        head.start = start;
        Ok(&mut head.room[start..start + n])
    }

    fn append(&mut self, n: usize) -> Result<&mut [u8], NoRoom> {
        let last = self.last_mut();
        if last.tailroom() < n {
            return Err(NoRoom);
        }
        let from = last.end;
        last.end += n;
        Ok(&mut last.room[from..from + n])
    }

    fn strip_front(&mut self, n: usize) -> Result<(), NoRoom> {
        let head = &mut self.segments[0];
        if head.end - head.start < n {
            return Err(NoRoom);
        }
        head.start += n;
        Ok(())
    }

    fn truncate(&mut self, len: usize) -> Result<(), NoRoom> {
        if len > self.len() {
            return Err(NoRoom);
        }
        let (mut left, mut kept) = (len, 0);
        for segment in &mut self.segments {
            let n = (segment.end - segment.start).min(left);
            segment.end = segment.start + n;
            left -= n;
            kept += 1;
            if left == 0 {
                break;
            }
        }
        // As with an mbuf, what lies behind the end is freed.
        self.segments.truncate(kept);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Vec<u8> {
        (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
    }

    #[test]
    fn a_frame_takes_the_segments_that_an_mbuf_would() {
        // Measured with net_pcap: 2048 → 1, 2049 → 2, 9000 → 5, 65535 → 31.
        for (len, segments) in [(0, 1), (2048, 1), (2049, 2), (9000, 5), (65_535, 31)] {
            let buf = HeapBuf::from_frame(Meta::default(), &frame(len));
            assert_eq!((buf.len(), buf.segments()), (len, segments));
            assert_eq!(HeapBuf::segments_for(len), segments);
        }
    }

    #[test]
    fn whatever_a_fresh_buffer_is_like_it_has_the_same_segments_and_its_copies_are_like_it() {
        for headroom in [96, HEADROOM, HEADROOM + 1] {
            let fresh = Fresh { fill: 0xa5, headroom };
            for len in [2048, 2049, 2048 + NEXT_SEGMENT, 2049 + NEXT_SEGMENT] {
                let mut buf = HeapBuf::fresh(Meta::default(), fresh);
                buf.extend(&frame(len));
                let mut copy = buf.copy(Meta::default(), 0..len);
                assert_eq!(copy.segments(), HeapBuf::segments_for(len), "{headroom} {len}");
                assert!(copy.prepend(headroom.min(HEADROOM) + 1).is_err());
                assert_eq!(copy.prepend(8).unwrap(), [0xa5; 8]);
            }
        }
    }

    #[test]
    fn a_segment_has_room_up_to_its_ends_and_not_one_byte_more() {
        let mut buf = HeapBuf::from_frame(Meta::default(), &frame(2040));
        assert_eq!(buf.append(9).err(), Some(NoRoom));
        assert_eq!(buf.append(8).map(|room| room.len()), Ok(8));
        assert_eq!(buf.append(1).err(), Some(NoRoom));
        assert_eq!(buf.prepend(HEADROOM + 1).err(), Some(NoRoom));
        assert_eq!(buf.prepend(HEADROOM).map(|room| room.len()), Ok(HEADROOM));
        assert_eq!(buf.prepend(1).err(), Some(NoRoom));
        let len = buf.len();
        assert_eq!(buf.strip_front(len + 1), Err(NoRoom));
        assert_eq!(buf.strip_front(len), Ok(()));
        assert_eq!((buf.len(), buf.segments()), (0, 1));
    }

    #[test]
    fn reading_crosses_segments() {
        let whole = frame(5000);
        let buf = HeapBuf::from_frame(Meta::default(), &whole);
        let mut out = [0; 100];
        buf.read(2000, &mut out).unwrap();
        assert_eq!(out, whole[2000..2100]);
        assert_eq!(buf.read(4901, &mut out), Err(NoRoom));
    }

    #[test]
    fn headroom_ends_where_it_ends() {
        let mut buf = HeapBuf::from_frame(Meta::default(), &frame(60));
        assert!(buf.prepend(HEADROOM + 1).is_err());
        buf.prepend(HEADROOM).unwrap().fill(0xa5);
        assert!(buf.prepend(1).is_err());
        assert_eq!(buf.len(), 60 + HEADROOM);
        buf.strip_front(HEADROOM).unwrap();
        assert_eq!(buf.head(), frame(60));
    }

    #[test]
    fn what_there_is_less_in_front_there_is_more_behind() {
        for (room, len, segments) in
            [(0, 2176, 1), (0, 2177, 2), (4, 2172, 1), (4, 2173, 2), (128, 2048, 1), (128, 2049, 2)]
        {
            let mut buf = HeapBuf::tight(Meta::default(), Fresh::default(), room);
            buf.extend(&frame(len));
            assert_eq!((buf.len(), buf.segments()), (len, segments), "{room}");
            let mut copy = buf.copy(Meta::default(), 0..len);
            assert!(buf.prepend(room + 1).is_err() && buf.prepend(room).is_ok(), "{room}");
            assert!(copy.prepend(HEADROOM).is_ok());
        }
    }

    #[test]
    fn truncation_crosses_segments() {
        let whole = frame(5000);
        let mut buf = HeapBuf::from_frame(Meta::default(), &whole);
        assert_eq!(buf.truncate(5001), Err(NoRoom));
        buf.truncate(2050).unwrap();
        let mut out = vec![0; 2050];
        buf.read(0, &mut out).unwrap();
        assert_eq!(out, whole[..2050]);
        assert_eq!(buf.len(), 2050);
    }

    #[test]
    fn a_chain_has_the_segments_of_both() {
        let mut buf = HeapBuf::from_frame(Meta::default(), &frame(100));
        let mut tail = HeapBuf::from_frame(Meta::default(), &frame(3000));
        tail.strip_front(34).unwrap();
        assert!(buf.chain(tail).is_ok());
        assert_eq!((buf.len(), buf.segments(), buf.opened), (3066, 3, 3));
        let mut out = vec![0; 3066];
        buf.read(0, &mut out).unwrap();
        assert_eq!(out, [&frame(100)[..], &frame(3000)[34..]].concat());
        let mut long = HeapBuf::new(Meta::default());
        (1..65_535).for_each(|_| long.segments.push(Segment { room: [].into(), start: 0, end: 0 }));
        assert!(long.chain(HeapBuf::new(Meta::default())).is_err());
        assert_eq!(long.segments(), 65_535);
    }
}
