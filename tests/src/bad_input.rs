//! Captures and scenarios that are wrong: a clear error or a named drop, and nothing half-written.

use crate::cli::{folder, run, said};
use dataplane::{Instant, PortId};
use fixtures::{ALICE, BOB, udp};
use insta::assert_snapshot;
use sim::plan::{CaptureInput, Input, Select, Source, Timing};
use std::path::PathBuf;
use tests::{LAN, WAN, dut};

/// A pcap file, microseconds, little-endian. An original length of 0 stands for the frame's own.
fn pcap(name: &str, link: u32, records: &[(u32, &[u8])]) -> PathBuf {
    let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    for word in [0x0004_0002, 0, 0, 262_144, link] {
        file.extend(u32::to_le_bytes(word));
    }
    for (at, (orig_len, bytes)) in records.iter().enumerate() {
        let len = u32::try_from(bytes.len()).unwrap();
        for word in [1, u32::try_from(at).unwrap(), len, (*orig_len).max(len)] {
            file.extend(word.to_le_bytes());
        }
        file.extend(*bytes);
    }
    let path = folder(name).join("in.pcap");
    std::fs::write(&path, file).unwrap();
    path
}

/// A capture of one frame of which only the first 60 bytes are there.
pub fn snapped_capture(port: PortId) -> Input {
    let frame = udp(ALICE, BOB).len(100).build();
    let path = pcap("snapped", 1, &[(u32::try_from(frame.len()).unwrap(), &frame[..60])]);
    let select = Select { interface: None, ours: vec![] };
    let capture = CaptureInput { path, select, timing: Timing::Recorded, start: Instant::EPOCH };
    Input { port, source: Source::Capture(capture) }
}

fn frame() -> Vec<u8> {
    udp(ALICE, BOB).build()
}

/// What `lockstep replay` says to this file, which stands for every folder's.
fn replayed(path: &std::path::Path) -> String {
    said(&["replay", path.to_str().unwrap()], path, "in.pcap")
}

#[test]
fn a_snapped_frame_is_filled_up_with_zeros_or_dropped() {
    let mut net = dut().knows(WAN, BOB);
    net.plan.inputs.push(snapped_capture(LAN));
    let padded = net.run();
    net.plan.snapped = sim::plan::Snapped::Drop;
    assert_snapshot!(format!("{padded}{}", net.run()), @"
           ms lcore port    frame
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 100 bad udp checksum
        0.005     1 wan  >  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 63 len 100 bad udp checksum
    in 1 + made 0 = out 1 + consumed 0 + dropped 0 + held 0
           ms lcore port    frame
        0.000                 dropped rx_snapped (packet 1)
        0.000       lan  <  udp 198.51.100.7:4000 > 192.0.2.9:53 ttl 64 len 100 BAD-IP-LENGTH 128, 46 bytes here
    in 1 + made 0 = out 0 + consumed 0 + dropped 1 + held 0
    ");
}

#[test]
fn files_that_are_no_captures() {
    let dir = folder("no-captures");
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        replayed(&path)
    };
    let said = [
        replayed(&dir.join("missing.pcap")),
        file("empty.pcap", &[]),
        file("text.pcap", b"hello, this is no capture at all\n"),
        file("short.pcap", &0xa1b2_c3d4_u32.to_le_bytes()),
    ];
    assert_snapshot!(said.join("\n\n"), @"
    exit 3
    error: in.pcap: cannot be read: No such file or directory (os error 2); check the path; it is relative to the current directory

    exit 3
    error: in.pcap: is empty (0 bytes); record it again; `tcpdump -U` writes each packet at once

    exit 3
    error: in.pcap: is not a capture: text at offset 0; name the capture itself, not a listing or a scenario

    exit 3
    error: in.pcap: ends inside its header: 4 bytes of 24; record or copy it again: no packet is in it
    ");
}

#[test]
fn captures_that_are_damaged() {
    let whole = frame();
    let good = pcap("damaged", 1, &[(0, &whole), (0, &whole)]);
    let bytes = std::fs::read(&good).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        std::fs::write(&good, bytes).unwrap();
        replayed(&good)
    };
    let second = 24 + 16 + whole.len();
    let said = [
        changed(&|file| file[second + 8..second + 12].copy_from_slice(&[0, 0, 0, 0x7f])),
        changed(&|file| file[second + 8..second + 12].copy_from_slice(&70_000_u32.to_le_bytes())),
        changed(&|file| file[20] = 101),
        changed(&|file| file[20] = 113),
    ];
    assert_snapshot!(said.join("\n\n"), @"
    exit 3
    error: in.pcap: is corrupt: the record of packet 2 at offset 114 claims 2130706432 bytes, more than the limit of 262144; copy it again in binary mode, or keep the good packets with `editcap -r OLD NEW 1-1`

    exit 3
    error: in.pcap: is corrupt: the record of packet 2 at offset 114 claims 70000 bytes of a frame of 74, and the file ends after 74; copy it again in binary mode, or keep the good packets with `editcap -r OLD NEW 1-1`

    exit 3
    error: in.pcap: link type 101 (raw IP) at offset 20 is not Ethernet; re-capture on an Ethernet interface: a tunnel or tun device has no Ethernet header

    exit 3
    error: in.pcap: link type 113 (Linux cooked) at offset 20 is not Ethernet; it was captured with `-i any`: re-capture with `-i` and the name of one interface
    ");
}

#[test]
fn a_capture_that_was_cut_is_replayed_up_to_the_cut() {
    let whole = frame();
    let path = pcap("cut", 1, &[(0, &whole), (0, &whole), (0, &whole)]);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let output = run(&["replay", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cut"), "{said}");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("in 2 "), "{report}");
}

#[test]
fn a_refused_run_leaves_no_folder() {
    let dir = folder("nothing-left");
    let out = dir.join("out");
    let output = run(&["replay", "no-such-file.pcap", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn mistakes_in_a_scenario_are_shown_where_they_are() {
    let dir = folder("scenarios");
    let port = "[[port]]\nname = \"lan\"\nkind = \"ring\"\nmac = \"02:00:00:00:00:01\"\naddresses = [\"198.51.100.1/24\"]\n";
    let path = dir.join("wrong.toml");
    let wrong = |text: &str| {
        std::fs::write(&path, text).unwrap();
        said(&["run", path.to_str().unwrap()], &path, "wrong.toml")
    };
    let said = [
        wrong(&format!("{port}[[route]]\nto = \"0.0.0.0/0\"\ndev = \"wan\"\n")),
        wrong(&format!(
            "{port}[[lcore]]\nid = 0\nrole = \"master\"\n[[lcore]]\nid = 1\nrole = \"worker\"\n"
        )),
        wrong(&format!("{port}[policy]\nneigh_sync_skip = 0\n")),
        wrong(&format!("{port}colour = \"blue\"\n")),
        wrong(&format!("until = \"10 parsecs\"\n{port}")),
    ];
    assert_snapshot!(said.join("\n\n"), @r#"
    exit 2
      × there is no device `wan`
       ╭─[wrong.toml:8:7]
     7 │ to = "0.0.0.0/0"
     8 │ dev = "wan"
       ·       ──┬──
       ·         ╰── expected one of `lan`
       ╰────
      help: did you mean `lan`?

    error: 1 mistake in wrong.toml

    exit 2
      × lcore 1 is a worker without ports
        ╭─[wrong.toml:11:8]
     10 │ id = 1
     11 │ role = "worker"
        ·        ────┬───
        ·            ╰── a worker owns queues
        ╰────
      help: add rx = { PORT = [0] }, or make it role = "idle"

    error: 1 mistake in wrong.toml

    exit 2
      × neigh_sync_skip is 0
       ╭─[wrong.toml:7:19]
     6 │ [policy]
     7 │ neigh_sync_skip = 0
       ·                   ┬
       ·                   ╰── expected 1 to 4294967295
       ╰────

    error: 1 mistake in wrong.toml

    exit 2
      × unknown key `colour`
       ╭─[wrong.toml:6:1]
     5 │ addresses = ["198.51.100.1/24"]
     6 │ colour = "blue"
       · ───┬──
       ·    ╰── expected one of `name`, `kind`, `mac`, `mtu`, `addresses`, `wire`, `rx`, `rx_frame_len`, `rx_queues`, `tx_queues`, `kni`, `vlan`
       ╰────

    error: 1 mistake in wrong.toml

    exit 2
      × "10 parsecs" is no duration
       ╭─[wrong.toml:1:9]
     1 │ until = "10 parsecs"
       ·         ──────┬─────
       ·               ╰── expected a duration with its unit, such as "250us", "1.5ms", "10s" or "1h"
     2 │ [[port]]
       ╰────

    error: 1 mistake in wrong.toml
    "#);
}
