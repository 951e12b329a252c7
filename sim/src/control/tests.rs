use super::*;
use crate::engine::{self, Conduct, Driver, Outcome, Steered, Then};
use crate::fabric::HeapFabric;
use crate::plan::{Backend, Pace};
use crate::report;
use crate::run::{RunError, simulate};
use crate::scenario::{Overrides, Scenario};
use dataplane::PortId;
use dataplane::control::Order;
use dataplane::tc::{
    ClsConfig, Handle, Kind, Match, QschConfig, Tbf, TcChange, TokenRate, Verb as TcVerb, Verdict,
};
use fixtures::{ALICE, BOB, udp};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;

fn names() -> Names {
    let devices = ["lan", "wan", "lan.100"].map(str::to_owned).to_vec();
    let shaped = ["lan", "wan"].map(str::to_owned).into_iter().zip((0..).map(PortId)).collect();
    Names { devices, shaped, lcores: [0, 1, 2].map(dataplane::LcoreId).to_vec() }
}

/// Lines that are orders, in the words in which they are told again.
const ORDERS: [&str; 26] = [
    "addr add 198.51.100.2/24 dev lan",
    "addr add 198.51.100.2/24 dev lan valid_lft 5s",
    "addr del 198.51.100.2 dev lan",
    "addr flush dev lan.100",
    "addr show",
    "addr show dev wan",
    "route add 10.0.0.0/8 via 192.0.2.9",
    "route add default via 192.0.2.9 dev wan mtu 1400",
    "route add 10.0.0.0/8 dev wan",
    "route del default",
    "route del 10.0.0.0/8 via 192.0.2.9 dev wan",
    "route flush",
    "route show dev lan",
    "neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev wan",
    "neigh del 192.0.2.9 dev wan",
    "neigh show",
    "vlan add dev lan id 7 name lan.7",
    "vlan del lan.100",
    "vlan show",
    "link set lan forward2kni on",
    "link set lan.100 mtu 1400",
    "link show dev lan",
    "stats show",
    "stats show lcore 2",
    "hello workers async timeout 5us count 3",
    "hello 2 sync",
];

#[test]
fn an_order_is_told_in_the_words_in_which_it_is_given() {
    for line in ORDERS {
        match parse(line, &names()) {
            Ok(Verb::Order(order)) => assert_eq!(words(&order, &names().devices), line),
            other => panic!("{line}: {other:?}"),
        }
    }
}

// Defect B102.
#[test]
fn other_words_for_the_same_are_taken_too() {
    for (line, same) in [
        ("  addr  add 198.51.100.2/24\tvalid_lft 5 dev lan ", ORDERS[1]),
        ("addr add 198.51.100.2/24 dev lan valid_lft forever preferred_lft 3", ORDERS[0]),
        // DPVS's parser knows only this spelling, and its help only the other (defect B102).
        ("addr add 198.51.100.2/24 dev lan prefered_lft forever", ORDERS[0]),
        ("addr del 198.51.100.2/24 dev lan", ORDERS[2]),
        ("vlan add link lan id 7", ORDERS[16]),
        ("vlan del dev lan id 100", ORDERS[17]),
        ("link set dev lan forward2kni on", ORDERS[19]),
        ("link show -s lan", ORDERS[21]),
        ("hello 2", ORDERS[25]),
    ] {
        assert_eq!(parse(line, &names()), parse(same, &names()), "{line}");
    }
}

/// Lines that are no orders.
const WRONG: [&str; 24] = [
    "",
    "rout add default",
    "route",
    "route ad 10.0.0.0/8 via 192.0.2.9",
    "route add 10.0.0.0/33 via 192.0.2.9",
    "route add 10.0.0.1/8 via 192.0.2.9",
    "route add 10.0.0.0/8 via 192.0.2",
    "route add 10.0.0.0/8",
    "route add 10.0.0.0/8 via 192.0.2.9 via 192.0.2.9",
    "route add 10.0.0.0/8 via 192.0.2.9 mtu 67",
    "route add 10.0.0.0/8 dev lam",
    "addr add 198.51.100.2 dev lan",
    "addr add 198.51.100.2/24 dev lan valid_lft 0s",
    "addr del 198.51.100.2/24",
    "neigh add 192.0.2.9 dev wan lladdr 2:0:0:0:0:9",
    "vlan add dev lan id 4095",
    "vlan add dev lan id 7 name a/b",
    "vlan del dev lan id 7",
    "link set lan promisc on",
    "link set lan forward2kni yes",
    "stats show lcore 9",
    "hello workers count 0",
    "addr show dev lan now",
    "äddr show",
];

#[test]
fn what_is_no_order_is_refused_with_its_column_and_what_was_expected() {
    let mut said = String::new();
    for line in WRONG {
        let error = parse(line, &names()).unwrap_err();
        let _ = writeln!(said, "{line}\n  {error}");
    }
    insta::assert_snapshot!(said, @r#"
      column 1: the line ends here, expected `addr`, `route`, `neigh`, `vlan`, `link`, `qsch`, `cls`, `stats`, `iftraf`, `hello` or `reload`
    rout add default
      column 1: `rout` is not known here, expected `addr`, `route`, `neigh`, `vlan`, `link`, `qsch`, `cls`, `stats`, `iftraf`, `hello` or `reload`; did you mean `route`?
    route
      column 6: the line ends here, expected `add`, `del`, `flush` or `show`
    route ad 10.0.0.0/8 via 192.0.2.9
      column 7: `ad` is not known here, expected `add`, `del`, `flush` or `show`; did you mean `add`?
    route add 10.0.0.0/33 via 192.0.2.9
      column 11: "10.0.0.0/33" is no destination, expected a prefix, such as `10.0.0.0/8`, or `default`
    route add 10.0.0.1/8 via 192.0.2.9
      column 11: 10.0.0.1/8 has bits set behind its prefix, expected a prefix, such as `10.0.0.0/8`, or `default`
    route add 10.0.0.0/8 via 192.0.2
      column 26: "192.0.2" is no IPv4 address, expected a gateway's IPv4 address
    route add 10.0.0.0/8
      column 21: the line ends here, expected `via` and a gateway, or `dev` and a device
    route add 10.0.0.0/8 via 192.0.2.9 via 192.0.2.9
      column 36: `via` is there twice, expected it once
    route add 10.0.0.0/8 via 192.0.2.9 mtu 67
      column 40: `67` is out of range, expected an MTU in bytes from 68 to 9000
    route add 10.0.0.0/8 dev lam
      column 26: there is no device `lam`, expected `lan`, `wan` or `lan.100`; did you mean `lan`?
    addr add 198.51.100.2 dev lan
      column 10: 198.51.100.2 lacks its prefix length, expected an address with its prefix length
    addr add 198.51.100.2/24 dev lan valid_lft 0s
      column 44: `0s` is out of range, expected 1s to 49d, or `forever`
    addr del 198.51.100.2/24
      column 25: the line ends here, expected `dev` and a device
    neigh add 192.0.2.9 dev wan lladdr 2:0:0:0:0:9
      column 36: "2:0:0:0:0:9" is no Ethernet address, expected an Ethernet address
    vlan add dev lan id 4095
      column 21: `4095` is out of range, expected a VLAN id from 1 to 4094
    vlan add dev lan id 7 name a/b
      column 28: `a/b` is no name for a device, expected 1 to 32 letters, digits, `-`, `_` or `.`
    vlan del dev lan id 7
      column 10: there is no device `lan.7`, expected `lan`, `wan` or `lan.100`; did you mean `lan`?
    link set lan promisc on
      column 14: `promisc` is not known here, expected `forward2kni` or `mtu`; a port takes every frame that its wire brings, so it would do nothing
    link set lan forward2kni yes
      column 26: `yes` is not known here, expected `on` or `off`
    stats show lcore 9
      column 18: no lcore `9` takes messages, expected `0`, `1` or `2`
    hello workers count 0
      column 21: `0` is out of range, expected how many from 1 to 65535
    addr show dev lan now
      column 19: `now` is not known here, expected `dev`
    äddr show
      column 1: `äddr` is not known here, expected `addr`, `route`, `neigh`, `vlan`, `link`, `qsch`, `cls`, `stats`, `iftraf`, `hello` or `reload`; did you mean `addr`?
    "#);
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic_and_each_error_points_into_its_line(
        picks in proptest::collection::vec((0..ORDERS.len(), 0..6usize, ".{0,6}"), 0..8)
    ) {
        let mut line = String::new();
        for (order, word, noise) in picks {
            line += ORDERS[order].split(' ').nth(word).unwrap_or(&noise);
            line.push(' ');
        }
        match parse(&line, &names()) {
            Ok(Verb::Order(order)) => {
                let again = parse(&words(&order, &names().devices), &names());
                prop_assert_eq!(again, Ok(Verb::Order(order)));
            }
            Ok(Verb::Reload(_)) => {}
            Err(error) => prop_assert!(line.get(error.span.clone()).is_some(), "{error:?}"),
        }
    }
}

/// A router with two workers, and a packet to BOB every 100 us for 20 ms.
fn scenario() -> String {
    let hex: String = udp(ALICE, BOB).build().iter().map(|byte| format!("{byte:02x}")).collect();
    let frames: Vec<String> =
        (0..200).map(|n| format!("{{ at = \"{}us\", hex = \"{hex}\" }}", n * 100)).collect();
    format!(
        r#"
        workers = 2
        [[port]]
        name = "lan"
        addresses = ["198.51.100.1/24"]
        mac = "02:00:00:00:00:01"
        [[port]]
        name = "wan"
        addresses = ["192.0.2.1/24"]
        [[neighbour]]
        dev = "wan"
        address = "192.0.2.9"
        mac = "02:00:00:00:00:0b"
        [[input]]
        port = "lan"
        frames = [{}]
        [[control]]
        at = "5ms"
        do = "route add 10.9.0.0/16 via 192.0.2.77"
        "#,
        frames.join(", ")
    )
}

/// Somebody who says the same at each run.
struct Script<'a> {
    lines: &'a [&'a str],
    session: Session,
    said: String,
}

impl Driver for Script<'_> {
    fn drive(&mut self, run: &mut dyn Steered) -> Result<Then, RunError> {
        for line in self.lines {
            let (reply, then) = self.session.line(line, run)?;
            let _ = writeln!(self.said, "> {line}\n{}", reply.text);
            if let Some(then) = then {
                return Ok(then);
            }
        }
        Ok(Then::End)
    }
}

fn load(text: &str) -> Scenario {
    Scenario::parse(text, "box.toml", Path::new("."), &Overrides::default()).unwrap()
}

/// Steers a run of this text: what it came to, what was said, and the scenario of the same run.
fn steered(text: &str, lines: &[&str], pace: Pace) -> (Outcome, String, String) {
    let plan = load(text).plan;
    let session = Session::new(&plan, ".".into(), Overrides::default());
    let mut script = Script { lines, session, said: String::new() };
    let conduct = Conduct { pace, driver: Some(&mut script), ..Conduct::default() };
    let (outcome, ()) = engine::run(&plan, conduct, &mut HeapFabric::new(), ()).unwrap();
    assert!(outcome.broken.is_empty(), "{:?}", outcome.broken);
    let again = script.session.recorded().scenario(text, outcome.end);
    (outcome, script.said, again)
}

const TALK: [&str; 20] = [
    "status",
    "route add 203.0.113.0/24 via 192.0.2.9",
    "step 7",
    "addr add 198.51.100.2/24 dev lan valid_lft 1s",
    "run 1ms",
    "route del 203.0.113.0/24",
    "route del 203.0.113.0/24",
    "until 5ms",
    "vlan add dev wan id 7",
    "addr add 10.7.0.1/16 dev wan.7",
    "neigh add 10.7.0.9 dev wan.7 lladdr 02:00:00:00:00:07",
    "neigh show dev wan",
    "until 6ms",
    "until 5ms",
    "step x",
    "vlan del wan.7",
    "link set wan mtu 600",
    "run 30ms",
    "addr show dev lan",
    "route show",
];

#[test]
fn a_steered_run_is_that_of_the_scenario_that_it_leaves() {
    let text = scenario();
    for (lines, end) in [(&TALK[..], "quit"), (&TALK[..], "finish"), (&TALK[..3], "quit")] {
        let lines: Vec<&str> = lines.iter().copied().chain([end]).collect();
        let (skipped, said, again) = steered(&text, &lines, Pace::Skip);
        let plan = load(&again).plan;
        let (plain, ()) = simulate(&plan, Backend::Heap, Pace::Skip, ()).unwrap();
        assert_eq!(plain.digests, skipped.digests, "{end}\n{said}");
        assert_eq!((plain.end, plain.ended), (skipped.end, skipped.ended), "{end}");
        assert_eq!(plain.lcores, skipped.lcores);
        let report = |outcome| report::text("box", &plan, outcome);
        assert_eq!(report(&plain), report(&skipped), "{end}");
    }
}

#[test]
fn a_steered_run_is_the_same_stepped_but_for_the_events_that_are_counted() {
    let text = scenario();
    // `step` counts events, of which there are more when idle ticks are stepped.
    let lines: Vec<&str> =
        TALK.into_iter().filter(|l| !l.starts_with("step") && *l != "status").collect();
    let (skipped, _, first) = steered(&text, &lines, Pace::Skip);
    let (stepped, _, second) = steered(&text, &lines, Pace::Step);
    assert_eq!(skipped.digests, stepped.digests);
    assert_eq!(first, second, "orders are given at the same times");
}

#[test]
fn a_client_hears_what_came_of_its_words() {
    let lines: Vec<&str> = TALK.into_iter().chain(["link show", "help me", "quit"]).collect();
    let (_, said, _) = steered(&scenario(), &lines, Pace::Skip);
    insta::assert_snapshot!(said, @"
    > status
    at 0.000000000 after 0 events; next at 0.000000000
    > route add 203.0.113.0/24 via 192.0.2.9
    done
    > step 7
    at 0.000300001 after 18 events, 1 packet held; next at 0.000300040
    > addr add 198.51.100.2/24 dev lan valid_lft 1s
    done
    > run 1ms
    at 0.001302111 after 55 events; next at 0.001400000
    > route del 203.0.113.0/24
    done
    > route del 203.0.113.0/24
    NOTEXIST: there is no route to exactly this prefix
    > until 5ms
    at 0.005000000 after 170 events; next at 0.005000000
    > vlan add dev wan id 7
    done
    > addr add 10.7.0.1/16 dev wan.7
    done
    > neigh add 10.7.0.9 dev wan.7 lladdr 02:00:00:00:00:07
    done
    > neigh show dev wan
    dev  address    lladdr             state   lcore  waiting
    wan  192.0.2.9  02:00:00:00:00:0b  static  1      0
    wan  192.0.2.9  02:00:00:00:00:0b  static  2      0
    > until 6ms
    at 0.006000000 after 224 events; next at 0.006000000
    > until 5ms
    it is 0.006000000 already: time does not run back
    > step x
    `x` is no number of events: `step 100`
    > vlan del wan.7
    done
    > link set wan mtu 600
    done
    > run 30ms
    at 0.036004701 after 654 events; next at 1.001000050
    > addr show dev lan
    dev  address          valid_lft    on
    lan  198.51.100.1/24  forever      all lcores
    lan  198.51.100.2/24  964295260ns  all lcores
    > route show
    to               via         dev  mtu   origin
    10.9.0.0/16      192.0.2.77  wan  600   static
    192.0.2.0/24     -           wan  600   connected
    198.51.100.0/24  -           lan  1500  connected
    > link show
    dev  mac                mtu   forward2kni  ipackets  ibytes  imissed  opackets  obytes
    lan  02:00:00:00:00:01  1500  -            200       14800   0        0         0
    wan  02:00:00:00:01:02  600   -            0         0       0        200       14800
    > help me
    `help` takes nothing more
    > quit
    the run ends at 0.036009371
    ");
}

#[test]
fn the_time_of_a_scenario_is_its_end_for_whoever_steers_it() {
    let text = format!("until = \"2ms\"\n{}", scenario());
    let lines = ["run 1s", "route show dev lan", "run 1ms", "quit"];
    let (outcome, said, again) = steered(&text, &lines, Pace::Skip);
    assert_eq!(outcome.end.as_nanos(), 2_000_000);
    assert!(said.contains("it is at its end"), "{said}");
    assert!(said.contains("the run is at its end (`until`)"), "{said}");
    assert_eq!(load(&again).plan.commands.len(), 1, "what was not given is not recorded");
}

#[test]
fn orders_that_are_recorded_keep_the_scenario_as_it_was_written() {
    let mut recorded = record::Recorded::default();
    let at = dataplane::Instant::from_nanos(1_500);
    recorded.order(at, "route flush".to_owned());
    let read = crate::plan::ReloadFile { file: "a \"b\".toml".to_owned(), xxh3_64: None };
    recorded.reload(at, read);
    let text = "# mine\nuntil = \"1s\" # soon\n[[port]]\nname = \"lan\"";
    insta::assert_snapshot!(recorded.scenario(text, dataplane::Instant::from_nanos(9)), @r#"
    # mine
    until = "9ns" # soon
    [[port]]
    name = "lan"

    # Given while the run was steered.

    [[control]]
    at = "1500ns"
    do = "route flush"

    [[reload]]
    at = "1500ns"
    file = "a \"b\".toml"
    "#);
    assert!(recorded.scenario("# mine\n", at).starts_with("until = \"1500ns\"\n# mine\n"));
}

#[test]
fn an_order_in_a_scenario_is_pointed_into_when_it_is_wrong() {
    let wrong = |words: &str| {
        let text = format!("[[port]]\nname = \"lan\"\n[[control]]\nat = \"1s\"\ndo = {words}\n");
        let parsed = Scenario::parse(&text, "s.toml", Path::new("."), &Overrides::default());
        let said = parsed.unwrap_err().to_string();
        said.split([';', '(']).next().unwrap_or_default().trim_end().to_owned()
    };
    assert_eq!(wrong("\"route flush dev lam\""), "s.toml:5:23: there is no device `lam`");
    assert_eq!(wrong("\"\\troute fl\""), "s.toml:5:6: `fl` is not known here");
    assert_eq!(wrong("\"route\""), "s.toml:5:12: the line ends here");
    assert_eq!(wrong("\"reload x.toml\""), "s.toml:5:6: this is no order in a scenario");
}

#[test]
fn an_order_may_name_a_vlan_device_that_an_earlier_one_adds() {
    let text = "[[port]]\nname = \"lan\"\n\
        [[control]]\nat = \"2s\"\ndo = \"addr add 10.0.0.1/24 dev lan.7\"\n\
        [[control]]\nat = \"1s\"\ndo = \"vlan add dev lan id 7\"\n";
    let plan = load(text).plan;
    let told: Vec<&'static str> = plan.commands.iter().map(|c| c.what.name()).collect();
    assert_eq!(told, ["vlan_add", "address_add"]);
    assert!(matches!(plan.commands[1].what, Order::AddressAdd { .. }));
}

/// What a line says of traffic control.
fn shaping(line: &str) -> TcChange {
    match parse(line, &names()) {
        Ok(Verb::Order(Order::Tc(change))) => change,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn traffic_control_is_told_in_the_words_of_dpip() {
    let rate = TokenRate { bits: 8_000_000, burst: 10_000 };
    let dev = PortId(1);
    let top = |kind| QschConfig { dev, handle: Handle::ROOT, parent: Handle::NONE, kind };
    // 20 ms of a million bytes a second, and the burst: as Linux computes it.
    let tbf = Kind::Tbf(Tbf { rate, peak: None, limit: 30_000 });
    assert_eq!(
        shaping("qsch add dev wan root tbf rate 8M burst 10000 latency 20ms"),
        TcChange::Qsch(TcVerb::Add, top(tbf))
    );
    // As much as may wait; one more is refused.
    assert_eq!(
        shaping("qsch add dev wan tbf rate 8M burst 9000 latency 4294958295us"),
        shaping("qsch add dev wan tbf rate 8M burst 9000 limit 4294967295")
    );
    assert_eq!(
        shaping("qsch replace dev wan pfifo limit 7"),
        TcChange::Qsch(TcVerb::Replace, top(Kind::Pfifo { limit: 7 }))
    );
    let (one, kind) = (Handle::new(1, 0), Kind::Bfifo { limit: 3000 });
    assert_eq!(
        shaping("qsch add parent root handle 1: dev wan bfifo limit 3000"),
        TcChange::Qsch(TcVerb::Add, QschConfig { dev, handle: one, parent: Handle::ROOT, kind })
    );
    let gone = TcChange::DeleteQsch { dev, handle: Handle::INGRESS };
    assert_eq!(shaping("qsch del dev wan ingress"), gone);
    let pattern =
        Match { protocol: Some(17), dport: Some(dataplane::tc::Range(53, 53)), ..Match::default() };
    let (qsch, handle, verdict) = (Handle::ROOT, Handle::NONE, Verdict::To(one));
    assert_eq!(
        shaping("cls add dev wan proto udp dport 53 prio 9 target 1:"),
        TcChange::Cls(TcVerb::Add, ClsConfig { dev, qsch, handle, prio: 9, pattern, verdict })
    );
    let handle = Handle::new(0x8001, 0);
    let gone = TcChange::DeleteCls { dev, qsch, handle };
    assert_eq!(shaping("cls del dev wan handle 8001:"), gone);
}

#[test]
fn an_order_of_traffic_control_is_told_in_words_that_are_read_as_the_same() {
    for line in [
        "qsch add dev wan root tbf rate 8000000 burst 10000 limit 30000",
        "qsch change dev lan ingress tbf rate 8 burst 1 limit 1 peakrate 16 minburst 1514",
        "qsch replace dev wan handle 1: parent root bfifo limit 3000",
        "qsch add dev wan parent 1: pfifo_fast limit 7",
        "qsch del dev wan handle 1:2",
        "cls add dev wan qsch root prio 9 proto 17 dport 53 target 1:",
        "cls change dev wan qsch 1: handle 8001: prio 0 pkttype 0x0800 src 10.0.0.0-10.0.0.9 \
         dst 192.0.2.9 sport 7-19 oif wan drop",
        "cls del dev lan qsch ingress handle 8001:",
    ] {
        match parse(line, &names()) {
            Ok(Verb::Order(order)) => assert_eq!(words(&order, &names().devices), line),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn what_traffic_control_cannot_be_told_is_refused_with_its_column() {
    let refused = |line: &str| match parse(line, &names()) {
        Err(error) => format!("{line}\n  {error}"),
        Ok(order) => panic!("{line}: {order:?}"),
    };
    let lines = [
        "qsch",
        "qsch add",
        "qsch add dev wan",
        "qsch add dev lan.100 pfifo",
        "qsch add dev wan tbf rate 8M",
        "qsch add dev wan tbf rate 8 burst 0",
        "qsch add dev wan pfifo rate 8M",
        "qsch add dev wan tbf rate 8M burst 9000 limit 1 latency 1ms",
        "qsch add dev wan tbf rate 8M burst 9000 latency 4294958296us",
        "qsch add dev wan root root pfifo",
        "qsch add dev wan handle x pfifo",
        "qsch add dev wan tbf rate 8M burst 9000 peakrate 9M",
        "cls add dev wan proto udp",
        "cls add dev wan drop target 1:",
        "cls del dev wan",
        "cls show wan",
    ];
    insta::assert_snapshot!(lines.map(refused).join("\n"), @r#"
    qsch
      column 5: the line ends here, expected `add`, `change`, `replace`, `del` or `show`
    qsch add
      column 9: the line ends here, expected `dev` and a device
    qsch add dev wan
      column 17: the line ends here, expected `pfifo`, `bfifo`, `pfifo_fast` or `tbf`
    qsch add dev lan.100 pfifo
      column 14: `lan.100` was added on the way, expected a device of the configuration
    qsch add dev wan tbf rate 8M
      column 29: the line ends here, expected `burst` and bytes
    qsch add dev wan tbf rate 8 burst 0
      column 35: `0` is out of range, expected bytes from 1 to 4294967295
    qsch add dev wan pfifo rate 8M
      column 31: `rate`, `burst`, `latency` and `peakrate` are a tbf's
    qsch add dev wan tbf rate 8M burst 9000 limit 1 latency 1ms
      column 60: `limit` and `latency` both say what waits
    qsch add dev wan tbf rate 8M burst 9000 latency 4294958296us
      column 61: in 4294958296us come 4294967296 bytes, and 4294967295 may wait
    qsch add dev wan root root pfifo
      column 23: `root` is there twice, expected it once
    qsch add dev wan handle x pfifo
      column 25: "x" is no handle, expected a handle, such as `1:`
    qsch add dev wan tbf rate 8M burst 9000 peakrate 9M
      column 52: the line ends here, expected `minburst`
    cls add dev wan proto udp
      column 26: the line ends here, expected `target` or `drop`
    cls add dev wan drop target 1:
      column 22: `target` is there twice, expected it once
    cls del dev wan
      column 16: the line ends here, expected `handle` and a handle
    cls show wan
      column 10: `wan` is not known here, expected `dev`
    "#);
}
