//! Every mistake points at its place, and says what was expected.

use super::*;

/// The one complaint about [`PORTS`] (lines 2 to 7) with `more` behind it (from line 8 on).
fn one(more: &str) -> String {
    why(&format!("{PORTS}{more}"))
}

// Defect B83.
#[test]
fn syntax_and_types_point_at_the_value() {
    for (text, expected) in [
        ("seed = ", "1:8: string values must be quoted (expected literal string)"),
        (
            "[[port]]\nnam = 'x'",
            "2:1: unknown key `nam` (expected one of `name`, `kind`, `mac`, `mtu`, `addresses`, `wire`, `rx`, `rx_frame_len`, `rx_queues`, `tx_queues`, `kni`, `vlan`); did you mean `name`?",
        ),
        ("[[port]]\nmtu = 1500", "1:1: the key `name` is missing"),
        (
            "[port]\nname = 'x'",
            "1:1: [port] is one table (expected [[port]]: there can be several)",
        ),
        (
            "[[port]]\nname = 'x'\nmtu = '1500'",
            "3:7: invalid type: string \"1500\" (expected a whole number, 0 or more)",
        ),
        (
            "[[port]]\nname = 'x'\nmtu = -1",
            "3:7: invalid value: integer `-1` (expected a whole number, 0 or more)",
        ),
        (
            "[[port]]\nname = 'x'\naddresses = '192.0.2.1/24'",
            "3:13: invalid type: string \"192.0.2.1/24\" (expected a list, in brackets)",
        ),
        (
            "[[port]]\nname = 'x'\nkind = 'rng'",
            "3:8: unknown variant `rng` (expected one of `ring`, `pcap`, `null`); did you mean `ring`?",
        ),
        ("[[port]]\nname = 'x'\nname = 'y'", "3:1: duplicate key"),
        (
            "until = 10",
            "1:9: invalid type: integer `10` (expected a duration with its unit, such as \"250us\", \"1.5ms\", \"10s\" or \"1h\")",
        ),
        (
            "until = '10'",
            "1:9: \"10\" has no unit (expected a duration with its unit, such as \"250us\", \"1.5ms\", \"10s\" or \"1h\")",
        ),
        (
            "seed = 'xyz'",
            "1:8: \"xyz\" is no seed (expected a whole number from 0 to 18446744073709551615, or a git commit hash of 7 to 40 hexadecimal digits)",
        ),
        (
            "seed = -1",
            "1:8: invalid value: integer `-1` (expected a whole number from 0 to 18446744073709551615, or a git commit hash of 7 to 40 hexadecimal digits)",
        ),
        (
            "profile = 'dpdk'",
            "1:11: unknown variant `dpdk` (expected `lockstep` or `dpvs`); did you mean `dpvs`?",
        ),
        ("[policy]\nforwarding = 1", "2:14: invalid type: integer `1` (expected true or false)"),
    ] {
        assert_eq!(why(text), expected, "{text}");
    }
}

// B15
#[test]
fn devices_have_names_and_addresses_of_their_own() {
    assert_eq!(why(""), "1:1: there is no port (expected at least one [[port]])");
    assert_eq!(
        one("[[port]]\nname = 'lan'"),
        "9:8: two devices are named `lan` (expected another name)"
    );
    assert_eq!(
        one("[[port]]\nname = 'dmz'\naddresses = ['203.0.113.1/24', '192.0.2.1/30']"),
        "10:32: 192.0.2.1 is on `wan` and on `dmz` (expected an address of its own)"
    );
    assert_eq!(
        one("[[port]]\nname = 'dmz'\naddresses = ['203.0.113.1/24', '203.0.113.1/25']"),
        "10:32: 203.0.113.1 is twice on `dmz` (expected an address of its own)"
    );
    for (address, why) in [
        ("203.0.113.0/24", "the number of the subnet 203.0.113.0/24 itself"),
        ("203.0.113.255/24", "the broadcast address of 203.0.113.255/24"),
        ("127.0.0.1/8", "an address that may not be on a wire"),
        ("224.0.0.5/24", "no unicast address"),
    ] {
        let ip = address.split('/').next().unwrap_or_default();
        assert_eq!(
            one(&format!("[[port]]\nname = 'dmz'\naddresses = ['{address}']")),
            format!("10:14: {ip} is {why} (expected a host's)")
        );
    }
    assert_eq!(
        one("[[port]]\nname = 'd z'"),
        "9:8: `d z` is no name (1 to 32 letters, digits, `-`, `_`, `.`)"
    );
    assert_eq!(
        one("[[port]]\nname = 'dmz'\nmac = '01:00:5e:00:00:01'"),
        "10:7: 01:00:5e:00:00:01 is no unicast address (expected an address whose first octet \
         is even, not all zeros)"
    );
}

#[test]
fn vlans_are_within_their_port() {
    let vlan = |text: &str| one(&format!("[[port]]\nname = 't'\n[[port.vlan]]\n{text}"));
    assert_eq!(vlan("vid = 4095"), "11:7: vid is 4095 (expected 1 to 4094)");
    assert_eq!(
        vlan("vid = 1\nmtu = 1501"),
        "12:7: mtu is 1501, and that of port t is 1500 (expected at most 1500)"
    );
    assert_eq!(
        vlan("vid = 1\n[[port.vlan]]\nvid = 1"),
        "13:7: port t has VLAN 1 twice (expected another VLAN)"
    );
    assert_eq!(
        vlan("vid = 1\nname = 'wan'"),
        "12:8: two devices are named `wan` (expected another name)"
    );
}

#[test]
fn what_belongs_to_another_kind_of_port_is_refused() {
    assert_eq!(
        one("[[port]]\nname = 'n'\nkind = 'null'\nwire = { rate = '1G' }\nrx = 'a.pcap'"),
        "11:8: `wire` belongs to ports of kind \"ring\"; say kind = \"ring\", or take it away\n\
         12:6: `rx` belongs to ports of kind \"pcap\"; say kind = \"pcap\", or take it away"
    );
    assert_eq!(
        one("rx_frame_len = 64"),
        "8:16: `rx_frame_len` belongs to ports of kind \"null\"; say kind = \"null\", or take it \
         away"
    );
    let missing = why("[[port]]\nname = 'p'\nkind = 'pcap'\nrx = 'nowhere.pcap'");
    assert!(missing.starts_with("4:6: the capture nowhere.pcap cannot be read: "), "{missing}");
}

// B18
#[test]
fn lcores_are_one_master_and_some_workers() {
    let lcores = |text: &str| why(&format!("{PORTS}{text}").replace('\'', "\""));
    let worker = "[[lcore]]\nid = 1\nrole = 'worker'\nrx = { lan = [0], wan = [0] }\n";
    let master = "[[lcore]]\nid = 0\nrole = 'master'\n";
    assert_eq!(
        lcores(worker),
        "8:1: no lcore is the master; add [[lcore]] id = 0, role = \"master\": it runs the \
         control plane"
    );
    assert_eq!(
        lcores(master),
        "8:1: no lcore is a worker; add an [[lcore]] with role = \"worker\": nobody would receive"
    );
    assert_eq!(
        lcores(&format!("{master}{worker}{}", master.replace('0', "2"))),
        "17:8: a second master (expected exactly one)"
    );
    assert_eq!(
        lcores(&format!("{master}{worker}{}", "[[lcore]]\nid = 1\nrole = 'idle'")),
        "16:6: lcore 1 is there twice (expected another number)"
    );
    assert_eq!(
        lcores(&format!("{master}rx = {{ lan = [1] }}\n{worker}")),
        "11:6: lcore 0 is master, so it cannot own queues (expected on workers only)"
    );
    assert_eq!(
        lcores(&format!("{master}{worker}[[lcore]]\nid = 2\nrole = 'worker'\nrx = {{ lan = [] }}")),
        "17:8: lcore 2 is a worker without ports (a worker owns queues); add rx = { PORT = [0] }, \
         or make it role = \"idle\""
    );
    assert_eq!(
        why(&format!("workers = 2\n{PORTS}{master}{worker}").replace('\'', "\"")),
        "1:11: `workers` and [[lcore]] are both there; `workers` stands for a whole set of \
         lcores: keep one of them"
    );
}

#[test]
fn an_isolated_queue_has_a_worker_and_a_poller() {
    let isol = |queues: &str| {
        one(&format!(
            "[[lcore]]\nid = 0\nrole = 'master'\n[[lcore]]\nid = 1\nrole = 'worker'\n\
             rx = {{ lan = [0], wan = [0] }}\n[[lcore]]\nid = 2\nrole = 'isol_rx'\n{queues}\n"
        ))
    };
    assert_eq!(
        isol(""),
        "17:8: lcore 2 polls no receive queue; add rx = { PORT = [0] }: a queue that a worker owns"
    );
    assert_eq!(
        isol("tx = { lan = [1] }\nrx = { lan = [0] }").lines().last(),
        Some("18:6: lcore 2 is isol_rx, so it transmits nothing (expected rx only)")
    );
    assert_eq!(
        isol("rx = { lan = [1] }"),
        "18:15: rx queue 1 of port lan belongs to no worker; a worker owns what lcore 2 polls for it"
    );
    assert_eq!(
        isol("rx = { lan = [0] }\n[[lcore]]\nid = 3\nrole = 'isol_rx'\nrx = { lan = [0] }"),
        "22:15: rx queue 0 of lan is polled by lcores 2 and 3 (expected one owner for each queue)"
    );
}

// B53
#[test]
fn one_worker_takes_the_echoes_and_nobody_else_does() {
    let lcores = |text: &str| {
        one(&format!(
            "[[lcore]]\nid = 0\nrole = 'master'\n[[lcore]]\nid = 1\nrole = 'worker'\n\
             rx = {{ lan = [0], wan = [0] }}\n{text}\n"
        ))
    };
    for role in ["master", "isol_rx", "kni", "idle"] {
        let said = lcores(&format!("[[lcore]]\nid = 2\nrole = '{role}'\nicmp_redirect = true"));
        let said = said.lines().last().unwrap_or_default();
        assert_eq!(
            said,
            "18:17: lcore 2 is no worker, so it cannot take echoes (expected on one worker); \
             nobody would drain the ring, and every ping be lost",
            "{role}"
        );
    }
    assert_eq!(
        lcores(
            "icmp_redirect = true\n[[lcore]]\nid = 2\nrole = 'worker'\nrx = { lan = [1], wan = [1] }\n\
             icmp_redirect = true"
        ),
        "20:17: lcores 1 and 2 both take the echoes of all (expected on one worker)"
    );
    let plan = plan(&format!(
        "{PORTS}[[lcore]]\nid = 0\nrole = 'master'\nicmp_redirect = false\n[[lcore]]\nid = 4\n\
         role = 'worker'\nrx = {{ lan = [0], wan = [0] }}\nicmp_redirect = true"
    ));
    assert_eq!(plan.config.icmp_redirect_core, Some(LcoreId(4)));
}

#[test]
fn each_queue_has_one_owner_and_no_number_is_left_out() {
    let queues = |rx: &str, tx: &str| {
        one(&format!(
            "[[lcore]]\nid = 0\nrole = 'master'\n[[lcore]]\nid = 1\nrole = 'worker'\n\
             rx = {{ {rx} }}\ntx = {{ {tx} }}\n"
        ))
    };
    let both = "lan = [0], wan = [0]";
    assert_eq!(
        queues("lan = [0, 2]", both),
        "14:18: rx queue 1 of port lan belongs to no lcore; queues are numbered from 0 without \
         gaps, each with an owner"
    );
    assert_eq!(
        queues("lan = [0, 0]", both),
        "14:18: lcore 1 has rx queue 0 of lan twice (expected one owner for each queue)"
    );
    assert_eq!(
        queues("lan = [0]", "lan = [0]"),
        "15:6: lcore 1 has no tx queue on port wan (expected one on every port); what it forwards \
         there would be lost"
    );
    assert_eq!(queues("lan = [16]", both), "14:15: rx queue 16 (expected 0 to 15)");
    assert_eq!(
        queues("lam = [0]", both),
        "14:8: there is no port `lam` (expected one of `lan` and `wan`); did you mean `lan`?"
    );
    assert_eq!(
        why(&format!("workers = 2\n{PORTS}").replacen("name", "rx_queues = 3\nname", 1)),
        "4:13: rx queue 2 of port lan belongs to no lcore; queues are numbered from 0 without \
         gaps, each with an owner"
    );
    assert_eq!(
        why(&format!("workers = 2\n{PORTS}").replacen("name", "tx_queues = 1\nname", 1)),
        "1:11: tx queue 1 of port lan does not exist (tx_queues = 1)"
    );
}

#[test]
fn routes_lead_to_neighbours() {
    let route = |text: &str| one(&format!("[[route]]\nto = 'default'\n{text}"));
    assert_eq!(
        route("via = '203.0.113.9'\ndev = 'wan'"),
        "10:7: gateway 203.0.113.9 is on no subnet of wan (expected within 192.0.2.0/24)"
    );
    assert_eq!(
        route("via = '203.0.113.9'"),
        "10:7: gateway 203.0.113.9 is on no subnet of any device (expected a neighbour)"
    );
    assert_eq!(
        route("via = '192.0.2.1'"),
        "10:7: gateway 192.0.2.1 is our own address, on wan (expected a neighbour's)"
    );
    assert_eq!(
        route(""),
        "8:1: this route has neither `dev` nor `via`; dev = \"lan\" when it is on the link, \
         via = \"192.0.2.9\" else"
    );
    assert_eq!(
        route("dev = 'wan'\n[[route]]\nto = '0.0.0.0/0'\ndev = 'wan'"),
        "12:6: the route to 0.0.0.0/0 on wan is there twice (expected another destination)"
    );
    assert_eq!(route("dev = 'wan'\nmtu = 67"), "11:7: mtu is 67 (expected 68 to 9000)");
    assert_eq!(
        one("[[route]]\nto = '203.0.113.1/24'\ndev = 'wan'"),
        "9:6: 203.0.113.1/24 has bits set behind its prefix (expected 203.0.113.0/24)"
    );
}

// B11
#[test]
fn nothing_is_sent_to_a_kernel_side_but_what_its_device_received() {
    let kernel = "[port.kni]\n";
    for table in [
        "[[route]]\nto = '10.0.0.0/8'\ndev = 'wan.kni'",
        "[[neighbour]]\naddress = '192.0.2.9'\nmac = '02:00:00:00:00:0b'\ndev = 'wan.kni'",
    ] {
        let said = one(&format!("{kernel}{table}"));
        assert!(
            said.ends_with("wan.kni is the kernel side of wan (expected a device: `wan`)"),
            "{said}"
        );
    }
}

#[test]
fn neighbours_are_others() {
    let neighbour = |text: &str| one(&format!("[[neighbour]]\ndev = 'lan'\n{text}"));
    let alice = "address = '198.51.100.7'\n";
    let mac = "mac = '02:00:00:00:00:0a'\n";
    assert_eq!(neighbour(alice), "8:1: the key `mac` is missing");
    assert_eq!(
        neighbour(&format!("{alice}delete = true")),
        "11:10: before the first tick there is nothing to delete; say when: at = \"5ms\""
    );
    assert_eq!(
        neighbour(&format!("{alice}{mac}at = '1ms'\ndelete = true")),
        "11:7: a neighbour that goes needs no mac; take `mac` away, or `delete`"
    );
    assert_eq!(
        neighbour(&format!("address = '192.0.2.1'\n{mac}")),
        "10:11: 192.0.2.1 is our own address (expected a neighbour's)"
    );
    assert_eq!(
        neighbour(&format!("{alice}{mac}[[neighbour]]\ndev = 'lan'\n{alice}{mac}")),
        "14:11: neighbour 198.51.100.7 is there twice (expected once on each device)"
    );
    for bad in ["ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"] {
        assert_eq!(
            neighbour(&format!("{alice}mac = '{bad}'")),
            format!("11:7: {bad} is no unicast address (expected a host's)")
        );
    }
}

#[test]
fn inputs_arrive_at_ring_ports() {
    let input = |text: &str| one(&format!("[[input]]\nport = 'lan'\n{text}"));
    assert_eq!(
        input(""),
        "8:1: this input brings nothing; add capture = \"FILE\", or frames = [{ at = …, hex = … }]"
    );
    assert_eq!(
        input("timing = 'scaled=0'\nframes = []"),
        "10:10: a factor of 0 leaves no time at all (expected a factor such as 0.5, 2 or 1/3)"
    );
    assert_eq!(
        input("timing = 'gap=1us'\nframes = []"),
        "10:10: `timing` is for captures: spelled out frames say their time"
    );
    let missing = parse(&format!("{PORTS}[[input]]\nport = 'lan'\ncapture = 'x'")).unwrap_err();
    assert!(missing.is_unreadable_input());
    assert_eq!((missing.problems[0].line, missing.problems[0].column), (10, 11));
    assert_eq!(
        why("[[port]]\nname = 'n'\nkind = 'null'\n[[input]]\nport = 'n'\nframes = []"),
        "5:8: port n is of kind \"null\" and has no wire (expected a ring port); its frames come \
         by `rx_frame_len` of the [[port]]"
    );
    assert_eq!(
        input("frames = [{ at = '0s', hex = '0' }]"),
        "10:30: 1 digits make no whole bytes (expected the bytes of a frame in hexadecimal digits; \
         blanks and colons may part them)"
    );
}

#[test]
fn a_loop_that_costs_nothing_would_stop_time() {
    let free = |jobs: &[&str]| {
        let idle: Vec<String> = jobs.iter().map(|job| format!("{job}.idle = '0'")).collect();
        one(&format!("[costs]\n{}", idle.join("\n")))
    };
    assert_eq!(
        free(&["qsch_sched", "recv_fwd", "xmit", "timer_manage", "msg_slave_job"]),
        "9:19: an idle turn of a worker costs nothing: time would stand still; give idle of \
         qsch_sched or recv_fwd or xmit or timer_manage or msg_slave_job at least 1ns"
    );
    let master = ["timer_manage", "kni_master_proc", "msg_master_job", "sockopt_job", "neigh_sync"];
    assert_eq!(
        free(&[&["cfgfile_reload", "iftraf_ring_proc"], &master[..]].concat()),
        "9:23: an idle turn of a master costs nothing: time would stand still; give idle of \
         cfgfile_reload or timer_manage or kni_master_proc or msg_master_job or sockopt_job or \
         neigh_sync or iftraf_ring_proc at least 1ns"
    );
    assert_eq!(one("[costs]\nxmit.idle = '2s'"), "9:13: idle is 2s (expected 0s to 1s)");
}

#[test]
fn messages_go_to_lcores_that_take_them() {
    let hello = |line: &str| one(&format!("[[hello]]\nat = '1ms'\n{line}"));
    for (line, expected) in [
        ("to = 7", "10:6: there is no lcore 7 (expected the master, a worker, or \"workers\")"),
        (
            "to = 'worker'",
            "10:6: \"worker\" is no target (expected the number of an lcore, or \"workers\")",
        ),
        ("to = 64", "10:6: \"64\" is no target (expected the number of an lcore, or \"workers\")"),
        ("to = 1\ncount = 0", "11:9: count is 0 (expected 1 to 65535)"),
        ("to = 1\ncount = 65536", "11:9: count is 65536 (expected 1 to 65535)"),
        ("to = 1\ntimeout = '999ns'", "11:11: timeout is 999ns (expected 1us to 60s)"),
        ("to = 1\ntimeout = '61s'", "11:11: timeout is 61s (expected 1us to 60s)"),
        ("count = 2", "8:1: the key `to` is missing"),
    ] {
        assert_eq!(hello(line), expected);
    }
    let idle = "[[lcore]]\nid = 0\nrole = 'master'\n[[lcore]]\nid = 1\nrole = 'worker'\n\
                rx = { lan = [0], wan = [0] }\n[[lcore]]\nid = 2\nrole = 'idle'\n";
    assert_eq!(
        one(&format!("{idle}[[hello]]\nat = '1ms'\nto = 2")),
        "20:6: lcore 2 is idle, which takes no messages \
         (expected the master, a worker, or \"workers\")"
    );
}

#[test]
fn policies_have_ranges() {
    for (line, expected) in [
        ("neigh_sync_skip = 0", "9:19: neigh_sync_skip is 0 (expected 1 to 4294967295)"),
        ("default_ttl = 256", "9:15: default_ttl is 256 (expected 1 to 255)"),
        ("timer_interval = '999ns'", "9:18: timer_interval is 999ns (expected 1us to 10s)"),
        ("timer_interval = '11s'", "9:18: timer_interval is 11s (expected 1us to 10s)"),
        (
            "neigh_reachable = '1h1ns'",
            "9:19: neigh_reachable is 3600000000001ns (expected 1s to 3600s)",
        ),
        ("msg_timeout = '999ns'", "9:15: msg_timeout is 999ns (expected 1us to 60s)"),
        ("msg_timeout = '61s'", "9:15: msg_timeout is 61s (expected 1us to 60s)"),
        ("neigh_jitter = '11s'", "9:16: neigh_jitter is 11s (expected 0s to 10s)"),
    ] {
        assert_eq!(one(&format!("[policy]\n{line}")), expected);
    }
}

#[test]
fn each_limit_holds_at_its_ends_and_refuses_one_over() {
    for range in RANGES.iter().filter(|r| r.table == "limits") {
        let say = |n: u64| format!("{PORTS}[limits]\n{} = {n}", range.key);
        for good in [range.min, range.max] {
            parse(&say(good)).unwrap_or_else(|error| panic!("{error}"));
        }
        for bad in [range.min - 1, range.max + 1] {
            let Ranged { key, min, max, .. } = range;
            let column = key.len() + 4;
            let expected = format!("9:{column}: {key} is {bad} (expected {min} to {max})");
            assert_eq!(why(&say(bad)), expected);
        }
    }
}

#[test]
fn the_sixteenth_worker_and_the_thirty_second_port_are_the_last() {
    assert!(parse(&format!("workers = 16\n{PORTS}")).is_ok());
    assert_eq!(why(&format!("workers = 17\n{PORTS}")), "1:11: workers is 17 (expected 1 to 16)");
    let ports =
        |n: usize| (0..n).fold(String::new(), |s, i| s + &format!("[[port]]\nname='p{i}'\n"));
    assert!(parse(&ports(32)).is_ok());
    assert_eq!(why(&ports(33)), "65:1: 33 ports (expected at most 32)");
    for (mtu, good) in [(67, false), (68, true), (9000, true), (9001, false)] {
        assert_eq!(parse(&format!("[[port]]\nname = 'p'\nmtu = {mtu}")).is_ok(), good, "{mtu}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let text = format!(
        "workers = 0\n{PORTS}mtu = 1\n[[route]]\nto = 'default'\ndev = 'wam'\n[limits]\npool = 1"
    );
    assert_eq!(
        why(&text),
        "1:11: workers is 0 (expected 1 to 16)\n\
         9:7: mtu is 1 (expected 68 to 9000)\n\
         12:7: there is no device `wam` (expected one of `lan` and `wan`); did you mean `wan`?\n\
         14:8: pool is 1 (expected 64 to 1048575)"
    );
}

#[test]
fn a_file_that_is_no_text_is_refused_with_its_place() {
    let dir = std::env::temp_dir().join(format!("lockstep-scenario-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("bad.toml");
    std::fs::write(&path, b"seed = 1\n\xd4\xc3\xb2\xa1").unwrap();
    let error = Scenario::load(&path, &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains("bad.toml:2:1: this is no UTF-8 text"), "{error}");
    let missing = Scenario::load(&dir.join("none.toml"), &Overrides::default()).unwrap_err();
    assert!(matches!(missing, LoadError::Unreadable { .. }));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn faults_are_words_about_what_is_there() {
    let of = |faults: &str| why(&format!("faults = {faults}\n{PORTS}"));
    assert_eq!(
        of("['lose:lam:3']"),
        "1:11: fault lose:lam:3: there is no port `lam`; ports with a wire: lan, wan"
    );
    assert_eq!(
        of("['alloc:1', 'stall:7@1ms=1us']"),
        "1:22: fault stall:7@1ms=1us: there is no lcore 7; lcores: 0, 1"
    );
    assert_eq!(
        of("['dup:lan']"),
        "1:11: \"dup:lan\" is no fault (expected dup:PORT:N, such as dup:lan:3)"
    );
    let overrides = Overrides { faults: vec!["tx:2".parse().unwrap()], ..Overrides::default() };
    let text = format!("faults = ['alloc:1', 'down:lan@1ms=2ms']\n{PORTS}");
    let plan = Scenario::parse(&text, "f", Path::new(""), &overrides).unwrap().plan;
    let faults: Vec<_> = plan.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["alloc:1", "down:lan@1ms=2ms", "tx:2"]);
}
