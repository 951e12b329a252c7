//! Ring ports and null ports: what goes in comes out, and every buffer is accounted for.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use dataplane::packet::SEGMENT;
use dataplane::{Buf, Meta, PacketId, PortId, QueueId};
use dpdk::{Eal, MAX_PORTS, MAX_QUEUES, Mbuf, Pool, Port, PortError, on_eal_thread};

const Q0: QueueId = QueueId(0);

fn numbered(pool: &Pool, id: u64) -> Mbuf {
    let mut buffer = pool.alloc().unwrap();
    *buffer.meta_mut() =
        Meta { id: PacketId(id), port: PortId(5), flags: Meta::SOLICITED, ..Meta::default() };
    buffer.append(60).unwrap().fill(u8::try_from(id % 256).unwrap());
    buffer
}

fn ids(buffers: &[Mbuf]) -> Vec<u64> {
    buffers.iter().map(|buffer| buffer.meta().id.0).collect()
}

fn ring(eal: Eal, pool: &Pool) -> Port {
    Port::ring(eal, pool, 1, 1, 32, 32).unwrap()
}

#[test]
fn a_frame_goes_through_a_ring_port_with_its_meta() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let mut port = Port::ring(eal, &pool, 2, 3, 32, 32).unwrap();
        assert_eq!((port.rx_queues(), port.tx_queues()), (2, 3));
        let jumbo = vec![0xab; 9000];
        for id in 0..3 {
            let mut frame = numbered(&pool, id);
            frame.extend(&jumbo, &pool).unwrap();
            port.inject(QueueId(1), frame).unwrap();
        }
        assert_eq!((port.rx_pending(Q0), port.rx_pending(QueueId(1))), (0, 3));

        let mut burst = Vec::new();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 0);
        assert_eq!(port.rx_burst(QueueId(1), &mut burst, 2), 2);
        assert_eq!(port.rx_burst(QueueId(1), &mut burst, 32), 1);
        assert_eq!(ids(&burst), [0, 1, 2]);
        assert_eq!(port.tx_burst(QueueId(2), &mut burst), 3);
        assert!(burst.is_empty());
        assert_eq!((port.tx_pending(Q0), port.tx_pending(QueueId(2))), (0, 3));

        let mut sent = Vec::new();
        assert_eq!(port.collect(QueueId(2), &mut sent, 32), 3);
        for (id, frame) in (0..).zip(&sent) {
            let meta = numbered(&pool, id);
            assert_eq!(frame.meta(), meta.meta());
            assert_eq!((frame.len(), frame.head()[..60] == *meta.head()), (9060, true));
        }
        assert_eq!((port.stats().ipackets, port.stats().opackets), (3, 3));
        drop(sent);
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn a_full_queue_neither_leaks_nor_frees_twice() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let mut port = Port::ring(eal, &pool, 1, 1, 8, 20).unwrap();
        let mut burst: Vec<Mbuf> = (0..32).map(|id| numbered(&pool, id)).collect();
        assert_eq!(port.tx_burst(Q0, &mut burst), 20);
        assert_eq!(ids(&burst), (20..32).collect::<Vec<_>>());
        assert_eq!(port.tx_burst(Q0, &mut burst), 0);
        assert_eq!((burst.len(), pool.in_use()), (12, 32));

        // The receive side has room for 8 of the 12.
        let refused: Vec<Mbuf> =
            burst.drain(..).filter_map(|frame| port.inject(Q0, frame).err()).collect();
        assert_eq!(ids(&refused), [28, 29, 30, 31]);
        drop(refused);
        assert_eq!(pool.in_use(), 28);

        let mut sent = Vec::new();
        port.collect(Q0, &mut sent, 100);
        assert_eq!(ids(&sent), (0..20).collect::<Vec<_>>());
        drop((sent, port));
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn a_port_may_receive_only_or_transmit_only() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 8).unwrap();
        let mut source = Port::ring(eal, &pool, 1, 0, 8, 8).unwrap();
        let mut sink = Port::ring(eal, &pool, 0, 1, 8, 8).unwrap();
        source.inject(Q0, numbered(&pool, 1)).unwrap();
        let mut burst = Vec::new();
        assert_eq!(source.rx_burst(Q0, &mut burst, 32), 1);
        assert_eq!(sink.tx_burst(Q0, &mut burst), 1);
        assert_eq!(sink.tx_pending(Q0), 1);
        drop((source, sink));
        assert!(pool.is_full());

        let mut source = Port::null(eal, &pool, Some(60), 1, 0).unwrap();
        let mut sink = Port::null(eal, &pool, None, 0, 1).unwrap();
        assert_eq!(source.rx_burst(Q0, &mut burst, 4), 4);
        assert_eq!(sink.tx_burst(Q0, &mut burst), 4);
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn everything_goes_home_in_any_order_of_dropping() {
    on_eal_thread(|eal| {
        for pool_first in [false, true] {
            let pool = Pool::new(eal, 64).unwrap();
            let mut port = ring(eal, &pool);
            let mut burst: Vec<Mbuf> = (0..20).map(|id| numbered(&pool, id)).collect();
            port.tx_burst(Q0, &mut burst);
            port.inject(Q0, numbered(&pool, 20)).unwrap();
            if pool_first {
                drop(pool);
                // It fills from its pool still.
                port.rx_burst(Q0, &mut burst, 32);
                assert_eq!(ids(&burst), [20]);
                drop((port, burst));
            } else {
                drop(port);
                assert!(pool.is_full());
            }
        }
        // A null port allocates on its own account.
        let pool = Pool::new(eal, 64).unwrap();
        let mut port = Port::null(eal, &pool, Some(60), 1, 1).unwrap();
        drop(pool);
        let mut burst = Vec::new();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 32);
        drop(port);
        assert_eq!(burst[31].len(), 60);
    })
    .unwrap();
}

#[test]
fn limits_are_reached_and_not_passed() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        for (rx, tx) in [(0, 0), (MAX_QUEUES + 1, 1), (1, MAX_QUEUES + 1)] {
            for error in [
                Port::ring(eal, &pool, rx, tx, 8, 8).unwrap_err(),
                Port::null(eal, &pool, None, rx, tx).unwrap_err(),
            ] {
                assert!(matches!(error, PortError::Queues { .. }), "{error}");
            }
        }
        let error = Port::ring(eal, &pool, 1, 1, 0, 8).unwrap_err();
        assert!(matches!(error, PortError::Ring(_)), "{error}");
        for len in [0, 2049] {
            let error = Port::null(eal, &pool, Some(len), 1, 1).unwrap_err();
            let text = format!("a null port makes frames of 1 to 2048 bytes, not {len}");
            assert_eq!(error.to_string(), text);
        }

        let mut wide = Port::ring(eal, &pool, MAX_QUEUES, MAX_QUEUES, 8, 8).unwrap();
        let last = QueueId(MAX_QUEUES - 1);
        wide.inject(last, numbered(&pool, 1)).unwrap();
        let mut burst = Vec::new();
        assert_eq!(wide.rx_burst(last, &mut burst, 32), 1);
        assert_eq!(wide.tx_burst(last, &mut burst), 1);
        Port::null(eal, &pool, None, MAX_QUEUES, MAX_QUEUES).unwrap();

        let rest: Vec<Port> = (1..MAX_PORTS).map(|_| ring(eal, &pool)).collect();
        let error = Port::null(eal, &pool, None, 1, 1).unwrap_err();
        assert!(matches!(error, PortError::Ports), "{error}");
        drop((rest, wide));
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
#[should_panic(expected = "there are 1 receive queues")]
fn a_queue_that_does_not_exist_is_a_bug() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 8).unwrap();
        ring(eal, &pool).rx_burst(QueueId(1), &mut Vec::new(), 32);
    })
    .unwrap();
}

#[test]
#[should_panic(expected = "only a ring port has a wire's end")]
fn a_null_port_has_no_wire() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 8).unwrap();
        let frame = pool.alloc().unwrap();
        Port::null(eal, &pool, None, 1, 1).unwrap().inject(Q0, frame).unwrap();
    })
    .unwrap();
}

#[test]
fn null_frames_are_zeros_without_history() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        // Whatever the buffers held before.
        let mut stale: Vec<Mbuf> = (0..64).map(|id| numbered(&pool, id)).collect();
        for buffer in &mut stale {
            buffer.append(SEGMENT - 60).unwrap().fill(0xff);
        }
        drop(stale);
        for len in [1, 60, 2048] {
            let mut port = Port::null(eal, &pool, Some(len), 1, 1).unwrap();
            let mut burst = Vec::new();
            for _ in 0..3 {
                assert_eq!(port.rx_burst(Q0, &mut burst, 32), 32);
                for buffer in &mut burst {
                    assert_eq!(*buffer.meta(), Meta::default());
                    assert_eq!((buffer.len(), buffer.segments()), (len.into(), 1));
                    assert!(buffer.head().iter().all(|byte| *byte == 0));
                    buffer.head_mut().fill(0xee);
                    buffer.meta_mut().id = PacketId(1);
                    // What is transmitted does not come back.
                    buffer.strip_front(usize::from(len.min(14))).unwrap();
                }
                assert_eq!(port.tx_burst(Q0, &mut burst), 32);
            }
            assert_eq!((port.stats().ipackets, port.stats().opackets), (96, 96));
            assert!(pool.is_full());
        }
        let mut silent = Port::null(eal, &pool, None, 1, 1).unwrap();
        assert_eq!(silent.rx_burst(Q0, &mut Vec::new(), 32), 0);
    })
    .unwrap();
}

#[test]
fn an_empty_pool_gives_a_null_port_nothing_and_is_full_again_after() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 40).unwrap();
        let mut port = Port::null(eal, &pool, Some(60), 1, 1).unwrap();
        let mut burst = Vec::new();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 32);
        // DPDK allocates a whole burst or none of it.
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 0);
        assert_eq!(port.rx_burst(Q0, &mut burst, 8), 8);
        assert!(pool.alloc().is_none());
        burst.clear();
        assert!(pool.is_full());
    })
    .unwrap();
}

/// Two ports and four rings each time: what DPDK has of memory, names or ports would run out.
#[test]
fn ports_come_and_go_without_growth() {
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let mut resident = 0;
        for cycle in 0..10_000 {
            let (mut lan, mut wan) = (ring(eal, &pool), ring(eal, &pool));
            lan.inject(Q0, numbered(&pool, cycle)).unwrap();
            let mut burst = Vec::new();
            lan.rx_burst(Q0, &mut burst, 32);
            wan.tx_burst(Q0, &mut burst);
            assert_eq!((lan.rx_pending(Q0), wan.tx_pending(Q0)), (0, 1));
            if cycle == 100 {
                resident = resident_kib();
            }
        }
        assert!(pool.is_full());
        let grown = resident_kib().saturating_sub(resident);
        // A cycle that leaked 40 bytes would show; other tests share the process.
        assert!(grown < 4096, "{grown} KiB more than after 100 cycles");
    })
    .unwrap();
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
