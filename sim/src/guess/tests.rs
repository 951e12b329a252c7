//! Captures in, scenarios out. All captures are made here, frame by frame.

use super::*;
use crate::capture::{Direction, Frame, PcapngWriter};
use crate::plan::Plan;
use crate::scenario::{Overrides, Scenario};
use dataplane::Mac;
use fixtures::{ALICE, BOB, CAROL, DUT_LAN, DUT_WAN, GW, Host};
use fixtures::{arp_reply, arp_request, frag_needed, icmp_echo, icmp_echo_reply, tcp, udp};
use proptest::prelude::*;
use std::fs;

/// A capture that a test makes, gone when it is dropped.
struct Capture {
    dir: PathBuf,
    frames: Vec<(u32, Option<Direction>, Vec<u8>)>,
}

impl Capture {
    fn new(test: &str) -> Capture {
        let dir =
            std::env::temp_dir().join(format!("lockstep-guess-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Capture { dir, frames: Vec::new() }
    }

    fn saw(mut self, interface: u32, frames: &[Vec<u8>]) -> Capture {
        self.frames.extend(frames.iter().map(|f| (interface, None, f.clone())));
        self
    }

    /// What it comes to: the scenario's text and its plan.
    fn guess(&self, interfaces: &[&str], ours: &[Ours]) -> (String, Plan) {
        let mut writer = PcapngWriter::new(Vec::new(), interfaces, None).unwrap();
        for (n, (interface, direction, bytes)) in (0u64..).zip(&self.frames) {
            let (interface, direction, time) = (*interface, *direction, n * 1000);
            let (segments, comments) = (&[bytes.as_slice()][..], &[][..]);
            let frame = Frame { interface, time, direction, orig_len: None, segments, comments };
            writer.write(&frame).unwrap();
        }
        let path = self.dir.join("eth0.pcapng");
        fs::write(&path, writer.finish().unwrap()).unwrap();
        let guess = scenario(&[Source { port: None, path }], ours, Path::new("")).unwrap();
        let parsed = Scenario::parse(&guess.toml, "guess", Path::new(""), &Overrides::default());
        let plan = parsed.unwrap_or_else(|error| panic!("{error}\n{}", guess.toml)).plan;
        (guess.toml, plan)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The frame that `by` sends on to `to`: another pair of MACs, a smaller TTL.
fn forwarded(by: Host, to: Host, frame: fixtures::Frame, ttl: u8) -> Vec<u8> {
    let mut bytes = frame.ttl(ttl).build();
    bytes[..6].copy_from_slice(&to.mac);
    bytes[6..12].copy_from_slice(&by.mac);
    bytes
}

/// The ports in a line each.
fn shown(plan: &Plan) -> Vec<String> {
    let port = |p: &dataplane::config::PortConfig| {
        let nets: Vec<String> = p.addresses.iter().map(ToString::to_string).collect();
        format!("{} {} mtu {} [{}]", p.name, p.mac, p.mtu, nets.join(" "))
    };
    let route = |r: &dataplane::config::RouteConfig| {
        let via = r.via.map(|via| via.to_string()).unwrap_or_default();
        format!("route {} via {via}", r.to)
    };
    let neighbour =
        |n: &dataplane::config::NeighConfig| format!("neighbour {} {}", n.address, n.mac);
    let config = &plan.config;
    let ports = config.ports.iter().map(port);
    let routes = config.routes.iter().map(route);
    ports.chain(routes).chain(config.neighbours.iter().map(neighbour)).collect()
}

/// A router between ALICE and BOB, and a gateway with CAROL behind it.
fn router(test: &str) -> Capture {
    Capture::new(test)
        .saw(0, &[arp_request(ALICE, DUT_LAN).build(), arp_reply(DUT_LAN, ALICE).build()])
        .saw(0, &[udp(ALICE, BOB).build()])
        .saw(1, &[arp_request(DUT_WAN, BOB).build(), arp_reply(BOB, DUT_WAN).build()])
        .saw(1, &[forwarded(DUT_WAN, BOB, udp(ALICE, BOB), 63)])
        .saw(1, &[arp_reply(GW, DUT_WAN).build(), udp(CAROL, ALICE).build()])
        .saw(0, &[forwarded(DUT_LAN, ALICE, udp(CAROL, ALICE), 63)])
}

#[test]
fn a_router_is_known_by_the_packets_that_it_forwards() {
    let (toml, plan) = router("router").guess(&["lan", "wan"], &[]);
    assert_eq!(
        shown(&plan),
        [
            "lan 02:00:00:00:00:01 mtu 1500 [198.51.100.1/24]",
            "wan 02:00:00:00:00:02 mtu 1500 [192.0.2.1/24]",
            "route 0.0.0.0/0 via 192.0.2.254",
            "neighbour 198.51.100.7 02:00:00:00:00:0a",
            "neighbour 192.0.2.9 02:00:00:00:00:0b",
            "neighbour 192.0.2.254 02:00:00:00:00:0c",
        ]
    );
    assert!(toml.contains("can be seen twice, with another TTL: it forwards"), "{toml}");
    assert_eq!(plan.inputs.len(), 2);
}

#[test]
fn a_router_that_says_its_mtu_gets_it_on_the_way_out() {
    let capture = router("mtu").saw(0, &[frag_needed(DUT_LAN, 1400, &udp(ALICE, BOB)).build()]);
    let (_, plan) = capture.guess(&["lan", "wan"], &[]);
    let mtus: Vec<u16> = plan.config.ports.iter().map(|p| p.mtu).collect();
    assert_eq!(mtus, [1500, 1400]);
}

#[test]
fn a_router_recorded_on_one_side_gets_another_one() {
    let bob = Host { mac: [2, 0, 0, 0, 0, 0x1b], ip: [198, 51, 100, 8].into() };
    let capture = Capture::new("one-side").saw(
        0,
        &[
            arp_reply(DUT_LAN, ALICE).build(),
            arp_reply(DUT_LAN, bob).build(),
            udp(ALICE, BOB).build(),
            udp(bob, CAROL).build(),
            arp_reply(ALICE, DUT_LAN).build(),
        ],
    );
    let (toml, plan) = capture.guess(&["eth0"], &[]);
    assert_eq!(
        shown(&plan),
        [
            "eth0 02:00:00:00:00:01 mtu 1500 [198.51.100.1/24]",
            "far 02:00:00:00:ff:01 mtu 1500 [198.18.255.1/30]",
            "route 0.0.0.0/0 via 198.18.255.2",
            "neighbour 198.18.255.2 02:00:00:00:ff:02",
            "neighbour 198.51.100.7 02:00:00:00:00:0a",
            "neighbour 198.51.100.8 02:00:00:00:00:1b",
        ]
    );
    assert!(
        toml.contains("# The device is a router: 2 packets came to it for 2 addresses"),
        "{toml}"
    );
}

#[test]
fn a_host_that_is_pinged_is_the_device() {
    let capture = Capture::new("pinged")
        .saw(0, &[icmp_echo(ALICE, DUT_LAN).build(), icmp_echo_reply(DUT_LAN, ALICE).build()]);
    let (toml, plan) = capture.guess(&["eth0"], &[]);
    assert_eq!(plan.config.ports[0].mac, Mac(DUT_LAN.mac));
    assert!(toml.contains("it answered ARP or ICMP once, and was sent 1 frame"), "{toml}");
}

#[test]
fn what_somebody_says_goes_before_all_evidence() {
    let capture = Capture::new("said")
        .saw(0, &[icmp_echo(ALICE, DUT_LAN).build(), icmp_echo_reply(DUT_LAN, ALICE).build()]);
    for ours in [Ours::Mac(Mac(ALICE.mac)), Ours::Ip(ALICE.ip)] {
        let (_, plan) = capture.guess(&["eth0"], &[ours]);
        assert_eq!(plan.config.ports[0].mac, Mac(ALICE.mac));
        assert_eq!(plan.config.ports[0].addresses[0].addr(), ALICE.ip);
    }
    // An address that nobody has is taken on trust.
    let (toml, plan) = capture.guess(&["eth0"], &[Ours::Ip("203.0.113.77".parse().unwrap())]);
    assert_eq!(plan.config.ports[0].addresses[0].addr().to_string(), "203.0.113.77");
    assert!(toml.contains("\"203.0.113.77/24\",  # as given"), "{toml}");
}

#[test]
fn directions_in_the_capture_tell_the_device() {
    let mut capture = Capture::new("out").saw(0, &[tcp(ALICE, DUT_LAN).build()]);
    capture.frames.push((0, Some(Direction::Out), tcp(DUT_LAN, ALICE).build()));
    let (toml, plan) = capture.guess(&["eth0"], &[]);
    assert_eq!(plan.config.ports[0].mac, Mac(DUT_LAN.mac));
    assert!(toml.contains("it sent 1 frame, marked by the capture as outgoing"), "{toml}");
}

#[test]
fn between_two_hosts_that_only_talk_to_each_other_a_router_is_put() {
    let dut_as_host = Host { mac: DUT_LAN.mac, ip: [198, 51, 100, 8].into() };
    let capture = Capture::new("between")
        .saw(0, &[tcp(ALICE, dut_as_host).build(), tcp(dut_as_host, ALICE).build()]);
    let (toml, plan) = capture.guess(&["eth0"], &[]);
    assert_eq!(
        shown(&plan),
        [
            "eth0-a 02:00:00:00:00:01 mtu 1500 [198.18.0.1/24]",
            "eth0-b 02:00:00:00:00:0a mtu 1500 [198.18.1.1/24]",
            "route 0.0.0.0/0 via 198.18.0.254",
            "route 198.51.100.8/32 via 198.18.1.254",
            "neighbour 198.18.0.254 02:00:00:00:00:0a",
            "neighbour 198.18.1.254 02:00:00:00:00:01",
        ]
    );
    assert!(toml.contains("a router is put between them"), "{toml}");
}

#[test]
fn each_vlan_of_the_device_is_a_device() {
    let capture = Capture::new("vlan").saw(
        0,
        &[
            arp_request(ALICE, DUT_LAN).vlan(100).build(),
            arp_reply(DUT_LAN, ALICE).vlan(100).build(),
            icmp_echo(ALICE, DUT_LAN).build(),
        ],
    );
    let (_, plan) = capture.guess(&["trunk"], &[]);
    let vlan = &plan.config.ports[0].vlans[0];
    assert_eq!((vlan.vid.get(), vlan.addresses[0].to_string().as_str()), (100, "198.51.100.1/24"));
}

#[test]
fn an_empty_capture_gives_a_scenario_that_says_what_is_made_up() {
    let (toml, plan) = Capture::new("empty").guess(&["eth0"], &[]);
    assert_eq!(shown(&plan), ["eth0 02:00:00:00:01:01 mtu 1500 [198.18.0.1/24]"]);
    assert!(toml.contains("made up: no frame here is from one station to another"), "{toml}");
}

#[test]
fn names_are_made_to_fit_and_said_names_must_fit() {
    for (called, name) in
        [("eth 0/1", "eth-0-1"), ("", "eth0"), ("\u{1b}[31m", "31m"), ("lo", "lo")]
    {
        let (toml, plan) = Capture::new("names").guess(&[called], &[]);
        assert_eq!(plan.config.ports[0].name, name);
        assert!(!toml.contains('\u{1b}'));
    }
    let (_, plan) = Capture::new("twice").guess(&["a", "a"], &[]);
    assert_eq!(plan.config.ports[1].name, "a-1");
    let capture = Capture::new("said-names");
    capture.guess(&["a"], &[]);
    let path = capture.dir.join("eth0.pcapng");
    let named = |name: &str| Source { port: Some(name.to_owned()), path: path.clone() };
    let wrong = |sources: &[Source]| scenario(sources, &[], Path::new("")).unwrap_err().to_string();
    assert_eq!(wrong(&[named("a b")]), "a port cannot be called \"a b\"");
    assert_eq!(wrong(&[named("a"), named("a")]), "two captures are for port a: name each once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_was_captured_the_guess_is_a_scenario(
        frames in prop::collection::vec(
            (0u32..3, any::<Option<bool>>(), fixtures::any_frame()),
            0..40,
        ),
        ours in prop::option::of(any::<[u8; 4]>()),
    ) {
        let mut capture = Capture::new("any");
        capture.frames = frames
            .into_iter()
            .map(|(i, out, f)| (i, out.map(|o| if o { Direction::Out } else { Direction::In }), f))
            .collect();
        let ours: Vec<Ours> = ours.into_iter().map(|ip| Ours::Ip(ip.into())).collect();
        capture.guess(&["a", "b", "far"], &ours);
        capture.frames.iter_mut().for_each(|f| f.0 = 0);
        capture.guess(&["far"], &ours);
    }
}
