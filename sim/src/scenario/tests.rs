//! Scenarios in, plans or complaints out.

use super::*;
use crate::plan::{Command, Cost, PortPlan, Source};
use dataplane::config::{IftrafConfig, Limits, Policy, PortQueues};
use dataplane::control::{Hello, Order, Switch, Target};
use dataplane::job::{JobKind, Role};
use dataplane::msg::{Call, Priority};
use dataplane::{Config, Instant, LcoreId, PortId, QueueId};

mod mistakes;
mod peers;
mod tc;

/// Two ports, and nothing else that must be said.
const PORTS: &str = r#"
[[port]]
name = "lan"
addresses = ["198.51.100.1/24"]
[[port]]
name = "wan"
addresses = ["192.0.2.1/24"]
"#;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(text, "test.toml", Path::new(""), &Overrides::default())
}

fn plan(text: &str) -> Plan {
    parse(text).unwrap_or_else(|error| panic!("{error}")).plan
}

/// [`PORTS`], then `more`; before both, `top`.
fn plan_with(top: &str, more: &str) -> Plan {
    plan(&format!("{top}\n{PORTS}\n{more}"))
}

/// What is wrong with `text`, a line each, without the name of the file.
fn why(text: &str) -> String {
    parse(text).map(|s| s.plan).unwrap_err().to_string().replace("test.toml:", "")
}

#[test]
fn two_ports_are_enough_for_a_master_and_a_worker() {
    let plan = plan(PORTS);
    let config = &plan.config;
    assert_eq!(config.ports[1].mac.to_string(), "02:00:00:00:01:02");
    assert_eq!(
        (config.ports[0].mtu, config.ports[0].rx_queues, config.ports[0].tx_queues),
        (1500, 1, 1)
    );
    let roles: Vec<_> = config.lcores.iter().map(|l| (l.id, l.role)).collect();
    assert_eq!(roles, [(LcoreId(0), Role::Master), (LcoreId(1), Role::Worker)]);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.policy, Policy::default());
    assert_eq!(plan.ports, vec![PortPlan::Ring(Default::default()); 2]);
    assert_eq!((plan.config.seed, plan.until), (0, None));
}

#[test]
fn workers_share_each_port_by_rss() {
    let config = plan_with("workers = 3", "").config;
    assert_eq!((config.ports[1].rx_queues, config.ports[1].tx_queues), (3, 3));
    let third = &config.lcores[3];
    let own = |port| PortQueues { port: PortId(port), rx: vec![QueueId(2)], tx: vec![QueueId(2)] };
    assert_eq!((third.id, &third.queues), (LcoreId(3), &vec![own(0), own(1)]));
}

#[test]
fn queues_are_polled_in_the_order_in_which_they_are_written() {
    let config = plan_with(
        "",
        r#"
        [[lcore]]
        id = 0
        role = "master"
        [[lcore]]
        id = 5
        role = "worker"
        rx = { wan = [1, 0], lan = [0] }
        "#,
    )
    .config;
    let queues = &config.lcores[1].queues;
    assert_eq!(queues[0].port, PortId(1));
    assert_eq!(queues[0].rx, [QueueId(1), QueueId(0)]);
    assert_eq!(queues[1].port, PortId(0));
    // Nobody said `tx`: the only worker sends by queue 0 of every port.
    assert_eq!((&queues[0].tx, &queues[1].tx), (&vec![QueueId(0)], &vec![QueueId(0)]));
    assert_eq!((config.ports[1].rx_queues, config.ports[1].tx_queues), (2, 1));
}

#[test]
fn vlan_devices_follow_the_ports_and_can_be_named() {
    let plan = plan(
        r#"
        [[port]]
        name = "trunk"
        mtu = 9000
        [[port.vlan]]
        vid = 100
        addresses = ["198.51.100.1/24"]
        [[port.vlan]]
        vid = 200
        name = "servers"
        mac = "02:00:00:00:02:00"
        mtu = 1400
        addresses = ["203.0.113.1/24"]
        [[port]]
        name = "wan"
        addresses = ["192.0.2.1/24"]
        [[route]]
        to = "default"
        via = "203.0.113.9"
        [[neighbour]]
        dev = "trunk.100"
        address = "198.51.100.7"
        mac = "02:00:00:00:00:0a"
        "#,
    );
    let [first, second] = plan.config.ports[0].vlans.as_slice() else { panic!("two VLANs") };
    assert_eq!((first.name.as_str(), first.mac, first.mtu), ("trunk.100", None, None));
    assert_eq!((second.name.as_str(), second.mtu), ("servers", Some(1400)));
    assert_eq!(plan.config.routes[0].dev, PortId(3));
    assert_eq!(plan.config.neighbours[0].dev, PortId(2));
}

#[test]
fn a_neighbour_with_a_time_is_a_command_and_commands_come_in_order_of_time() {
    let plan = plan_with(
        "",
        r#"
        [[neighbour]]
        dev = "lan"
        address = "198.51.100.7"
        at = "9ms"
        delete = true
        [[neighbour]]
        dev = "lan"
        address = "198.51.100.7"
        mac = "02:00:00:00:00:0a"
        at = "5ms"
        "#,
    );
    assert!(plan.config.neighbours.is_empty());
    let adds = |order: &Order| matches!(order, Order::Neigh(change) if change.mac.is_some());
    let told: Vec<_> = plan.commands.iter().map(|c| (c.at.as_nanos(), adds(&c.what))).collect();
    assert_eq!(told, [(5_000_000, true), (9_000_000, false)]);
}

#[test]
fn greetings_are_commands_too_and_have_defaults() {
    let plan = plan_with(
        "workers = 2",
        r#"
        [[hello]]
        at = "5ms"
        to = "workers"
        call = "async"
        timeout = "1us"
        count = 3
        [[hello]]
        at = "1ms"
        to = 2
        [[neighbour]]
        dev = "lan"
        address = "198.51.100.7"
        mac = "02:00:00:00:00:0a"
        at = "2ms"
        "#,
    );
    let first = Hello { to: Target::Lcore(LcoreId(2)), call: Call::Sync, timeout: None, count: 1 };
    let timeout = Some(Nanos::from_micros(1));
    let last = Hello { to: Target::Workers, call: Call::Async, timeout, count: 3 };
    let told: Vec<_> = plan.commands.iter().map(|c| (c.at.as_nanos(), c.what.clone())).collect();
    let [(1_000_000, Order::Hello(a)), (2_000_000, Order::Neigh(_)), (5_000_000, Order::Hello(b))] =
        told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!((*a, *b), (first, last));
}

#[test]
fn messages_have_a_level_and_a_timeout() {
    for (word, level) in [
        ("ign", Priority::Ign),
        ("high", Priority::High),
        ("norm", Priority::Norm),
        ("low", Priority::Low),
    ] {
        let more = format!("[policy]\nmsg_priority_level = '{word}'\nmsg_timeout = '1us'");
        let policy = plan_with("profile = 'dpvs'", &more).config.policy;
        assert_eq!(policy.msg_priority_level, level);
        assert_eq!(policy.msg_timeout, Nanos::from_micros(1));
        assert!(policy.msg_late_execution && policy.msg_partial_multicast);
    }
}

#[test]
fn a_profile_and_then_single_switches() {
    let policy = plan_with(
        "profile = \"dpvs\"",
        r#"
        [policy]
        neigh_retransmit = true
        timer_interval = "1ms"
        icmp_rate_limit = { per_second = 100, burst = 10 }
        "#,
    )
    .config
    .policy;
    let expected = Policy {
        neigh_retransmit: true,
        timer_interval: Nanos::from_millis(1),
        icmp_rate_limit: Some(dataplane::config::RateLimit { per_second: 100, burst: 10 }),
        ..Policy::dpvs()
    };
    assert_eq!(policy, expected);
}

#[test]
fn every_switch_of_the_policy_can_be_set() {
    let schema: serde_json::Value = serde_json::from_str(&crate::scenario::schema()).unwrap();
    let keys: Vec<String> = find(&schema, "neigh_retransmit").unwrap().keys().cloned().collect();
    let shown = format!("{:?}", Policy::default());
    let inside = shown.trim_start_matches("Policy { ").trim_end_matches(" }");
    // What is in the braces of a field is no field.
    let mut depth = 0_i32;
    let mut fields: Vec<&str> = inside
        .split(", ")
        .filter(|part| {
            let outside = depth == 0;
            depth += i32::from(part.contains('{')) - i32::from(part.contains('}'));
            outside
        })
        .filter_map(|field| field.split_once(": "))
        .map(|f| f.0)
        .collect();
    fields.sort_unstable();
    assert_eq!(keys, fields);
}

/// The first object below `value` that has this key.
fn find<'a>(
    value: &'a serde_json::Value,
    key: &str,
) -> Option<&'a serde_json::Map<String, serde_json::Value>> {
    match value {
        serde_json::Value::Object(map) if map.contains_key(key) => Some(map),
        serde_json::Value::Object(map) => map.values().find_map(|value| find(value, key)),
        serde_json::Value::Array(values) => values.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

#[test]
fn a_cost_that_is_not_given_stays() {
    let costs = plan_with("", "[costs]\nrecv_fwd = { idle = \"0.1us\" }").costs;
    assert_eq!(costs.0[JobKind::RecvFwd.index()], Cost { idle: 100, per_item: 150 });
    assert_eq!(costs.0[JobKind::Xmit.index()], Cost { idle: 10, per_item: 40 });
}

#[test]
fn frames_arrive_in_order_of_their_times() {
    let plan = plan_with(
        "",
        r#"
        [[input]]
        port = "wan"
        frames = [
            { at = "2ms", hex = "ff" },
            { at = "1ms", hex = "02:00 0000" },
        ]
        "#,
    );
    let Source::Frames(frames) = &plan.inputs[0].source else { panic!("frames") };
    assert_eq!(plan.inputs[0].port, PortId(1));
    let shown: Vec<_> = frames.iter().map(|(at, b)| (at.as_nanos(), b.as_slice())).collect();
    assert_eq!(shown, [(1_000_000, &[2, 0, 0, 0][..]), (2_000_000, &[0xff][..])]);
}

#[test]
fn the_command_line_goes_before_the_file() {
    let text = format!("seed = 1\nuntil = \"1s\"\nsnapped = \"pad\"\n{PORTS}");
    let overrides = Overrides {
        seed: Some(2),
        until: Some(Nanos::from_secs(2)),
        snapped: Some(Snapped::Drop),
        ..Overrides::default()
    };
    let plan = Scenario::parse(&text, "f", Path::new(""), &overrides).unwrap().plan;
    assert_eq!((plan.config.seed, plan.until), (2, Some(Nanos::from_secs(2))));
    assert_eq!(plan.snapped, Snapped::Drop);
}

#[test]
fn a_null_port_may_receive_without_end_if_the_run_ends() {
    let text = "[[port]]\nname = \"n\"\nkind = \"null\"\nrx_frame_len = 64\n";
    assert!(why(text).contains("receives without end"));
    assert!(parse(&format!("until = \"1ms\"\n{text}")).is_ok());
    let overrides = Overrides { until: Some(Nanos::from_secs(1)), ..Overrides::default() };
    assert!(Scenario::parse(text, "f", Path::new(""), &overrides).is_ok());
}

#[test]
fn traffic_statistics_are_off_on_or_switched_on_the_way() {
    assert_eq!(plan(PORTS).config.iftraf, IftrafConfig::default());
    let of = |text: &str| plan_with("", &format!("[iftraf]\n{text}"));
    assert_eq!(of("").config.iftraf, IftrafConfig { on: true, ..IftrafConfig::default() });
    let plan = of("on = false\nevery = 1\nslot = '10ms'\n[[iftraf.switch]]\nat = '1ms'\non = true");
    let slot = Nanos::from_millis(10);
    assert_eq!(plan.config.iftraf, IftrafConfig { on: false, every: 1, slot });
    let at = Instant::from_nanos(1_000_000);
    assert_eq!(plan.commands, [Command { at, what: Order::Iftraf(Switch::Enable) }]);
    let bad = |text: &str| why(&format!("{PORTS}[iftraf]\n{text}"));
    assert_eq!(bad("slot = '1us'"), "9:8: slot is 1us (expected 1ms to 3600s)");
    assert_eq!(bad("every = 0"), "9:9: every is 0 (expected 1 to 1048576)");
    assert!(bad("[[iftraf.switch]]\nat = '1s'").ends_with("the key `on` is missing"));
}

#[test]
fn a_plan_passes_the_dataplanes_own_check() {
    for text in [PORTS.to_owned(), format!("workers = 16\n{PORTS}")] {
        let config: Config = plan(&text).config;
        assert_eq!(config.check(), Ok(()));
    }
}

#[test]
fn the_examples_parse() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let scenario = Scenario::load(&path, &Overrides::default());
            scenario.unwrap_or_else(|error| panic!("{error}"));
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} examples in {}", dir.display());
}

#[test]
fn the_schema_in_the_repository_is_the_one_that_the_types_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenario.schema.json");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == schema(), "docs/scenario.schema.json is old: run `cargo x schema`");
}

#[test]
fn the_schema_knows_every_fault() {
    let pattern = format!("\"^({}):.+$\"", crate::fault::Fault::WORDS.join("|"));
    assert!(schema().contains(&pattern), "{pattern}");
}

#[test]
fn the_schema_knows_every_range_and_no_null() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    for range in RANGES {
        let pointer = match range.table {
            "scenario" => format!("/properties/{}", range.key),
            table => format!("/definitions/{table}/properties/{}", range.key),
        };
        let property = schema.pointer(&pointer).unwrap_or_else(|| panic!("no {pointer}"));
        assert_eq!(property["minimum"], range.min, "{pointer}");
        assert_eq!(property["maximum"], range.max, "{pointer}");
    }
    assert!(!schema.to_string().contains("\"null\"]"));
}
