use crate::drop::DropReason;
use crate::heap::HeapBuf;
use crate::packet::{Buf, Meta, PacketId};
use crate::tc::{Key, Kind, Queue, Tbf, TokenRate};
use crate::types::PortId;
use fixtures::{ALICE, BOB, udp};

fn packet(id: u64, len: usize) -> HeapBuf {
    let mut buf = HeapBuf::new(Meta { id: PacketId(id), ..Meta::default() });
    buf.append(len).unwrap().fill(0);
    buf
}

fn key(tos: u8) -> Key {
    Key::of(&udp(ALICE, BOB).tos(tos).build(), PortId(0))
}

/// How many packets of `len` bytes a Qsch takes, and why it does not take one more.
fn filled(kind: &Kind, len: usize, at_most: u64) -> (Queue<HeapBuf>, Option<DropReason>) {
    let mut queue = Queue::default();
    for id in 0..at_most {
        if let Err(reason) = kind.admits(&queue, len) {
            return (queue, Some(reason));
        }
        queue.push(kind, &key(0), packet(id, len));
    }
    (queue, None)
}

#[test]
fn a_pfifo_holds_its_limit_and_not_one_more() {
    let (queue, why) = filled(&Kind::Pfifo { limit: 10 }, 100, 50);
    assert_eq!((queue.len(), queue.bytes(), why), (10, 1000, Some(DropReason::QschFull)));
}

#[test]
fn a_bfifo_holds_its_bytes_and_not_one_more() {
    let (queue, why) = filled(&Kind::Bfifo { limit: 500 }, 100, 50);
    assert_eq!((queue.len(), queue.bytes(), why), (5, 500, Some(DropReason::QschFull)));
    let kind = Kind::Bfifo { limit: 501 };
    assert_eq!(kind.admits(&queue, 1), Ok(()));
    assert_eq!(kind.admits(&queue, 2), Err(DropReason::QschFull));
}

// DPVS: B58, fcda8064.
#[test]
fn a_pfifo_fast_counts_all_its_bands() {
    // Commit fcda8064 of DPVS: the total was not kept, and the limit never applied.
    let kind = Kind::PfifoFast { limit: 1024 };
    let mut queue = Queue::default();
    for id in 0..2000 {
        if kind.admits(&queue, 60).is_ok() {
            let tos = [0x10, 0x00, 0x08][usize::try_from(id % 3).unwrap()];
            queue.push(&kind, &key(tos), packet(id, 60));
        }
    }
    assert_eq!((queue.len(), queue.bytes()), (1024, 1024 * 60));
}

// Defect B68.
#[test]
#[cfg_attr(miri, ignore = "minutes there")]
fn the_length_of_a_queue_does_not_wrap_at_65536() {
    let (queue, why) = filled(&Kind::Pfifo { limit: 65_537 }, 1, 100_000);
    assert_eq!((queue.len(), why), (65_537, Some(DropReason::QschFull)));
}

#[test]
fn a_pfifo_fast_lets_the_most_urgent_band_go_first_and_a_pfifo_does_not() {
    let order = |kind: Kind| -> Vec<u64> {
        let mut queue = Queue::default();
        // Bulk, best effort, low delay, each twice: bands 2, 1 and 0.
        for (id, tos) in [(1, 0x08), (2, 0x00), (3, 0x10), (4, 0x08), (5, 0x00), (6, 0x10)] {
            queue.push(&kind, &key(tos), packet(id, 60));
        }
        std::iter::from_fn(|| queue.pop()).map(|buf| buf.meta().id.0).collect()
    };
    assert_eq!(order(Kind::PfifoFast { limit: 10 }), [3, 6, 2, 5, 1, 4]);
    assert_eq!(order(Kind::Pfifo { limit: 10 }), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_tbf_holds_its_limit_in_bytes_and_refuses_what_could_never_pass() {
    let rate = TokenRate { bits: 1_000_000, burst: 1000 };
    let peak = Some(TokenRate { bits: 2_000_000, burst: 800 });
    let kind = Kind::Tbf(Tbf { rate, peak: None, limit: 2500 });
    let (queue, why) = filled(&kind, 1000, 50);
    assert_eq!((queue.len(), why), (2, Some(DropReason::QschFull)));
    assert_eq!(kind.admits(&queue, 500), Ok(()));
    assert_eq!(kind.admits(&queue, 501), Err(DropReason::QschFull));
    assert_eq!(kind.admits(&queue, 1001), Err(DropReason::QschTooLong));
    let peaked = Kind::Tbf(Tbf { rate, peak, limit: 2500 });
    let empty = Queue::<HeapBuf>::default();
    assert_eq!(peaked.admits(&empty, 800), Ok(()));
    assert_eq!(peaked.admits(&empty, 801), Err(DropReason::QschTooLong));
}

#[test]
fn every_type_of_service_has_the_band_that_linux_gives_it() {
    let bands: Vec<usize> = (0..16).map(|prio| key(prio << 1).band()).collect();
    assert_eq!(bands, [1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1]);
    // The bits around these four make no difference.
    assert_eq!(key(0xe1).band(), key(0x00).band());
}
