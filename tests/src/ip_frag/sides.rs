//! The two that put fragments together: our table, and librte_ip_frag. Each gets the same packets at
//! the same times, and says after each what datagram has become whole, if one has.
//!
//! Both own what they are given; at the end every buffer has come back.

use dataplane::config::{Config, PortConfig};
use dataplane::counters::Counters;
use dataplane::device::Devices;
use dataplane::env::Env;
use dataplane::heap::{HeapBuf, HeapWorld};
use dataplane::icmp::ErrorLimit;
use dataplane::ipv4::Datagram;
use dataplane::ipv4::reassembly::{Reassembler, reassemble};
use dataplane::netif::{Class, Origin};
use dataplane::path::{Next, Step};
use dataplane::rng::Rng;
use dataplane::timer::TimerWheel;
use dataplane::wire::ipv4::{View, check_options};
use dataplane::{Buf, Instant, LcoreId, Mac, Nanos, PortId, QueueId, World};
use dpdk::{Eal, FragTable, Pool};
use etherparse::checksum::Sum16BitWords;
use fixtures::DUT_LAN;

/// A fragment, and when it comes, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: u64,
    /// From its IPv4 header on; what is behind it in its frame is still there.
    pub packet: Vec<u8>,
}

impl Arrival {
    /// The IPv4 packet in a frame, if it is one that `ipv4::input` would take and a fragment.
    pub fn of(at: u64, frame: &[u8]) -> Option<Arrival> {
        let mut rest = frame.get(12..)?;
        while let [0x81 | 0x88, 0x00 | 0xa8, _, _, behind @ ..] = rest {
            rest = behind;
        }
        let packet = rest.strip_prefix(&[8, 0])?;
        let view = View::new(packet).ok()?;
        let options = check_options(&packet[20..view.header_len()]);
        let sound = view.checksum_ok() && options.is_ok_and(|seen| !seen.source_route);
        (sound && view.is_fragment()).then(|| Arrival { at, packet: packet.to_vec() })
    }
}

/// What both are told.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How long a datagram is waited for, in nanoseconds.
    pub age: u64,
    /// Datagrams of which fragments may be held.
    pub datagrams: u32,
}

/// After each arrival, the datagram that it completed: from its IPv4 header on, with a header
/// checksum of 0.
pub type Made = Vec<Option<Vec<u8>>>;

/// What our table makes of them. The header checksum of each datagram is right.
pub fn ours(setup: Setup, arrivals: &[Arrival]) -> Made {
    let config = config(setup);
    let (devices, mut world) = (Devices::new(&config), HeapWorld::new(&config));
    let (mut table, mut limit) = (Reassembler::default(), ErrorLimit::default());
    let (mut counters, mut timers) = (Counters::default(), TimerWheel::new());
    let (mut rng, mut next) = (Rng::new(0), Next::default());
    let mut made = Vec::new();
    for arrival in arrivals {
        let now = Instant::EPOCH + Nanos::new(arrival.at);
        world.set(now, LcoreId(1));
        let datagram = received(&mut world, &arrival.packet);
        let mut env = Env {
            world: &mut world,
            counters: &mut counters,
            timers: &mut timers,
            rng: &mut rng,
            devices: &devices,
            policy: &config.policy,
            limits: &config.limits,
            peers: &[],
            icmp_redirect_core: None,
            planted: config.planted,
            now,
        };
        reassemble(&mut table, &mut limit, datagram, &mut env, &mut next);
        made.push(match next.pop() {
            Some(Step::LocalIn(whole)) => {
                let mut bytes = all(&whole.buf);
                world.free(whole.buf);
                let header = usize::from(bytes[0] & 15) * 4;
                let sum = Sum16BitWords::new().add_slice(&bytes[..header]).ones_complement();
                assert_eq!(sum, 0, "the header checksum is right");
                bytes[10..12].fill(0);
                Some(bytes)
            }
            Some(other) => panic!("reassembly pushed {other:?}"),
            None => None,
        });
    }
    table.release(&mut world);
    assert_eq!(world.in_use(), 0, "every buffer came back");
    made
}

fn received(world: &mut HeapWorld, packet: &[u8]) -> Datagram<HeapBuf> {
    let (port, queue) = (PortId(0), QueueId(0));
    world.receive(port, queue, packet).unwrap();
    let mut burst = Vec::new();
    world.rx_burst(port, queue, &mut burst, 1);
    let mut buf = burst.pop().unwrap();
    let total_len = View::new(packet).unwrap().total_len();
    buf.truncate(total_len.into()).unwrap();
    Datagram { buf, from: Origin::new(port, Class::Host) }
}

fn config(setup: Setup) -> Config {
    let port = PortConfig {
        name: "lan".into(),
        mac: Mac(DUT_LAN.mac),
        mtu: 1500,
        addresses: vec![],
        rx_queues: 1,
        tx_queues: 1,
        vlans: vec![],
    };
    let mut config = Config { ports: vec![port], ..Config::default() };
    config.policy.reassembly_timeout = Nanos::new(setup.age);
    config.policy.reassembly_icmp = false;
    // Only the number of datagrams is limited in both.
    config.limits.reasm_datagrams = setup.datagrams;
    config.limits.reasm_fragments = 1 << 20;
    config.limits.reasm_bytes = 1 << 30;
    config.limits.pool = 1 << 24;
    config
}

/// What librte_ip_frag makes of them.
pub fn theirs(setup: Setup, arrivals: &[Arrival]) -> Made {
    dpdk::on_eal_thread(|eal| theirs_here(eal, setup, arrivals)).unwrap()
}

fn theirs_here(eal: Eal, setup: Setup, arrivals: &[Arrival]) -> Made {
    let segments: usize = arrivals.iter().map(|a| HeapBuf::segments_for(a.packet.len())).sum();
    let pool = Pool::new(eal, u32::try_from(segments).unwrap().max(1)).unwrap();
    let mut table = FragTable::new(eal, setup.datagrams, setup.age).unwrap();
    let mut made = Vec::new();
    for Arrival { at, packet } in arrivals {
        let mut buf = pool.alloc().unwrap();
        buf.extend(packet, &pool).unwrap();
        let header = u16::from(packet[0] & 15) * 4;
        let whole = table.join(buf, 0, header, *at).map(|whole| all(&whole));
        if let Some(whole) = &whole {
            assert_eq!(whole[10..12], [0, 0], "the checksum is left to the card");
        }
        made.push(whole);
    }
    drop(table);
    assert!(pool.is_full(), "every buffer came back");
    made
}

fn all(buf: &impl Buf) -> Vec<u8> {
    buf.slices().collect::<Vec<_>>().concat()
}
