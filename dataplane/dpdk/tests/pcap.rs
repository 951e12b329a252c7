//! Captures through net_pcap: every frame as it was captured, every refusal with its reason.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use dataplane::heap::HeapBuf;
use dataplane::{Buf, Meta, PacketId, QueueId};
use dpdk::{Mbuf, Pool, Port, PortError, on_eal_thread};
use std::fs;
use std::path::{Path, PathBuf};

const Q0: QueueId = QueueId(0);

/// A file of this test's own, gone when it is dropped.
struct Capture(PathBuf);

impl Capture {
    fn new(name: &str, bytes: &[u8]) -> Capture {
        let path = std::env::temp_dir().join(format!("dpdk-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Capture(path)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A pcap file, little-endian, microseconds, Ethernet.
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(word.to_le_bytes());
    }
    for (second, frame) in (1_u32..).zip(frames) {
        let len = u32::try_from(frame.len()).unwrap();
        for word in [second, 0, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn frame(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

fn bytes(buf: &Mbuf) -> Vec<u8> {
    let mut out = vec![0; buf.len()];
    buf.read(0, &mut out).unwrap();
    out
}

#[test]
fn frames_come_as_they_were_captured() {
    let frames: Vec<_> = [60, 0, 1, 2048, 2049, 9000, 65_535].map(frame).into();
    let file = Capture::new("frames.pcap", &pcap(&frames));
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        // What the last owner knew of a buffer is not known of the frame in it.
        let mut stale: Vec<Mbuf> = std::iter::from_fn(|| pool.alloc()).collect();
        stale.iter_mut().for_each(|buffer| buffer.meta_mut().id = PacketId(7));
        drop(stale);

        let mut port = Port::pcap(eal, &pool, &[&file.0], 1).unwrap();
        let mut burst = Vec::new();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 7);
        for (buffer, frame) in burst.iter().zip(&frames) {
            assert_eq!(bytes(buffer), *frame);
            assert_eq!(buffer.segments(), HeapBuf::segments_for(frame.len()));
            assert_eq!(*buffer.meta(), Meta::default());
        }
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 0);
        assert_eq!((port.stats().ipackets, port.stats().ierrors), (7, 0));

        assert_eq!(port.tx_burst(Q0, &mut burst), 7);
        assert_eq!(port.stats().opackets, 7);
        assert!(burst.is_empty() && pool.is_full());
    })
    .unwrap();
}

#[test]
fn each_capture_is_a_queue_and_transmit_queues_are_as_many_as_asked() {
    let one = Capture::new("one.pcap", &pcap(&[frame(60)]));
    let two = Capture::new("two.pcap", &pcap(&[frame(61), frame(62)]));
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        for tx_queues in [0, 1, 2, 16] {
            let mut port = Port::pcap(eal, &pool, &[&one.0, &two.0], tx_queues).unwrap();
            assert_eq!((port.rx_queues(), port.tx_queues()), (2, tx_queues));
            let mut burst = Vec::new();
            assert_eq!(port.rx_burst(QueueId(1), &mut burst, 32), 2);
            assert_eq!(port.rx_burst(QueueId(0), &mut burst, 32), 1);
            assert_eq!(burst.iter().map(Buf::len).collect::<Vec<_>>(), [61, 62, 60]);
            for queue in 0..tx_queues {
                let mut burst = vec![pool.alloc().unwrap()];
                assert_eq!(port.tx_burst(QueueId(queue), &mut burst), 1);
            }
            assert_eq!(port.stats().opackets, u64::from(tx_queues));
        }
        assert!(pool.is_full());
        let error = Port::pcap(eal, &pool, &[], 1).unwrap_err();
        assert!(matches!(error, PortError::Queues { .. }), "{error}");
        let many = [one.0.as_path(); 17];
        let error = Port::pcap(eal, &pool, &many, 1).unwrap_err();
        assert!(matches!(error, PortError::Queues { .. }), "{error}");
        assert_eq!(Port::pcap(eal, &pool, &many[..16], 1).unwrap().rx_queues(), 16);
    })
    .unwrap();
}

#[test]
fn any_path_will_do() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let file = Capture::new("a,b=c d.pcap", &pcap(&[frame(60)]));
    let name = [format!("dpdk-{}-", std::process::id()).as_bytes(), b"\xff.pcap"].concat();
    let odd = Capture(file.0.with_file_name(OsStr::from_bytes(&name)));
    fs::write(&odd.0, pcap(&[frame(60)])).unwrap();
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        for path in [&file.0, &odd.0] {
            let mut port = Port::pcap(eal, &pool, &[path], 1).unwrap();
            assert_eq!(port.rx_burst(Q0, &mut Vec::new(), 32), 1);
        }
    })
    .unwrap();
}

#[test]
fn a_capture_that_cannot_be_read_is_refused_with_the_reason() {
    let text = Capture::new("text.pcap", b"this is no capture at all, it is a sentence");
    let empty = Capture::new("empty.pcap", b"");
    let good = Capture::new("good.pcap", &pcap(&[frame(60)]));
    let refused = |paths: &[&Path]| {
        on_eal_thread(|eal| {
            let pool = Pool::new(eal, 8).unwrap();
            Port::pcap(eal, &pool, paths, 1).unwrap_err().to_string()
        })
        .unwrap()
    };

    let missing = refused(&[Path::new("/no/such.pcap")]);
    assert!(
        missing.starts_with("cannot open the capture /no/such.pcap: No such file"),
        "{missing}"
    );

    // libpcap's reason, and the user's name for the file.
    let unknown = refused(&[&text.0]);
    let reason = format!("{}: unknown file format", text.0.display());
    assert!(unknown.contains(&reason), "{unknown}");
    let truncated = refused(&[&good.0, &empty.0]);
    assert!(truncated.contains(&format!("{}: ", empty.0.display())), "{truncated}");
    assert!(truncated.contains("truncated"), "{truncated}");
    let folder = refused(&[&std::env::temp_dir()]);
    assert!(folder.contains("Is a directory"), "{folder}");
}

#[test]
fn errors_within_a_capture_are_counted() {
    let mut bytes = pcap(&[frame(60), frame(60)]);
    bytes.pop();
    let cut = Capture::new("cut.pcap", &bytes);
    let huge = Capture::new("huge.pcap", &pcap(&[frame(60), frame(70_000), frame(61)]));
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 64).unwrap();
        let mut burst = Vec::new();
        let mut port = Port::pcap(eal, &pool, &[&cut.0], 1).unwrap();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 1);
        assert_eq!((port.stats().ipackets, port.stats().ierrors), (1, 1));
        burst.clear();

        // The driver cannot count to 70,000.
        let mut port = Port::pcap(eal, &pool, &[&huge.0], 1).unwrap();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 2);
        assert_eq!(burst.iter().map(Buf::len).collect::<Vec<_>>(), [60, 61]);
        assert_eq!((port.stats().ipackets, port.stats().ierrors), (2, 1));
        drop(burst);
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn an_empty_pool_loses_the_frame_that_was_read_and_is_full_again_after() {
    let frames = vec![frame(60); 5];
    let file = Capture::new("five.pcap", &pcap(&frames));
    let jumbos = Capture::new("jumbos.pcap", &pcap(&[frame(9000), frame(9000), frame(60)]));
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 3).unwrap();
        let mut port = Port::pcap(eal, &pool, &[&file.0], 1).unwrap();
        let mut burst = Vec::new();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 3);
        burst.clear();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 1);
        assert_eq!((port.stats().ipackets, port.stats().rx_nombuf), (4, 1));
        burst.clear();
        assert!(pool.is_full());

        // The second does not fit, and what was taken for it goes back.
        let pool = Pool::new(eal, 8).unwrap();
        let mut port = Port::pcap(eal, &pool, &[&jumbos.0], 1).unwrap();
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 1);
        assert_eq!((burst[0].segments(), pool.in_use()), (5, 5));
        assert_eq!(port.rx_burst(Q0, &mut burst, 32), 1);
        assert_eq!((burst[1].len(), port.stats().ierrors), (60, 1));
        drop(burst);
        assert!(pool.is_full());
    })
    .unwrap();
}

#[test]
fn pcap_ports_come_and_go() {
    let file = Capture::new("again.pcap", &pcap(&[frame(60)]));
    on_eal_thread(|eal| {
        let pool = Pool::new(eal, 8).unwrap();
        for _ in 0..1000 {
            let mut port = Port::pcap(eal, &pool, &[&file.0], 1).unwrap();
            assert_eq!(port.rx_burst(Q0, &mut Vec::new(), 32), 1);
        }
        assert!(pool.is_full());
    })
    .unwrap();
}
