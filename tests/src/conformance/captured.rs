//! The cases of the folder of captures, which is looked for where `captures.rs` looks. Where there is
//! none, the test says that it was skipped.

use super::{Difference, Page, START, ran};
use crate::captures;
use dataplane::config::{NeighConfig, RouteConfig};
use dataplane::{Mac, PortId};
use fixtures::{Host, arp_request};
use sim::capture::CaptureReader;
use sim::engine::Outcome;
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use tests::{Dut, LAN, WAN, dut, ms};

/// R, the router, on either side.
const RA: Host = Host::new(0, [10, 1, 0, 1]).with_mac([2, 0, 0, 0, 1, 1]);
const RB: Host = Host::new(0, [10, 2, 0, 1]).with_mac([2, 0, 0, 0, 2, 1]);
/// R with one interface.
const R0: Host = Host::new(0, [10, 5, 0, 1]).with_mac([2, 0, 0, 0, 5, 1]);
/// A host on each side.
const A: Host = Host::new(0, [10, 1, 0, 2]).with_mac([2, 0, 0, 0, 0x0a, 2]);
const B: Host = Host::new(0, [10, 2, 0, 2]).with_mac([2, 0, 0, 0, 0x0b, 2]);
/// So long after the last arrival the run ends: a silent neighbour has been given up by then.
const REST: u64 = 4_500;

/// A capture: the frames on each side of R, with their times in nanoseconds.
#[derive(Default)]
struct Case([Vec<(u64, Vec<u8>)>; 2]);

/// Every case of a folder of captures: one file, or one for each side, with the name of the case.
fn cases(folder: &Path) -> BTreeMap<String, Case> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".pcap") else { continue };
        let (case, side) = match name.rsplit_once('.') {
            Some((case, "rb")) => (case, 1),
            Some((case, _)) => (case, 0),
            None if name == "ra" || name == "r0" => ("all", 0),
            None if name == "rb" => ("all", 1),
            None => (name, 0),
        };
        let mut reader = CaptureReader::open(&entry.path()).unwrap();
        let frames = &mut cases.entry(case.to_owned()).or_default().0[side];
        while let Some(record) = reader.next_record().unwrap() {
            let left_out = !name.contains("88a8") && is_double_tagged(record.data);
            if !left_out {
                frames.push((record.time, record.data.to_vec()));
            }
        }
    }
    cases
}

/// R as it was configured for a folder of captures.
fn router(folder: &str) -> Dut {
    let mut net = dut();
    for (port, host, name) in [(LAN, RA, "ra"), (WAN, RB, "rb")] {
        let config = &mut net.plan.config.ports[port.index()];
        config.name = name.into();
        config.mac = Mac(host.mac);
        config.addresses = vec![format!("{}/24", host.ip).parse().unwrap()];
    }
    let to = "192.0.2.0/24".parse().unwrap();
    net.plan.config.routes = vec![RouteConfig { to, via: Some(B.ip), dev: WAN, mtu: None }];
    if folder.starts_with("04") {
        // One interface, and a nearer gateway for two networks.
        let r0 = &mut net.plan.config.ports[LAN.index()];
        r0.mac = Mac(R0.mac);
        r0.addresses = vec!["10.5.0.1/24".parse().unwrap()];
        let via = Some(Ipv4Addr::new(10, 5, 0, 2));
        let to = |text: &str| RouteConfig { to: text.parse().unwrap(), via, dev: LAN, mtu: None };
        net.plan.config.routes = vec![to("10.9.0.0/24"), to("10.9.1.0/24")];
        net.plan.config.policy.icmp_redirects = folder != "04d-redirect-off";
    } else if !matches!(folder, "01-arp-ping" | "06-arp" | "09a-vlan-forward") {
        net = net.knows(LAN, A).knows(WAN, B);
    }
    if folder.starts_with("09") {
        net = net.vlan(LAN, 100, "10.1.100.1/24").vlan(LAN, 200, "10.1.200.1/24");
        if folder != "09a-vlan-forward" {
            net = net.knows(PortId(2), A.with_ip([10, 1, 100, 2]));
            net = net.knows(PortId(3), A.with_ip([10, 1, 200, 2]));
        }
    }
    net
}

/// Whether a frame is of the network behind two tags (802.1ad), which the box does not have.
fn is_double_tagged(frame: &[u8]) -> bool {
    let network = [10, 2, 20];
    frame.get(12..14) == Some(&[0x88, 0xa8]) || frame.windows(3).any(|bytes| bytes == network)
}

/// What of a frame of R's is compared: not the priority in a tag either, which R was told to map.
fn compared(mut frame: Vec<u8>) -> Vec<u8> {
    if frame.get(12..14) == Some(&[0x81, 0x00]) {
        frame[14] &= 0x1f;
    }
    super::compared(frame, |source| source[0] == 10 && source[3] == 1)
}

/// A row of `verdicts.tsv`, by its columns.
fn verdicts(folder: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let Ok(text) = fs::read_to_string(folder.join("verdicts.tsv")) else { return BTreeMap::new() };
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let names: Vec<String> = lines.next().unwrap().collect();
    let row = |cells: Vec<String>| (cells[0].clone(), names.iter().cloned().zip(cells).collect());
    lines.map(|cells| row(cells.collect())).collect()
}

/// `10.1.0.110 lladdr 02:aa:00:00:0a:64 STALE`, or `none`.
fn neighbour(text: &str) -> Option<(Host, bool)> {
    let mut words = text.split(' ');
    let address: Ipv4Addr = words.next()?.parse().ok()?;
    let mac: Mac = words.nth(1)?.parse().ok()?;
    let host = Host::new(0, address.octets()).with_mac(mac.0);
    Some((host, words.next() == Some("PERMANENT")))
}

fn difference(
    folder: &str,
    case: &Case,
    verdict: Option<&BTreeMap<String, String>>,
) -> (Difference, Outcome) {
    let mut net = router(folder);
    let column = |name: &str| verdict.and_then(|row| row.get(name)).map_or("", String::as_str);
    match neighbour(column("neigh_before")) {
        Some((host, true)) => {
            let (address, mac) = (host.ip, Mac(host.mac));
            net.plan.config.neighbours.push(NeighConfig { dev: LAN, address, mac });
        }
        // Whoever asked us once is known; his question and its answer come before the capture.
        Some((host, false)) => drop(net.at(ms(0)).lan(&arp_request(host, RA)).plan.clone()),
        None => {}
    }
    if column("settings").contains("arp_ignore=1") {
        net.plan.config.policy.weak_host = false;
    }
    let own = [LAN, WAN].map(|port| net.plan.config.ports[port.index()].mac.0);
    let first = case.0.iter().flatten().map(|(time, _)| *time).min().unwrap();
    let mut expected: [Vec<Vec<u8>>; 2] = Default::default();
    let mut end = START;
    for (port, frames) in case.0.iter().enumerate() {
        for (time, frame) in frames {
            if frame.get(6..12) == Some(&own[port][..]) {
                // Linux asks an old neighbour himself, when its timers say so.
                if frame[0] & 1 == 1 || frame.get(12..14) != Some(&[0x08, 0x06]) || frame[21] == 2 {
                    expected[port].push(frame.clone());
                }
            } else {
                let at = START + dataplane::Nanos::new(time - first);
                net.at(at).bytes([LAN, WAN][port], frame.clone());
                end = end.max(at);
            }
        }
    }
    net.plan.until = Some(end + ms(REST));
    let (outcome, seen) = ran(&net.plan);
    let mut different = Difference::of(&expected, &seen.sent, compared);
    if let Ok(address) = column("neigh_of").parse::<Ipv4Addr>() {
        let fixed = net.plan.config.neighbours.iter().find(|n| n.address == address);
        let ours = fixed.map(|n| n.mac).or(seen.known.get(&address).copied());
        let theirs = neighbour(column("neigh_after")).map(|(host, _)| Mac(host.mac));
        different.neighbour(address, theirs, ours);
    }
    (different, outcome)
}

#[test]
fn what_differs_from_linux_is_in_the_table_and_nothing_else_is() {
    let Some(folder) = captures::folder().map(|folder| folder.join("linux")) else {
        println!("skipped: there is no folder of captures (set LOCKSTEP_CAPTURES to one)");
        return;
    };
    let mut page = Page::open("0");
    for name in [
        "01-arp-ping",
        "03-ttl",
        "04a-redirect-followed",
        "04c-redirect-cases",
        "04d-redirect-off",
        "06-arp",
        "07-ipv4",
        "09a-vlan-forward",
        "09c-vlan-icmp-errors",
        "09d-vlan-tags",
    ] {
        let verdicts = verdicts(&folder.join(name));
        for (case, frames) in cases(&folder.join(name)) {
            if frames.0.iter().all(Vec::is_empty) {
                println!("{name}/{case}: nothing was captured");
                continue;
            }
            let (different, outcome) = difference(name, &frames, verdicts.get(&case));
            page.case(format!("{name}/{case}"), &different, &outcome);
        }
    }
    page.close();
}
