use super::*;
use crate::config::{Config, PortConfig, RouteConfig};
use crate::netif::Class;
use crate::types::Mac;
use crate::wire::ipv4::{FragOffset, HEADER_LEN_MIN, Header, Protocol};

const LAN: PortId = PortId(0);
const WAN: PortId = PortId(1);
const LSRR: [u8; 8] = [131, 7, 4, 198, 51, 100, 9, 0];
const RECORD_ROUTE: [u8; 8] = [7, 7, 4, 0, 0, 0, 0, 0];
const MALFORMED: [u8; 4] = [7, 1, 4, 0];

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// The LAN has two subnets; behind 198.51.100.254 on it is 203.0.113.0/24.
fn config() -> Config {
    let port = |name: &str, addresses: &[&str]| PortConfig {
        name: name.into(),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        rx_queues: 1,
        tx_queues: 1,
        vlans: vec![],
    };
    let route = |to: &str, via: &str, dev| RouteConfig {
        to: to.parse().unwrap(),
        via: Some(ip(via)),
        dev,
        mtu: None,
    };
    Config {
        ports: vec![
            port("lan", &["198.51.100.1/25", "198.51.100.129/25"]),
            port("wan", &["192.0.2.1/24"]),
        ],
        routes: vec![
            route("203.0.113.0/24", "198.51.100.254", LAN),
            route("10.0.0.0/8", "192.0.2.254", WAN),
        ],
        ..Config::default()
    }
}

/// What a host is told that sends from `src` with these options to `dst`, by the LAN.
fn told(src: &str, dst: &str, options: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let config = config();
    let devices = Devices::new(&config);
    let hop = Routes::new(&config, &devices).output(ip(dst)).unwrap();
    let header = Header {
        src: ip(src),
        dst: ip(dst),
        protocol: Protocol::UDP,
        tos: 0,
        ttl: 63,
        total_len: 48,
        dont_fragment: false,
        id: 1,
        fragment_offset: FragOffset::ZERO,
        more_fragments: false,
    };
    let mut packet = [0; HEADER_LEN_MAX];
    header.emit_with_options(options, &mut packet);
    let from = Origin::new(LAN, Class::Host);
    due(&packet, from, hop, &devices).map(|advice| (advice.gateway, advice.from))
}

#[test]
fn a_host_is_told_when_its_packet_turns_round_on_its_own_subnet() {
    let told = |src, dst| told(src, dst, &[]);
    let gateway = ip("198.51.100.254");
    // From our address on the same subnet, whichever that is.
    assert_eq!(told("198.51.100.200", "203.0.113.5"), Some((gateway, ip("198.51.100.129"))));
    // Linux, capture 04c: who could have gone to the destination itself is told so.
    let near = ip("198.51.100.9");
    assert_eq!(told("198.51.100.7", "198.51.100.9"), Some((near, ip("198.51.100.1"))));
    assert_eq!(told("198.51.100.200", "192.0.2.9"), None, "it leaves by another device");
    assert_eq!(told("198.51.100.7", "203.0.113.5"), None, "the gateway is on another subnet");
    assert_eq!(told("10.77.0.5", "203.0.113.5"), None, "the sender is on no subnet of ours");
    assert_eq!(told("198.51.100.254", "203.0.113.5"), None, "the sender is the gateway");
    assert_eq!(told("198.51.100.129", "203.0.113.5"), None, "the sender is us");
}

#[test]
fn no_redirect_about_a_source_route_and_one_about_any_other_option() {
    let told = |options: &[u8]| told("198.51.100.200", "203.0.113.5", options).is_some();
    assert!(told(&[]));
    assert!(told(&RECORD_ROUTE));
    assert!(!told(&LSRR));
    assert!(!told(&MALFORMED), "who knows what it asks for");
}

/// What becomes of a redirect from `sender` that comes by the WAN and says that the way to `about`
/// is by `gateway`.
fn heard(sender: &str, about: &str, gateway: &str) -> Result<(Ipv4Addr, Ipv4Addr), DropReason> {
    believed(sender, &redirect(1, about, gateway))
}

fn redirect(code: u8, about: &str, gateway: &str) -> Vec<u8> {
    let mut message = vec![5, code, 0, 0];
    message.extend(ip(gateway).octets());
    let mut quoted = [0; HEADER_LEN_MIN + 8];
    quoted[0] = 0x45;
    quoted[12..16].copy_from_slice(&ip("192.0.2.1").octets());
    quoted[16..20].copy_from_slice(&ip(about).octets());
    message.extend(quoted);
    message
}

fn believed(sender: &str, message: &[u8]) -> Result<(Ipv4Addr, Ipv4Addr), DropReason> {
    let config = config();
    let devices = Devices::new(&config);
    let routes = Routes::new(&config, &devices);
    believable(message, ip(sender), WAN, &routes, &devices)
}

#[test]
fn a_redirect_is_believed_from_the_first_hop_to_a_neighbour_on_the_same_link() {
    // RFC 1122 §3.2.2.2.
    let right = Ok((ip("10.1.2.3"), ip("192.0.2.7")));
    assert_eq!(heard("192.0.2.254", "10.1.2.3", "192.0.2.7"), right);
    let source = Err(DropReason::IcmpRedirectSource);
    assert_eq!(heard("192.0.2.253", "10.1.2.3", "192.0.2.7"), source, "not the first hop");
    assert_eq!(heard("192.0.2.254", "192.0.2.77", "192.0.2.7"), source, "there is no hop");
    assert_eq!(heard("192.0.2.254", "172.16.0.1", "192.0.2.7"), source, "there is no route");
    assert_eq!(heard("198.51.100.254", "203.0.113.5", "192.0.2.7"), source, "by another link");
    let gateway = Err(DropReason::IcmpRedirectGateway);
    assert_eq!(heard("192.0.2.254", "10.1.2.3", "198.51.100.7"), gateway, "another link");
    assert_eq!(heard("192.0.2.254", "10.1.2.3", "172.16.0.1"), gateway, "no link of ours");
    assert_eq!(heard("192.0.2.254", "10.1.2.3", "192.0.2.1"), gateway, "ourselves");
    assert_eq!(heard("192.0.2.254", "10.1.2.3", "192.0.2.255"), gateway, "everybody");
}

#[test]
#[cfg_attr(miri, ignore = "minutes there")]
fn a_redirect_has_a_code_of_rfc_792_and_quotes_an_ipv4_header() {
    for code in 0..=u8::MAX {
        let said = believed("192.0.2.254", &redirect(code, "10.1.2.3", "192.0.2.7"));
        let expected = if code <= 3 { Ok(()) } else { Err(DropReason::IcmpRedirectCode) };
        assert_eq!(said.map(|_| ()), expected, "code {code}");
    }
    let whole = redirect(1, "10.1.2.3", "192.0.2.7");
    for len in 0..whole.len() {
        let expected = match len {
            ..8 => Err(DropReason::IcmpTruncated),
            8..28 => Err(DropReason::IcmpRedirectQuote),
            _ => Ok(()),
        };
        assert_eq!(believed("192.0.2.254", &whole[..len]).map(|_| ()), expected, "{len} bytes");
    }
    let mut six = whole;
    six[8] = 0x65;
    assert_eq!(believed("192.0.2.254", &six), Err(DropReason::IcmpRedirectQuote), "IPv6");
}
