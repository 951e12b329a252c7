//! librte_ip_frag owns what it was given, gives back what is whole, and leaves nothing behind. What
//! it makes of strange fragments is in the tests of the box, beside what we make of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use dataplane::Buf;
use dpdk::{FragTable, FragTableError, MAX_FRAGMENTS, Mbuf, Pool, on_eal_thread};
use fixtures::{ALICE, DUT_LAN, ipv4};

/// Bytes of an Ethernet header and of an IPv4 header.
const LENS: (u8, u16) = (14, 20);

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

/// The fragments of a datagram of `count` times 8 bytes.
fn fragments(pool: &Pool, count: usize) -> Vec<Mbuf> {
    let whole = ipv4(ALICE, DUT_LAN, 253, &payload(count * 8));
    let mbuf = |frame: fixtures::Frame| {
        let mut buf = pool.alloc().unwrap();
        buf.extend(&frame.build(), pool).unwrap();
        buf
    };
    whole.fragments(8).into_iter().map(mbuf).collect()
}

/// The datagram, if the last of these fragments makes one; none before may.
fn join(table: &mut FragTable, fragments: Vec<Mbuf>) -> Option<Mbuf> {
    let mut whole = None;
    for fragment in fragments {
        assert!(whole.is_none(), "the last one completes it");
        whole = table.join(fragment, LENS.0, LENS.1, 0);
    }
    whole
}

#[test]
fn a_datagram_is_the_chain_of_its_fragments() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let mut table = FragTable::new(eal, 4, 100).unwrap();
        for reversed in [false, true] {
            let mut parts = fragments(&pool, 5);
            if reversed {
                parts.reverse();
            }
            let whole = join(&mut table, parts).unwrap();
            assert_eq!((whole.segments(), whole.len(), pool.in_use()), (5, 14 + 20 + 40, 5));
            let mut bytes = vec![0; whole.len()];
            whole.read(0, &mut bytes).unwrap();
            assert_eq!((&bytes[16..18], &bytes[20..22]), (&[0, 60][..], &[0, 0][..]));
            assert_eq!(bytes[34..], payload(40));
            drop(whole);
            assert!(pool.is_full());
        }
    })
    .unwrap();
}

#[test]
fn eight_fragments_become_whole_and_nine_go_home() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        for (count, whole) in [(MAX_FRAGMENTS, true), (MAX_FRAGMENTS + 1, false)] {
            let mut table = FragTable::new(eal, 4, 100).unwrap();
            let made = join(&mut table, fragments(&pool, count));
            assert_eq!(made.is_some(), whole, "{count}");
            drop((made, table));
            assert!(pool.is_full(), "{count}");
        }
    })
    .unwrap();
}

#[test]
fn a_table_that_is_dropped_gives_up_what_it_holds() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let mut table = FragTable::new(eal, 1, 100).unwrap();
        let mut parts = fragments(&pool, 3);
        parts.pop();
        assert!(join(&mut table, parts).is_none());
        assert_eq!(pool.in_use(), 2);
        drop(table);
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn the_limits_of_a_table() {
    on_eal_thread(|eal| {
        for datagrams in [0, (1 << 30) + 1, u32::MAX] {
            let refused = FragTable::new(eal, datagrams, 1).unwrap_err();
            assert_eq!(refused, FragTableError::Datagrams(datagrams));
        }
        assert!(FragTable::new(eal, 1, 1).is_ok());
        let refused = FragTable::new(eal, 1 << 30, 1).unwrap_err().to_string();
        assert!(refused.contains("rte_ip_frag_table_create failed"), "{refused}");
    })
    .unwrap();
}
