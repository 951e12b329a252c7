//! The cases of `fixtures/kernel`, which `cargo x record-kernel` put to a Linux kernel: from committed
//! files alone, on any machine.

use super::{Difference, Page, START, compared, ran};
use ::kernel::{Case, Group, Recorded, Recording, Side, groups};
use dataplane::Nanos;
use dataplane::device::Devices;
use sim::engine::Outcome;
use std::net::Ipv4Addr;
use tests::{LAN, WAN, dut, ms};

/// Since a frame may have been sent so much later than its case says: a recorder is no clock.
const LATE: Nanos = ms(100);

fn recording(group: &Group) -> Recording {
    let path = group.recording();
    Recording::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The addresses of the router.
fn own(case: &Case) -> Vec<Ipv4Addr> {
    let devices = Devices::new(&case.plan.config);
    let addresses = devices.iter().flat_map(|device| device.addresses.clone());
    addresses.map(|address| address.addr()).collect()
}

fn difference(case: &Case, recorded: &Recorded) -> (Difference, Outcome) {
    let mut net = dut();
    net.plan = case.plan.clone();
    let mut expected: [Vec<Vec<u8>>; 2] = Default::default();
    let mut last = START;
    for frame in &recorded.frames {
        if frame.received {
            last = START + frame.at;
            net.at(last).bytes([LAN, WAN][frame.side.index()], frame.bytes.clone());
        } else {
            expected[frame.side.index()].push(frame.bytes.clone());
        }
    }
    net.plan.until = Some(last + case.listen);
    let (outcome, seen) = ran(&net.plan);
    let own = own(case);
    let is_own = |source: [u8; 4]| own.contains(&source.into());
    let different = Difference::of(&expected, &seen.sent, |frame| compared(frame, is_own));
    (different, outcome)
}

#[test]
fn what_differs_from_the_recorded_kernel_is_in_the_table_and_nothing_else_is() {
    let mut page = Page::open("kernel/");
    for group in groups().unwrap() {
        let recording = recording(&group);
        for case in &group.cases {
            if let Some(recorded) = recording.case(&case.name) {
                let (different, outcome) = difference(case, recorded);
                page.case(format!("kernel/{}/{}", group.name, case.name), &different, &outcome);
            }
        }
    }
    page.close();
}

/// Why a recording is not one of a case as it is written now.
fn outdated(case: &Case, recorded: Option<&Recorded>) -> Option<&'static str> {
    let Some(recorded) = recorded else {
        return Some("it was not recorded");
    };
    for side in Side::BOTH {
        let asked = case.sent.iter().filter(|sent| sent.side == side);
        let there = recorded.frames.iter().filter(|f| f.received && f.side == side);
        let asked: Vec<_> = asked.map(|sent| (sent.at, &sent.bytes)).collect();
        let there: Vec<_> = there.map(|frame| (frame.at, &frame.bytes)).collect();
        if asked.iter().map(|a| a.1).ne(there.iter().map(|t| t.1)) {
            return Some("it was recorded with other frames");
        }
        let in_time = |(asked, there): (&(Nanos, _), &(Nanos, _))| {
            asked.0.get().abs_diff(there.0.get()) <= LATE.get()
        };
        if !asked.iter().zip(&there).all(in_time) {
            return Some("it was recorded at other times");
        }
    }
    None
}

#[test]
fn every_case_is_recorded_as_it_is_written_and_nothing_else_is() {
    let mut wrong = String::new();
    for group in groups().unwrap() {
        let recording = recording(&group);
        for case in &group.cases {
            let recorded = recording.case(&case.name);
            let id = format!("{}/{}", group.name, case.name);
            if let Some(why) = outdated(case, recorded) {
                wrong += &format!("{id}: {why}; record it: cargo x record-kernel {id}\n");
            }
        }
        for Recorded { case, .. } in &recording.cases {
            if group.cases.iter().all(|known| known.name != *case) {
                let name = &group.name;
                wrong += &format!(
                    "{name}/{case} is gone; record its group: cargo x record-kernel {name}\n"
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
