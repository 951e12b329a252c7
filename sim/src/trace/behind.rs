//! Somebody who watches a run from a thread of his own, so that the run need not wait for him.
//!
//! What happens is gathered and handed over in batches. A run that is faster than whoever watches it
//! waits when [`WAITING`] of them lie there, so that memory is bounded.
//!
//! Invariant: who watches behind is told exactly what he would be told here, in the same order, and nothing
//! of what he does comes back before the run is over. So this thread decides nothing.
//! Not here: what he makes of it (`output.rs`).

use super::{Observer, Passing, Record, Run};
use dataplane::Instant;
use std::mem;
use std::ops::Range;
use std::panic;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{Scope, ScopedJoinHandle};

/// Things that are gathered before they are handed over, and bytes of frames.
const THINGS: usize = 1024;
const BYTES: usize = 128 * 1024;
/// Batches that lie there, at most.
const WAITING: usize = 4;

/// Hands what happens over to an observer on another thread.
pub(crate) struct Behind<'scope, O> {
    batch: Batch,
    full: SyncSender<Batch>,
    /// Batches that have been told, for use again.
    told: Receiver<Batch>,
    thread: ScopedJoinHandle<'scope, O>,
}

/// Some of what happened, in order.
#[derive(Default)]
struct Batch {
    things: Vec<Thing>,
    /// The bytes of its frames, one behind the other.
    bytes: Vec<u8>,
}

enum Thing {
    Event(Record),
    /// All of a frame but its bytes, and where those are in the batch.
    Frame(Passing<'static>, Range<usize>),
    Ran(Instant, Run, u32),
}

impl<'scope, O: Observer + Send + 'scope> Behind<'scope, O> {
    /// Gives the observer a thread of its own.
    pub fn start<'env>(scope: &'scope Scope<'scope, 'env>, observer: O) -> Behind<'scope, O> {
        let (full, batches) = mpsc::sync_channel(WAITING);
        let (spent, told) = mpsc::channel();
        let thread = scope.spawn(move || tell(observer, &batches, &spent));
        Behind { batch: Batch::default(), full, told, thread }
    }

    /// Waits until the observer has been told everything, and gives it back.
    ///
    /// # Panics
    /// The observer did.
    pub fn finish(mut self) -> O {
        self.hand_over();
        drop(self.full);
        self.thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }

    fn gathered(&mut self) {
        if self.batch.things.len() >= THINGS || self.batch.bytes.len() >= BYTES {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let next = self.told.try_recv().unwrap_or_default();
        let batch = mem::replace(&mut self.batch, next);
        // Nobody takes it any more only if the observer panicked, which `finish` passes on.
        let _ = self.full.send(batch);
    }
}

impl<'scope, O: Observer + Send + 'scope> Observer for Behind<'scope, O> {
    const FRAMES: bool = O::FRAMES;

    fn event(&mut self, record: &Record) {
        self.batch.things.push(Thing::Event(record.clone()));
        self.gathered();
    }

    fn frame(&mut self, frame: &Passing<'_>) {
        let start = self.batch.bytes.len();
        self.batch.bytes.extend_from_slice(frame.bytes);
        let bytes = start..self.batch.bytes.len();
        self.batch.things.push(Thing::Frame(Passing { bytes: &[], ..*frame }, bytes));
        self.gathered();
    }

    fn ran(&mut self, at: Instant, run: Run, items: u32) {
        self.batch.things.push(Thing::Ran(at, run, items));
        self.gathered();
    }
}

/// Tells an observer what comes in batches until no more come.
fn tell<O: Observer>(mut observer: O, batches: &Receiver<Batch>, spent: &Sender<Batch>) -> O {
    for mut batch in batches {
        for thing in batch.things.drain(..) {
            match thing {
                Thing::Event(record) => observer.event(&record),
                Thing::Frame(frame, bytes) => {
                    observer.frame(&Passing { bytes: &batch.bytes[bytes], ..frame });
                }
                Thing::Ran(at, run, items) => observer.ran(at, run, items),
            }
        }
        batch.bytes.clear();
        // The run may be over.
        let _ = spent.send(batch);
    }
    observer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Outside, Way, What};
    use dataplane::job::JobKind;
    use dataplane::{LcoreId, PacketId, PortId, QueueId};
    use std::panic::AssertUnwindSafe;
    use std::thread;

    const RUN: Run = Run { lcore: LcoreId(1), tick: 7, job: JobKind::RecvFwd };

    /// All that it was told.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Heard(Vec<String>);

    impl Observer for Heard {
        fn event(&mut self, record: &Record) {
            self.0.push(format!("{record:?}"));
        }

        fn frame(&mut self, frame: &Passing<'_>) {
            self.0.push(format!("{frame:?}"));
        }

        fn ran(&mut self, at: Instant, run: Run, items: u32) {
            self.0.push(format!("{at:?} {run:?} {items}"));
        }
    }

    /// Tells of so many packets, each of so many bytes, three things each.
    fn packets(observer: &mut impl Observer, count: u64, bytes: usize) {
        for n in 1..=count {
            let at = Instant::from_nanos(n);
            let (packet, port, queue) = (PacketId(n), PortId(1), QueueId(0));
            let what = What::Outside(Outside::Arrive { packet, port, queue, len: 60 });
            observer.event(&Record { n, at, run: None, what });
            let bytes = &vec![u8::try_from(n % 251).unwrap(); bytes];
            let (run, way) = (Some(RUN), Way::Out);
            observer.frame(&Passing { at, packet, port, way, run, refused: None, bytes });
            observer.ran(at, RUN, 1);
        }
    }

    fn behind(count: u64, bytes: usize) -> Heard {
        thread::scope(|scope| {
            let mut observer = Behind::start(scope, Heard::default());
            packets(&mut observer, count, bytes);
            observer.finish()
        })
    }

    #[test]
    fn who_watches_behind_is_told_the_same_in_the_same_order() {
        let things = THINGS as u64;
        // Nothing, a batch and a thing more, and more batches than may wait; and by bytes.
        let frames = (BYTES / 1500) as u64;
        for (count, bytes) in
            [(0, 0), (1, 60), (things / 3, 9), (things / 3 + 1, 9), (4 * things, 60)]
                .into_iter()
                .chain([(1, BYTES - 1), (2, BYTES), (20, BYTES + 1), (10 * frames, 1500)])
        {
            let mut here = Heard::default();
            packets(&mut here, count, bytes);
            assert!(behind(count, bytes) == here, "{count} packets of {bytes} bytes");
        }
    }

    #[test]
    fn what_is_gathered_is_bounded_by_things_and_by_bytes() {
        thread::scope(|scope| {
            let mut observer = Behind::start(scope, Heard::default());
            for (count, bytes, gathered) in
                [(341, 0, THINGS - 1), (1, 0, 2), (1, BYTES, 1), (1, 0, 4)]
            {
                packets(&mut observer, count, bytes);
                assert_eq!(observer.batch.things.len(), gathered, "{count} of {bytes} bytes");
            }
        });
    }

    #[test]
    fn who_is_not_waited_for_still_hears_the_batches_that_were_handed_over_and_ends() {
        struct Ends<'a>(Heard, &'a mpsc::Sender<usize>);
        impl Observer for Ends<'_> {
            fn ran(&mut self, at: Instant, run: Run, items: u32) {
                self.0.ran(at, run, items);
            }
        }
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.1.send(self.0.0.len()).unwrap();
            }
        }
        let (sender, ended) = mpsc::channel();
        thread::scope(|scope| {
            let mut observer = Behind::start(scope, Ends(Heard::default(), &sender));
            (0..=THINGS).for_each(|_| observer.ran(Instant::EPOCH, RUN, 1));
        });
        // The scope has waited for it.
        assert_eq!(ended.try_recv(), Ok(THINGS));
    }

    #[test]
    fn a_panic_of_who_watches_is_passed_on_and_holds_nobody_up() {
        struct Panics;
        impl Observer for Panics {
            fn ran(&mut self, _: Instant, _: Run, items: u32) {
                assert!(items < 3, "three");
            }
        }
        let told = panic::catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|scope| {
                let mut observer = Behind::start(scope, Panics);
                let items = (0..).take(THINGS * (WAITING + 3));
                items.for_each(|items| observer.ran(Instant::EPOCH, RUN, items));
                observer.finish();
            });
        }));
        assert_eq!(told.unwrap_err().downcast_ref::<&str>(), Some(&"three"));
    }
}
