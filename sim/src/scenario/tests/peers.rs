//! Peers: what they come to, and what is wrong with them.

use super::*;
use crate::plan::{AttackKind, PeerKind, Times};
use dataplane::{Instant, Mac, Nanos};
use std::net::Ipv4Addr;

/// The one complaint about a peer on lines 8 to 11 behind [`PORTS`], with `more` from line 12 on.
fn one(more: &str) -> String {
    why(&format!("{PORTS}{PEER}{more}"))
}

const PEER: &str = "[[peer]]\nname = 'bob'\nport = 'wan'\naddress = '192.0.2.9/24'\n";

#[test]
fn what_is_not_said_of_a_peer_has_the_documented_default() {
    let text = format!(
        "{PORTS}{PEER}ping = [{{ to = '198.51.100.7' }}]\n\
         udp_send = [{{ to = '198.51.100.7', port = 9 }}]\n\
         [[peer]]\nname = 'eve'\nkind = 'hostile'\nport = 'wan'\naddress = '192.0.2.66/24'\n\
         loss = '0.5%'\ndoes = [{{ what = 'teardrop' }}, {{ what = 'arp_liar' }}]\n"
    );
    let peers = parse(&text).unwrap().plan.peers;
    let once = Times { at: Instant::EPOCH, count: 1, every: Nanos::from_secs(1) };
    let PeerKind::Host(host) = &peers[0].kind else { panic!("{peers:?}") };
    assert_eq!((peers[0].mac, peers[0].loss, host.mtu), (Mac([2, 0, 0, 0, 2, 1]), 0, 1500));
    assert_eq!((host.pings[0].times, host.pings[0].size), (once, 56));
    assert_eq!((host.udp_sends[0].times, host.udp_sends[0].size), (once, 32));
    let PeerKind::Hostile(does) = &peers[1].kind else { panic!("{peers:?}") };
    assert_eq!((peers[1].mac, peers[1].loss), (Mac([2, 0, 0, 0, 2, 2]), 5_000));
    let own = Ipv4Addr::new(192, 0, 2, 1);
    assert_eq!((does[0].what, does[0].target), (AttackKind::Teardrop, own));
    assert_eq!(does[0].times, Times { every: Nanos::from_millis(1), ..once });
    assert_eq!((does[1].what, does[1].target), (AttackKind::ArpLiar, Ipv4Addr::UNSPECIFIED));
}

#[test]
fn mistakes_about_peers_point_at_their_place() {
    for (said, expected) in [
        (one("gateway = '198.51.100.1'"), "12:11: 198.51.100.1 is not on the subnet 192.0.2.0/24"),
        (one("does = [{ what = 'teardrop' }]"), "12:9: `does` belongs to hostile peers"),
        (
            one("[[peer]]\nname = 'rob'\nport = 'wan'\naddress = '192.0.2.9/24'"),
            "15:11: 192.0.2.9 is bob's on this link (expected another address)",
        ),
        (one("kind = 'hostile'"), "8:1: this hostile peer does nothing"),
        (
            one("udp_echo = 7\nudp_listen = 7"),
            "12:12: `udp_listen` and `udp_echo` are the same port",
        ),
        (one("tcp_listen = 0"), "12:14: tcp_listen is 0 (expected 1 to 65535)"),
        (one("mtu = 575"), "12:7: mtu is 575 (expected 576 to 9000)"),
        (one("vlan = 4095"), "12:8: vlan is 4095 (expected 1 to 4094)"),
        (one("loss = '1'"), "12:8: \"1\" is no share"),
        (
            one("ping = [{ to = '224.0.0.1' }]"),
            "12:16: 224.0.0.1 is no address of a host on a wire",
        ),
        (
            one("kind = 'hostile'\ndoes = [{ what = 'teardrp' }]"),
            "13:18: \"teardrp\" is nothing that a hostile peer does",
        ),
        (
            one("kind = 'hostile'\nmtu = 1500\ndoes = [{ what = 'overlap' }]"),
            "13:7: `mtu` belongs to hosts",
        ),
        (
            one("kind = 'hostile'\ndoes = [{ what = 'arp_liar', every = '1ms' }]"),
            "13:38: an arp_liar speaks when it hears a request",
        ),
        (one(PEER), "13:8: two peers are named `bob`"),
        (one(&PEER.replace("bob", "b b").replace(".9", ".8")), "13:8: `b b` is no name"),
        (one(&PEER.replace("bob", "eve").replace("wan", "won")), "14:8: there is no port `won`"),
        (
            one(&PEER.replace("bob", "eve").replace("192.0.2.9", "192.0.2.1")),
            "15:11: 192.0.2.1 is the box's own, on `wan`",
        ),
    ] {
        assert!(said.starts_with(expected), "{said}\n{expected}");
    }
}

#[test]
fn each_number_of_a_peer_holds_at_its_ends_and_refuses_one_over() {
    let tables = ["peer", "ping", "udp-send", "tcp-send", "attack"];
    let ranges = RANGES.iter().filter(|range| tables.contains(&range.table));
    let mut seen = 0;
    for Ranged { table, key, min, max } in ranges {
        let say = |n: u64| {
            let port = if *key == "port" { "" } else { "port = 9, " };
            let bytes = if *key == "bytes" { "" } else { "bytes = 9, " };
            let to = "to = '198.51.100.7'";
            let keys = match *table {
                "peer" => format!("{key} = {n}"),
                "ping" => format!("ping = [{{ {to}, {key} = {n} }}]"),
                "udp-send" => format!("udp_send = [{{ {to}, {port}{key} = {n} }}]"),
                "tcp-send" => format!("tcp_send = [{{ {to}, {port}{bytes}{key} = {n} }}]"),
                _ => format!("kind = 'hostile'\ndoes = [{{ what = 'overlap', {key} = {n} }}]"),
            };
            format!("{PORTS}{PEER}{keys}")
        };
        for good in [*min, *max] {
            parse(&say(good)).unwrap_or_else(|error| panic!("{error}"));
        }
        for bad in [min.checked_sub(1), Some(max + 1)].into_iter().flatten() {
            let expected = format!("{key} is {bad} (expected {min} to {max})");
            assert!(why(&say(bad)).ends_with(&expected), "{}\n{expected}", why(&say(bad)));
        }
        seen += 1;
    }
    assert_eq!(seen, 14);
}
