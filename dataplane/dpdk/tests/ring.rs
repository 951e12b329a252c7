//! A ring holds exactly what it was made for, refuses the rest, and frees what is left in it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use dataplane::{Buf, Meta, PacketId, PortId};
use dpdk::{Mbuf, Pool, Ring, RingError, on_eal_thread};
use std::sync::Arc;

fn numbered(pool: &Pool, id: u64) -> Mbuf {
    let mut buffer = pool.alloc().unwrap();
    *buffer.meta_mut() = Meta { id: PacketId(id), port: PortId(5), ..Meta::default() };
    buffer
}

fn ids(buffers: &[Mbuf]) -> Vec<u64> {
    buffers.iter().map(|buffer| buffer.meta().id.0).collect()
}

#[test]
fn a_ring_holds_exactly_its_capacity() {
    on_eal_thread(|eal| {
        for capacity in [1, 2, 3, 4, 31, 32, 33, 1000] {
            let ring = Ring::new(eal, capacity).unwrap();
            assert_eq!(ring.capacity(), capacity as usize);
            for number in 0..capacity {
                assert_eq!(ring.push(Box::new(number)), Ok(()));
            }
            assert_eq!(ring.push(Box::new(capacity)), Err(Box::new(capacity)));
            assert_eq!(ring.len(), capacity as usize);
            for number in 0..capacity {
                assert_eq!(ring.pop(), Some(Box::new(number)));
            }
            assert_eq!(ring.pop(), None);
            assert!(ring.is_empty());
        }
        assert_eq!(Ring::<Mbuf>::new(eal, 0).unwrap_err(), RingError::Empty);
        let error = Ring::<Mbuf>::new(eal, 500_000_000).unwrap_err().to_string();
        assert!(error.starts_with("no ring for 500000000 items: "), "{error}");
        assert!(error.contains("Cannot allocate memory"), "{error}");
    })
    .unwrap();
}

#[test]
fn a_full_ring_neither_leaks_nor_frees_twice() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let ring = Ring::new(eal, 20).unwrap();
        let mut burst: Vec<Mbuf> = (0..32).map(|id| numbered(&pool, id)).collect();
        assert_eq!(ring.push_burst(&mut burst), 20);
        assert_eq!(ids(&burst), (20..32).collect::<Vec<_>>());
        assert_eq!(ring.push_burst(&mut burst), 0);
        assert_eq!((burst.len(), pool.in_use()), (12, 32));

        let refused = ring.push(burst.remove(0)).unwrap_err();
        assert_eq!(refused.meta().id, PacketId(20));
        drop((refused, burst));
        assert_eq!(pool.in_use(), 20);

        let mut out = Vec::new();
        assert_eq!(ring.pop_burst(&mut out, 7), 7);
        assert_eq!(ring.pop_burst(&mut out, 100), 13);
        assert_eq!(ids(&out), (0..20).collect::<Vec<_>>());
        assert!(out.iter().all(|buffer| buffer.meta().port == PortId(5)));
        drop(out);
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn what_is_left_in_a_ring_goes_home_whichever_is_dropped_first() {
    on_eal_thread(|eal| {
        for pool_first in [false, true] {
            let pool = Pool::new(eal, 8).unwrap();
            let ring = Ring::new(eal, 8).unwrap();
            let mut burst: Vec<Mbuf> = (0..8).map(|id| numbered(&pool, id)).collect();
            ring.push_burst(&mut burst);
            assert_eq!(pool.available(), 0);
            if pool_first {
                drop(pool);
                drop(ring);
            } else {
                drop(ring);
                assert!(pool.is_full());
            }
        }
    })
    .unwrap();
}

#[test]
fn a_box_in_a_ring_is_dropped_once() {
    let witness = Arc::new(());
    on_eal_thread(|eal| {
        let ring = Ring::new(eal, 4).unwrap();
        let mut burst: Vec<_> = (0..6).map(|_| Box::new(Arc::clone(&witness))).collect();
        ring.push_burst(&mut burst);
        assert_eq!(Arc::strong_count(&witness), 7);
        drop(burst);
        assert_eq!(Arc::strong_count(&witness), 5);
        drop(ring.pop());
        assert_eq!(Arc::strong_count(&witness), 4);
        drop(ring);
    })
    .unwrap();
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[test]
fn rings_come_and_go_without_growth() {
    on_eal_thread(|eal| {
        // 2000 rings of 1 MiB: a tenth of them would fill DPDK's memory if they stayed.
        for _ in 0..2000 {
            let ring = Ring::new(eal, 100_000).unwrap();
            ring.push(Box::new(1)).unwrap();
        }
    })
    .unwrap();
}
