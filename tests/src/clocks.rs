//! Clocks that are not as they should be: those of captures are set back.

use crate::cli::folder;
use dataplane::{Instant, Nanos};
use fixtures::{ALICE, BOB, udp};
use sim::capture::{Frame, PcapngWriter};
use sim::plan::{Backend, CaptureInput, Input, Pace, Select, Source, Timing};
use sim::run::simulate;
use tests::{LAN, WAN, dut};

/// A capture of 600 datagrams, 20 µs apart, whose clock is set back by 10 s in the middle; and a frame
/// that was written a little too late.
fn set_back() -> std::path::PathBuf {
    let mut writer = PcapngWriter::new(Vec::new(), &["lan"], None).unwrap();
    let bytes = udp(ALICE, BOB).build();
    for n in 0..600u64 {
        let set_back = if n < 300 { 10_000_000_000 } else { 0 };
        let late = if n == 100 { 50_000 } else { 0 };
        let time = 1_000_000_000 + set_back + n * 20_000 - late;
        let (interface, direction, orig_len) = (0, None, None);
        let (segments, comments) = (&[&bytes[..]][..], &[][..]);
        let frame = Frame { interface, time, direction, orig_len, segments, comments };
        writer.write(&frame).unwrap();
    }
    let path = folder("set-back").join("lan.pcapng");
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}

#[test]
fn nothing_is_lost_of_a_capture_whose_clock_was_set_back_and_it_is_said() {
    let mut net = dut().knows(WAN, BOB).with(|plan| plan.config.limits.rx_descriptors = 64);
    let select = Select { interface: None, ours: Vec::new() };
    let (path, timing, start) = (set_back(), Timing::Recorded, Instant::EPOCH);
    let source = Source::Capture(CaptureInput { path, select, timing, start });
    net.plan.inputs.push(Input { port: LAN, source });
    for backend in [Backend::Heap, Backend::Dpdk] {
        let (outcome, ()) = simulate(&net.plan, backend, Pace::Skip, ()).unwrap();
        let (input, port) = (&outcome.inputs[0], &outcome.ledger.ports[0]);
        assert_eq!((input.selected, port.arrived, port.refused.total()), (600, 600, 0));
        // 10 s less 20 µs: what the frame would have come behind the one before it.
        assert_eq!(input.steps, (1, Nanos::new(9_999_980_000)));
        assert!(outcome.end > Instant::EPOCH + Nanos::from_micros(598 * 20));
        let text = sim::report::text("set back", &net.plan, &outcome);
        let said = "time runs back 2 times; its clock was set back 1 times, by up to 9999980us";
        assert!(text.contains(said), "{text}");
    }
}
