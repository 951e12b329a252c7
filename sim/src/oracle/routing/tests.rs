use super::*;
use crate::engine::tests::plans::dut;
use crate::oracle::egress::Came;
use crate::oracle::frame::UNTAGGED;
use crate::oracle::identity::Birth;
use dataplane::QueueId;
use dataplane::config::{Config, RouteConfig};
use dataplane::control::LinkSetting;
use dataplane::types::DeviceName;
use fixtures::{ALICE, BOB, GW, udp};

const LAN: PortId = PortId(0);
const WAN: PortId = PortId(1);

/// A default route by GW, and one that fits better and takes less.
fn config() -> Config {
    let mut config = dut(1).config;
    let route = |to: &str, via, mtu| RouteConfig { to: to.parse().unwrap(), via, dev: WAN, mtu };
    config.routes = vec![
        route("0.0.0.0/0", Some(GW.ip), None),
        route("203.0.113.0/24", Some(BOB.ip), Some(1000)),
    ];
    config
}

/// A datagram for 203.0.113.7 of so many bytes, and what is known of it.
fn packet(number: u64, len: usize) -> (Vec<u8>, Life) {
    let bytes = udp(ALICE, BOB).len(len - 28).dst_ip([203, 0, 113, 7]).build();
    let frame = Frame::read(&bytes).unwrap();
    let mut life = Life::of(PacketId(number), Birth::Wire(LAN, QueueId(0)));
    life.entry = Some((LAN, QueueId(0)));
    life.came = Came::of(&frame, frame.ipv4().as_ref());
    assert_eq!(frame.vid, UNTAGGED);
    (bytes, life)
}

fn leaves(routing: &Routing, port: PortId, number: u64, len: usize) -> Result<(), String> {
    let (bytes, life) = packet(number, len);
    let frame = Frame::read(&bytes).unwrap();
    routing.leaves(&life, port, (&frame, &frame.ipv4().unwrap())).map(drop)
}

fn over(routing: &mut Routing, order: u64, refused: Option<Refused>, newest: u64) {
    let outcome = Outcome { order, refused, at: None, entries: None };
    routing.event(&Event::Outcome(outcome), PacketId(newest));
}

#[test]
fn a_packet_leaves_by_the_longest_prefix_and_is_no_longer_than_its_route_takes() {
    let routing = Routing::new(&config());
    assert_eq!(leaves(&routing, WAN, 1, 1000), Ok(()));
    let wrong = leaves(&routing, WAN, 1, 1001).unwrap_err();
    assert_eq!(wrong, "leaves for 203.0.113.7 with 1001 bytes, and its route takes 1000");
    let wrong = leaves(&routing, LAN, 1, 1000).unwrap_err();
    assert_eq!(wrong, "leaves for 203.0.113.7, and not by wan, as its route says");
    let (_, life) = packet(1, 1000);
    assert_eq!(routing.waits(&life, BOB.ip), Ok(()));
    let wrong = routing.waits(&life, GW.ip).unwrap_err();
    assert_eq!(
        wrong,
        "waits for 192.0.2.254, and 192.0.2.9 is the next address on the way to 203.0.113.7"
    );
    assert_eq!(routing.too_long(&packet(1, 1001).1), Ok(()));
    let wrong = routing.too_long(&life).unwrap_err();
    assert_eq!(
        wrong,
        "is too long for its way to 203.0.113.7 with 1000 bytes, and its route takes 1000"
    );
}

#[test]
fn an_order_counts_when_it_is_over_for_what_comes_then() {
    let mut routing = Routing::new(&config());
    let dev = DeviceName::try_new("wan").unwrap();
    let order = Order::Link { dev, set: LinkSetting::Mtu(900) };
    routing.told(1, &order, PacketId(4));
    assert_eq!(leaves(&routing, WAN, 5, 1001), Ok(()), "nobody knows who follows already");
    over(&mut routing, 1, None, 6);
    assert_eq!(leaves(&routing, WAN, 6, 1001), Ok(()), "it came before");
    let wrong = leaves(&routing, WAN, 7, 901).unwrap_err();
    assert_eq!(wrong, "leaves for 203.0.113.7 with 901 bytes, and its route takes 900");
    assert_eq!(leaves(&routing, WAN, 7, 900), Ok(()));

    let to = "203.0.113.0/24".parse().unwrap();
    routing.told(2, &Order::RouteDel { to, via: None, dev: None }, PacketId(8));
    over(&mut routing, 2, Some(Refused::RouteAbsent), 8);
    assert!(leaves(&routing, WAN, 9, 901).is_err(), "nothing has changed");
    routing.told(3, &Order::RouteFlush(None), PacketId(9));
    over(&mut routing, 3, Some(Refused::Message(dataplane::msg::Code::Full)), 9);
    assert_eq!(leaves(&routing, WAN, 10, 901), Ok(()), "a worker may not have undone it yet");
    routing.told(4, &Order::RouteFlush(None), PacketId(10));
    over(&mut routing, 4, None, 10);
    let wrong = leaves(&routing, WAN, 11, 100).unwrap_err();
    assert_eq!(wrong, "leaves for 203.0.113.7, to which there is no route");
}

#[test]
fn a_connected_route_goes_with_the_last_of_its_addresses() {
    let mut table = Table::new(&Config { routes: vec![], ..dut(1).config });
    let dev = DeviceName::try_new("wan").unwrap();
    let net = "192.0.2.200/24".parse().unwrap();
    table.make(&Order::AddressAdd { dev, net, valid: None });
    let first = dut(1).config.ports[1].addresses[0].addr();
    table.make(&Order::AddressDel { dev, address: first });
    assert_eq!(table.way(BOB.ip).map(|hop| (hop.dev, hop.next)), Some((WAN, BOB.ip)));
    table.make(&Order::AddressFlush(dev));
    assert_eq!(table.way(BOB.ip), None);
}

#[test]
fn a_device_that_comes_and_goes_takes_its_routes_along() {
    let mut table = Table::new(&Config { routes: vec![], ..dut(1).config });
    let [port, name] = ["wan", "wan.7"].map(|name| DeviceName::try_new(name).unwrap());
    let vid = dataplane::VlanId::try_new(7).unwrap();
    table.came(PortId(9), name);
    table.make(&Order::VlanAdd { port, vid, name });
    assert_eq!(table.device(WAN, 7), Some(PortId(9)));
    let net = "10.7.0.1/16".parse().unwrap();
    table.make(&Order::AddressAdd { dev: name, net, valid: None });
    let (to, via) = ("10.8.0.0/16".parse().unwrap(), Some("10.7.0.2".parse().unwrap()));
    table.make(&Order::RouteAdd { to, via, dev: None, mtu: None });
    let way = table.way("10.8.1.1".parse().unwrap()).map(|hop| (hop.dev, Some(hop.next)));
    assert_eq!(way, Some((PortId(9), via)));
    table.make(&Order::VlanDel(name));
    assert_eq!(table.way("10.7.1.1".parse().unwrap()), None);
    assert_eq!(table.device(WAN, 7), None);
}
