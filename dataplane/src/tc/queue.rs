//! Where the packets of a Qsch wait, and how many may.

use super::config::Kind;
use super::key::Key;
use crate::drop::DropReason;
use crate::packet::Buf;
use crate::planted::Defect;
use std::collections::VecDeque;

/// Packets in three bands, of which all but pfifo_fast use one.
///
/// Invariant: `len` and `bytes` are those of all bands together. (DPVS: commit fcda8064 lost the
/// first of them, so that the limit of pfifo_fast never applies: defect B58; and counts it in 16
/// bits: B68.)
#[derive(Debug)]
pub struct Queue<B> {
    bands: [VecDeque<B>; 3],
    len: u32,
    bytes: u64,
}

impl<B> Default for Queue<B> {
    fn default() -> Queue<B> {
        Queue { bands: [VecDeque::new(), VecDeque::new(), VecDeque::new()], len: 0, bytes: 0 }
    }
}

impl<B: Buf> Queue<B> {
    /// Packets that wait.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the frames that wait.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends a packet to its band.
    pub fn push(&mut self, kind: &Kind, key: &Key, buf: B) {
        let band = match kind {
            Kind::PfifoFast { .. } if key.planted.is(Defect::BandsReversed) => 2 - key.band(),
            Kind::PfifoFast { .. } => key.band(),
            _ => 0,
        };
        self.len += 1;
        self.bytes += buf.len() as u64;
        self.bands[band].push_back(buf);
        if key.planted.is(Defect::QschReversed) {
            self.bands[band].rotate_right(1);
        }
    }

    /// The packet that is next.
    pub fn peek(&self) -> Option<&B> {
        self.bands.iter().find_map(VecDeque::front)
    }

    /// Takes the packet that is next.
    pub fn pop(&mut self) -> Option<B> {
        let buf = self.bands.iter_mut().find_map(VecDeque::pop_front)?;
        self.len -= 1;
        self.bytes -= buf.len() as u64;
        Some(buf)
    }

    /// Takes out the packets that are longer than `bytes`, in order.
    pub fn take_longer(&mut self, bytes: u64) -> Vec<B> {
        let mut out = Vec::new();
        for band in &mut self.bands {
            for buf in std::mem::take(band) {
                if buf.len() as u64 > bytes {
                    self.len -= 1;
                    self.bytes -= buf.len() as u64;
                    out.push(buf);
                } else {
                    band.push_back(buf);
                }
            }
        }
        out
    }
}

impl Kind {
    /// Whether a Qsch of this kind that holds so much takes a frame of `len` bytes.
    ///
    /// # Errors
    /// Why not.
    pub fn admits<B: Buf>(&self, queue: &Queue<B>, len: usize) -> Result<(), DropReason> {
        let after = queue.bytes() + len as u64;
        let fits = match *self {
            Kind::Pfifo { limit } | Kind::PfifoFast { limit } => queue.len() < limit,
            Kind::Bfifo { limit } => after <= limit,
            Kind::Tbf(tbf) if len as u64 > tbf.max_frame() => {
                return Err(DropReason::QschTooLong);
            }
            Kind::Tbf(tbf) => after <= tbf.limit,
        };
        if fits { Ok(()) } else { Err(DropReason::QschFull) }
    }
}
