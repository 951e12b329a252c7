//! One input: its next frame, read one ahead.

use super::SourceError;
use super::pacer::Pacer;
use super::select::selects;
use super::setback::SetBack;
use crate::capture::{CaptureInfo, CaptureReader};
use crate::fabric::{Disagreement, Fabric, MAX_FRAME};
use crate::fault::Fault;
use crate::plan::{CaptureInput, Input, Snapped, Source};
use dataplane::{Buf, DropReason, Instant, Nanos, PortId};

/// What has been read of an input.
#[derive(Clone, Debug, Default)]
pub struct InputTotals {
    /// The capture; nothing for frames that the scenario spells out.
    pub capture: Option<CaptureInfo>,
    /// Frames read so far, this one included that is at hand.
    pub read: u64,
    /// Of these, frames that are input.
    pub selected: u64,
    /// Of these, frames of which the capture has only the front, and which were filled up.
    pub padded: u64,
    /// How often the capture's clock stepped back, and how far at most, as far as it was read.
    pub steps: (u64, Nanos),
}

/// A frame that comes to a wire.
pub(super) struct Offer<B> {
    pub at: Instant,
    pub frame: B,
    /// Why it goes no further.
    pub refused: Option<DropReason>,
    /// The clock that gave it its time has just been set back on purpose.
    pub stepped: Option<Fault>,
}

pub(super) struct Feed<'p, F: Fabric> {
    pub port: PortId,
    pub totals: InputTotals,
    reader: Reader<'p, F>,
    snapped: Snapped,
    at_hand: Option<Offer<F::Buf>>,
    clock: SetBack,
}

enum Reader<'p, F: Fabric> {
    Capture(Box<Capture<'p, F>>),
    Frames(std::slice::Iter<'p, (Instant, Vec<u8>)>),
}

struct Capture<'p, F: Fabric> {
    input: &'p CaptureInput,
    ours: CaptureReader,
    theirs: F::Capture,
    pacer: Pacer,
}

impl<'p, F: Fabric> Feed<'p, F> {
    /// Opens an input, walks through the whole of it to see that it is good, and reads one frame. Its
    /// clock is set back as `clock` says.
    pub fn open(
        input: &'p Input,
        snapped: Snapped,
        clock: SetBack,
        fabric: &mut F,
    ) -> Result<Feed<'p, F>, SourceError> {
        let mut totals = InputTotals::default();
        let reader = match &input.source {
            Source::Capture(input) => {
                let info = CaptureInfo::scan(&input.path)?;
                let theirs = fabric.open(&info)?;
                let ours = CaptureReader::open(&input.path)?;
                totals.capture = Some(info);
                Reader::Capture(Box::new(Capture { input, ours, theirs, pacer: Pacer::new(input) }))
            }
            Source::Frames(frames) => Reader::Frames(frames.iter()),
        };
        let mut feed = Feed { port: input.port, totals, reader, snapped, at_hand: None, clock };
        feed.read_one(fabric)?;
        Ok(feed)
    }

    /// When the next frame comes.
    pub fn next_at(&self) -> Option<Instant> {
        self.at_hand.as_ref().map(|offer| offer.at)
    }

    /// Takes the next frame, and reads the one behind it.
    pub fn take(&mut self, fabric: &mut F) -> Result<Option<Offer<F::Buf>>, SourceError> {
        let taken = self.at_hand.take();
        self.read_one(fabric)?;
        Ok(taken)
    }

    fn read_one(&mut self, fabric: &mut F) -> Result<(), SourceError> {
        self.at_hand = self.read(fabric)?;
        if let Some(offer) = &mut self.at_hand {
            (offer.at, offer.stepped) = self.clock.place(offer.at);
        }
        Ok(())
    }

    fn read(&mut self, fabric: &mut F) -> Result<Option<Offer<F::Buf>>, SourceError> {
        match &mut self.reader {
            Reader::Frames(frames) => {
                let Some((at, frame)) = frames.next() else { return Ok(None) };
                self.totals.read += 1;
                self.totals.selected += 1;
                let len = frame.len().min(MAX_FRAME);
                let refused = (frame.len() > len).then_some(DropReason::RxOversize);
                let frame = at_hand(fabric.make(&frame[..len]));
                Ok(Some(Offer { at: *at, frame, refused, stepped: None }))
            }
            Reader::Capture(capture) => capture.read(self.snapped, &mut self.totals, fabric),
        }
    }
}

impl<F: Fabric> Capture<'_, F> {
    fn read(
        &mut self,
        snapped: Snapped,
        totals: &mut InputTotals,
        fabric: &mut F,
    ) -> Result<Option<Offer<F::Buf>>, SourceError> {
        while let Some(record) = self.ours.next_record()? {
            totals.read += 1;
            self.pacer.see(record.time);
            totals.steps = self.pacer.steps();
            let index = record.index;
            let disagreement = |source: Disagreement| SourceError::Disagreement {
                path: self.input.path.clone(),
                index,
                source,
            };
            let frame = fabric.next_frame(&mut self.theirs, record.data).map_err(disagreement)?;
            if !selects(&self.input.select, record.interface, record.data) {
                continue;
            }
            totals.selected += 1;
            let at = self.pacer.place(record.time);
            if !record.is_snapped() {
                return Ok(Some(Offer { at, frame, refused: None, stepped: None }));
            }
            let len = usize::try_from(record.orig_len).unwrap_or(usize::MAX);
            let refused = match snapped {
                Snapped::Drop => Some(DropReason::RxSnapped),
                Snapped::Pad if len > MAX_FRAME => Some(DropReason::RxOversize),
                Snapped::Pad => None,
            };
            if refused.is_some() {
                return Ok(Some(Offer { at, frame, refused, stepped: None }));
            }
            totals.padded += 1;
            drop(frame);
            let mut whole = record.data.to_vec();
            whole.resize(len, 0);
            let frame = at_hand(fabric.make(&whole));
            return Ok(Some(Offer { at, frame, refused, stepped: None }));
        }
        Ok(None)
    }
}

fn at_hand<B: Buf>(frame: Option<B>) -> B {
    match frame {
        Some(frame) => frame,
        None => unreachable!("the fabric has buffers for a frame of each input"),
    }
}
