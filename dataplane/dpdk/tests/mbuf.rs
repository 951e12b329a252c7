//! An mbuf does what a heap buffer does: same bytes, same lengths, same refusals.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use dataplane::heap::HeapBuf;
use dataplane::packet::HEADROOM;
use dataplane::{Buf, Meta, NoRoom, PacketId, PortId};
use dpdk::{Mbuf, Pool, on_eal_thread};

/// Every length at which something changes, and the longest frame that there is.
const LENS: [usize; 12] = [0, 1, 60, 1514, 2047, 2048, 2049, 4224, 4225, 9000, 65_534, 65_535];

fn frame(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

fn bytes(buf: &impl Buf) -> Vec<u8> {
    let mut out = vec![0; buf.len()];
    buf.read(0, &mut out).unwrap();
    out
}

fn mbuf(pool: &Pool, frame: &[u8]) -> Mbuf {
    let mut buf = pool.alloc().unwrap();
    buf.extend(frame, pool).unwrap();
    buf
}

/// Knuth's MMIX generator; the low bits are poor, so the high ones are taken.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

#[test]
fn a_frame_takes_the_segments_that_the_heap_says() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        for len in LENS {
            let whole = frame(len);
            let buf = mbuf(&pool, &whole);
            let heap = HeapBuf::from_frame(Meta::default(), &whole);
            assert_eq!(buf.segments(), HeapBuf::segments_for(len), "{len}");
            assert_eq!(pool.in_use() as usize, buf.segments());
            for index in 0..=buf.segments() {
                assert_eq!(buf.segment(index), heap.segment(index), "{len} {index}");
            }
            assert_eq!(bytes(&buf), whole);
        }
        assert!(pool.is_full());
    })
    .unwrap();
}

// B96, 7102a7ab
#[test]
fn a_copy_is_laid_out_as_a_fresh_frame() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 128).unwrap();
        for len in LENS {
            let whole = frame(len);
            let mut buf = mbuf(&pool, &whole);
            *buf.meta_mut() = Meta { id: PacketId(7), port: PortId(3), ..Meta::default() };
            // Its headroom is used up, the copy's is not.
            buf.prepend(HEADROOM).unwrap().fill(0xee);
            buf.strip_front(HEADROOM).unwrap();

            let mut copy = buf.copy(0..buf.len(), &pool).unwrap();
            assert_eq!(bytes(&copy), whole);
            assert_eq!(copy.segments(), HeapBuf::segments_for(len), "{len}");
            assert_eq!(*copy.meta(), Meta { id: PacketId(0), ..*buf.meta() });
            // It is deep: what is written to one is not in the other.
            copy.prepend(HEADROOM).unwrap().fill(0xdd);
            copy.head_mut().fill(0xdd);
            assert_eq!(bytes(&buf), whole);
        }
        assert!(pool.is_full());
    })
    .unwrap();
}

// B96
#[test]
fn a_copy_of_uneven_segments_takes_as_few_as_it_can() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 16).unwrap();
        let mut buf = mbuf(&pool, &frame(2100));
        buf.strip_front(2000).unwrap();
        assert_eq!((buf.len(), buf.segments()), (100, 2));
        let copy = buf.copy(0..buf.len(), &pool).unwrap();
        assert_eq!((copy.len(), copy.segments()), (100, 1));
        assert_eq!(bytes(&copy), bytes(&buf));
    })
    .unwrap();
}

#[test]
fn a_copy_of_a_part_has_that_part_and_no_more() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let whole = frame(9000);
        let buf = mbuf(&pool, &whole);
        for part in [0..0, 0..1, 2047..2049, 2048..4224, 100..8999, 8999..9000, 9000..9000] {
            let copy = buf.copy(part.clone(), &pool).unwrap();
            assert_eq!(bytes(&copy), whole[part.clone()], "{part:?}");
            assert_eq!(copy.segments(), HeapBuf::segments_for(part.len()), "{part:?}");
        }
    })
    .unwrap();
}

#[test]
fn a_chain_has_the_segments_of_both_and_no_byte_is_moved() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 16).unwrap();
        let (front, back) = (frame(100), frame(3000));
        let mut buf = mbuf(&pool, &front);
        let mut tail = mbuf(&pool, &back);
        tail.strip_front(34).unwrap();
        let before = [buf.segment(0), tail.segment(0), tail.segment(1)].map(<[u8]>::as_ptr);
        assert!(buf.chain(tail).is_ok());
        assert_eq!([0, 1, 2].map(|index| buf.segment(index).as_ptr()), before);
        assert_eq!((buf.len(), buf.segments(), pool.in_use()), (3066, 3, 3));
        assert_eq!(bytes(&buf), [&front[..], &back[34..]].concat());
        // What was a head of its own is a segment like any other.
        buf.truncate(100).unwrap();
        assert_eq!((buf.segments(), pool.in_use()), (1, 1));
        assert_eq!(bytes(&buf), front);
        drop(buf);
        assert!(pool.is_full());
        // And nothing sticks to a buffer that comes out of the pool again.
        for _ in 0..16 {
            assert_eq!(pool.alloc().unwrap().segments(), 1);
        }
    })
    .unwrap();
}

#[test]
fn a_chain_ends_where_the_count_of_its_segments_does() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 65_536).unwrap();
        let mut chain = pool.alloc().unwrap();
        // From the back, or each link would walk through all those before it.
        for n in 1..65_535 {
            let mut head = mbuf(&pool, &[0xaa]);
            assert!(head.chain(chain).is_ok(), "{n}");
            chain = head;
        }
        assert_eq!((chain.segments(), chain.len()), (65_535, 65_534));
        let one_more = chain.chain(mbuf(&pool, &[0xbb])).unwrap_err();
        assert_eq!(one_more.head(), [0xbb], "it comes back");
        assert_eq!((chain.segments(), chain.len()), (65_535, 65_534));
        drop((chain, one_more));
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn what_does_not_fit_in_the_pool_changes_nothing() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 4).unwrap();
        let whole = frame(3000);
        let mut buf = mbuf(&pool, &whole);
        assert_eq!(pool.available(), 2);
        // Needs 3 more: 2 can be had, and go back.
        assert_eq!(buf.extend(&frame(8000), &pool), Err(NoRoom));
        assert_eq!(buf.pad_to(11_000, &pool), Err(NoRoom));
        assert_eq!(pool.available(), 2);
        assert_eq!((bytes(&buf), buf.segments()), (whole, 2));
        // The copy needs 2 of its own, its second one is not there.
        let _one = pool.alloc().unwrap();
        assert!(buf.copy(0..buf.len(), &pool).is_none());
        assert_eq!(pool.available(), 1);
    })
    .unwrap();
}

#[test]
fn padding_is_zeros_whatever_was_there() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 8).unwrap();
        let mut buf = mbuf(&pool, &[0xff; 5000]);
        buf.truncate(10).unwrap();
        buf.pad_to(60, &pool).unwrap();
        buf.pad_to(20, &pool).unwrap();
        assert_eq!(buf.head(), [[0xff; 10].as_slice(), &[0; 50]].concat());
        buf.pad_to(5000, &pool).unwrap();
        assert_eq!((buf.len(), buf.segments()), (5000, 3));
        assert!(bytes(&buf)[10..].iter().all(|byte| *byte == 0));
    })
    .unwrap();
}

#[test]
fn truncation_frees_the_segments_that_become_empty() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 8).unwrap();
        let whole = frame(9000);
        for (len, segments) in [(9000, 5), (8577, 5), (8576, 4), (2049, 2), (2048, 1), (0, 1)] {
            let mut buf = mbuf(&pool, &whole);
            assert_eq!(buf.truncate(9001), Err(NoRoom));
            buf.truncate(len).unwrap();
            assert_eq!((buf.len(), buf.segments()), (len, segments));
            assert_eq!(pool.in_use() as usize, segments);
            assert_eq!(bytes(&buf), whole[..len]);
        }
        assert!(pool.is_full());
    })
    .unwrap();
}

// B96
/// The same operations on both, 200 packets of up to 40 operations.
#[test]
fn an_mbuf_and_a_heap_buffer_cannot_be_told_apart() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 256).unwrap();
        let mut rng = Lcg(1);
        for round in 0..200 {
            let whole = frame(LENS[rng.below(LENS.len())]);
            let mut buf = mbuf(&pool, &whole);
            let mut heap = HeapBuf::from_frame(Meta::default(), &whole);
            for step in 0..rng.below(40) {
                apply(&mut rng, &pool, &mut buf, &mut heap);
                assert_eq!(buf.len(), heap.len(), "round {round}, step {step}");
                assert!(buf.head() == heap.head(), "round {round}, step {step}");
                assert!(bytes(&buf) == bytes(&heap), "round {round}, step {step}");
            }
        }
        assert!(pool.is_full());
    })
    .unwrap();
}

fn apply(rng: &mut Lcg, pool: &Pool, buf: &mut Mbuf, heap: &mut HeapBuf) {
    // Mostly sizes of headers, sometimes far too large.
    let n = [4, 14, 20, 200, 2500][rng.below(5)];
    let n = rng.below(n + 1);
    let fill = u8::try_from(rng.below(256)).unwrap();
    match rng.below(8) {
        0 | 1 => {
            let (a, b) = (buf.prepend(n), heap.prepend(n));
            both(a, b, |room| room.fill(fill));
        }
        2 | 3 => {
            let (a, b) = (buf.strip_front(n), heap.strip_front(n));
            assert_eq!(a, b);
        }
        4 => {
            let (a, b) = (buf.append(n), heap.append(n));
            both(a, b, |room| room.fill(fill));
        }
        5 => {
            let more = vec![fill; n];
            assert!(buf.chain(mbuf(pool, &more)).is_ok());
            assert!(heap.chain(HeapBuf::from_frame(Meta::default(), &more)).is_ok());
        }
        6 => {
            let more = vec![fill; n];
            buf.extend(&more, pool).unwrap();
            heap.extend(&more);
        }
        _ => {
            let len = (buf.len() + 10).saturating_sub(n);
            assert_eq!(buf.truncate(len), heap.truncate(len));
        }
    }
}

fn both(a: Result<&mut [u8], NoRoom>, b: Result<&mut [u8], NoRoom>, write: impl Fn(&mut [u8])) {
    assert_eq!(a.as_ref().map(|room| room.len()), b.as_ref().map(|room| room.len()));
    a.into_iter().chain(b).for_each(write);
}

#[test]
fn what_is_printed_is_the_same_in_every_run() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 2).unwrap();
        let buf = mbuf(&pool, &frame(2049));
        let text = format!("{buf:?}");
        assert!(text.starts_with("Mbuf { meta: Meta {"), "{text}");
        assert!(text.ends_with("len: 2049, segments: 2 }"), "{text}");
    })
    .unwrap();
}
