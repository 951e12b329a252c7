//! A pool has exactly the buffers that it was made with, and gets all of them back.

use dataplane::packet::{HEADROOM, SEGMENT};
use dataplane::{Buf, Meta, PacketId, PortId};
use dpdk::{Mbuf, Pool, PoolError, on_eal_thread};

#[test]
fn every_buffer_can_be_had_and_none_more() {
    on_eal_thread(|eal| {
        // Around the size of the cache, and of one and a half caches, there are corners.
        for count in [1, 2, 3, 4, 5, 31, 255, 256, 257, 383, 384, 385, 512, 1000, 5000] {
            let pool = Pool::new(eal, count).unwrap();
            // The second time, what was freed is partly in the cache.
            for _ in 0..2 {
                let mut held = Vec::new();
                while let Some(buffer) = pool.alloc() {
                    held.push(buffer);
                    assert_eq!(pool.in_use() as usize, held.len());
                }
                assert_eq!(held.len(), count as usize);
                assert_eq!((pool.available(), pool.in_use()), (0, count));
                // Not in order: half from the front, half from the back.
                drop(held.split_off(held.len() / 2));
                held.drain(..).rev().for_each(drop);
                assert!(pool.is_full());
                assert_eq!((pool.available(), pool.size()), (count, count));
            }
        }
    })
    .unwrap();
}

#[test]
fn a_fresh_buffer_has_full_room_and_no_history() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 1).unwrap();
        for _ in 0..2 {
            let mut buffer = pool.alloc().unwrap();
            assert_eq!(*buffer.meta(), Meta::default());
            assert_eq!((buffer.len(), buffer.segments()), (0, 1));
            assert!(buffer.is_empty() && buffer.head().is_empty());

            buffer.prepend(HEADROOM).unwrap().fill(0xa5);
            assert!(buffer.prepend(1).is_err());
            buffer.append(SEGMENT).unwrap().fill(0x5a);
            assert!(buffer.append(1).is_err());
            assert_eq!(buffer.len(), HEADROOM + SEGMENT);
            *buffer.meta_mut() = Meta { id: PacketId(9), port: PortId(9), ..Meta::default() };
        }
    })
    .unwrap();
}

/// The second pool may get the memory that the first one wrote to.
#[test]
fn a_fresh_pool_is_all_zero() {
    on_eal_thread(|eal| {
        for _ in 0..2 {
            let pool = Pool::new(eal, 300).unwrap();
            let mut held: Vec<Mbuf> = std::iter::from_fn(|| pool.alloc()).collect();
            for buffer in &mut held {
                buffer.prepend(HEADROOM).unwrap();
                buffer.append(SEGMENT).unwrap();
                assert!(buffer.head().iter().all(|byte| *byte == 0));
                buffer.head_mut().fill(0xff);
            }
        }
    })
    .unwrap();
}

#[test]
fn a_buffer_outlives_its_pool() {
    on_eal_thread(|eal| {
        // 30 pools of 20 MiB: without the orphans being freed, DPDK's memory would not hold them.
        for _ in 0..30 {
            let pool = Pool::new(eal, 8191).unwrap();
            let mut buffer = pool.alloc().unwrap();
            buffer.append(4).unwrap().copy_from_slice(b"here");
            drop(pool);
            assert_eq!(buffer.head(), b"here");
        }
    })
    .unwrap();
}

#[test]
fn a_pool_that_cannot_be_is_refused_with_a_reason() {
    on_eal_thread(|eal| {
        assert_eq!(Pool::new(eal, 0).unwrap_err(), PoolError::Empty);
        let error = Pool::new(eal, 10_000_000).unwrap_err().to_string();
        assert!(error.starts_with("no pool of 10000000 buffers: "), "{error}");
        assert!(error.contains("Cannot allocate memory"), "{error}");
        assert!(error.contains("help: "), "{error}");
        // What was taken in vain is given back.
        assert!(Pool::new(eal, 20_000).is_ok());
    })
    .unwrap();
}

#[test]
fn a_poisoned_pool_fills_each_buffer_anew_until_it_is_told_to_stop() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 300).unwrap();
        for fill in [0xa5, 0x5a] {
            pool.poison(Some(fill));
            assert!(pool.is_full());
            let mut all: Vec<Mbuf> = std::iter::from_fn(|| pool.alloc()).collect();
            assert_eq!(all.len(), 300);
            for buffer in &mut all {
                assert_eq!(buffer.prepend(HEADROOM).unwrap(), [fill; HEADROOM]);
                assert_eq!(buffer.append(SEGMENT).unwrap(), [fill; SEGMENT]);
                buffer.head_mut().fill(0);
            }
            drop(all);
            let mut again = pool.alloc().unwrap();
            assert_eq!(again.append(4).unwrap(), [fill; 4], "whoever had it before");
            // A segment behind another has no headroom: its room is all that it has.
            again.append(SEGMENT - 4).unwrap().fill(0);
            again.extend(&[1], &pool).unwrap();
            assert_eq!(again.append(4).unwrap(), [fill; 4]);
        }
        pool.poison(None);
        let mut buffer = pool.alloc().unwrap();
        buffer.append(4).unwrap().fill(7);
        drop(buffer);
        assert_eq!(pool.alloc().unwrap().append(4).unwrap(), [7; 4], "as it was left");
    })
    .unwrap();
}
