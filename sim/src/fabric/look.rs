//! How buffers look and how frames lie in them: what makes no difference to what happens in a run.
//!
//! Invariant: a frame is laid out by its length alone, and its headers lie in the first segment, as
//! those of a frame lie that a NIC scatters. Not here: what is done with it (`heap.rs`, `dpdk.rs`), and
//! that it makes no difference (`check.rs`).

use dataplane::heap::HeapBuf;
use dataplane::packet::{HEADROOM, SEGMENT};

/// How buffers look, and how frames lie in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Each byte of a fresh buffer; nothing: zeros in plain memory, on DPDK what its last owner left.
    pub fill: Option<u8>,
    /// Bytes in front of a fresh buffer, at most [`HEADROOM`]. In plain memory only: on DPDK it is a
    /// constant.
    pub headroom: usize,
    /// How a frame that arrives lies in several segments; nothing: in as few as it takes.
    pub laid: Option<Laid>,
}

impl Default for Look {
    fn default() -> Look {
        Look { fill: None, headroom: HEADROOM, laid: None }
    }
}

/// How a frame lies in several segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laid {
    /// Bytes of the first segment: at least [`Laid::FIRST`].
    pub first: usize,
    /// Bytes of each other one but the last; more, if there would be too many.
    pub each: usize,
}

impl Laid {
    /// Bytes that hold every header that is read: Ethernet and tag, the longest IPv4 header, ICMP, and as
    /// much again of what an ICMP error quotes.
    pub const FIRST: usize = 192;
}

/// Segments that a frame is laid in at most: as many as the longest one takes.
const MOST: usize = HeapBuf::segments_for(super::MAX_FRAME);

impl Look {
    /// The lengths of the segments of a frame of `len` bytes, but for the last; none: it lies in as few
    /// as it takes.
    pub fn cuts(&self, len: usize) -> impl Iterator<Item = usize> + use<> {
        let laid = self.laid.filter(|laid| laid.first < len);
        let (first, each) = laid.map_or((0, 1), |laid| {
            let behind = len - laid.first;
            (laid.first, laid.each.max(behind.div_ceil(MOST - 1)))
        });
        // What is longer than a segment cannot be laid by hand.
        let cut = first > 0 && first <= SEGMENT && each <= SEGMENT;
        let more = if cut { (len - first).div_ceil(each) - 1 } else { 0 };
        let first = cut.then_some(first);
        first.into_iter().chain(std::iter::repeat_n(each, more))
    }

    /// A frame in one buffer behind the other, as it is to lie; nothing: there is no buffer. There are few
    /// segments: the chain is never too long.
    pub fn lay<B>(
        &self,
        frame: &[u8],
        laid: impl Fn(&[u8]) -> Option<B>,
        chain: impl Fn(&mut B, B) -> Result<(), B>,
    ) -> Option<B> {
        let mut cuts = self.cuts(frame.len());
        let (head, mut rest) = frame.split_at(cuts.next().unwrap_or(frame.len()));
        let mut buf = laid(head)?;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(cuts.next().unwrap_or(rest.len()));
            chain(&mut buf, laid(now)?).ok()?;
            rest = later;
        }
        Some(buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::{Fabric, HeapFabric};
    use dataplane::Buf;

    fn cuts(first: usize, each: usize, len: usize) -> Vec<usize> {
        let laid = Some(Laid { first, each });
        Look { laid, ..Look::default() }.cuts(len).collect()
    }

    #[test]
    fn a_frame_is_cut_to_its_end_and_a_short_one_is_not() {
        assert_eq!(cuts(192, 512, 1500), [192, 512, 512], "and 284 are left");
        assert_eq!(cuts(192, 512, 192 + 1024), [192, 512], "and 512 are left");
        assert_eq!(cuts(192, 512, 193), [192]);
        assert!(cuts(192, 512, 192).is_empty());
        assert_eq!(Look::default().cuts(9000).count(), 0);
    }

    #[test]
    fn a_frame_lies_in_its_segments_as_it_was() {
        let frame: Vec<u8> = (0..1500_u16).map(|at| at.to_le_bytes()[0]).collect();
        let laid = Some(Laid { first: 192, each: 512 });
        let mut fabric = HeapFabric::new();
        fabric.look(Look { laid, ..Look::default() });
        let buf = fabric.make(&frame).unwrap();
        let lengths: Vec<_> = buf.slices().map(<[u8]>::len).collect();
        assert_eq!(lengths, [192, 512, 512, 284]);
        assert_eq!(buf.slices().collect::<Vec<_>>().concat(), frame);
        fabric.look(Look::default());
        assert_eq!(fabric.make(&frame).unwrap().segments(), 1);
    }

    #[test]
    fn there_are_never_too_many_segments_nor_longer_ones_than_there_are() {
        for len in (193..=crate::fabric::MAX_FRAME).step_by(61) {
            let cuts = cuts(192, 61, len);
            let sum: usize = cuts.iter().sum();
            assert!(cuts.len() < MOST && sum < len, "{len}: {cuts:?}");
            assert!(cuts.iter().all(|cut| *cut <= SEGMENT), "{len}: {cuts:?}");
        }
        assert!(cuts(192, 2049, 9000).is_empty(), "there is no such segment");
    }
}
