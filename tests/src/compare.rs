//! `lockstep compare` on what was recorded of Linux routers: the page `docs/conformance.md` says for
//! each capture how many frames the router sent, how many of them leave the box too, and why the others
//! do not.

use crate::captures;
use crate::cli::repository;
use dataplane::Nanos;
use sim::compare::{Comparison, Deviation, SLACK, compare};
use sim::plan::Backend;
use sim::scenario::{CaptureArg, Overrides, Request};
use std::path::Path;

/// R between two networks, and what a case has beside it.
fn router(mtu: u16, known: bool, more: &str) -> String {
    let neighbour = |dev: &str, address: &str, mac: &str| {
        format!("[[neighbour]]\ndev = \"{dev}\"\naddress = \"{address}\"\nmac = \"{mac}\"\n")
    };
    let neighbours = match known {
        true => {
            neighbour("ra", "10.1.0.2", "02:00:00:00:0a:02")
                + &neighbour("rb", "10.2.0.2", "02:00:00:00:0b:02")
        }
        false => String::new(),
    };
    format!(
        "[[port]]\nname = \"ra\"\nmac = \"02:00:00:00:01:01\"\naddresses = [\"10.1.0.1/24\"]\n\
         [[port]]\nname = \"rb\"\nmac = \"02:00:00:00:02:01\"\naddresses = [\"10.2.0.1/24\"]\n\
         mtu = {mtu}\n{neighbours}{more}"
    )
}

/// R with one interface, and a nearer gateway for two networks.
fn one_armed(more: &str) -> String {
    let route = |to: &str| format!("[[route]]\nto = \"{to}\"\nvia = \"10.5.0.2\"\n");
    let routes = route("10.9.0.0/24") + &route("10.9.1.0/24");
    format!(
        "[[port]]\nname = \"r0\"\nmac = \"02:00:00:00:05:01\"\naddresses = [\"10.5.0.1/24\"]\n\
         {routes}{more}"
    )
}

fn compared(scenario: String, captures: &[(&str, std::path::PathBuf)]) -> Comparison {
    let capture = |(port, path): &(&str, std::path::PathBuf)| CaptureArg {
        port: (!port.is_empty()).then(|| (*port).to_owned()),
        path: path.clone(),
    };
    let request = Request {
        file: "r.toml".into(),
        scenario,
        dir: repository(),
        captures: captures.iter().map(capture).collect(),
        overrides: Overrides::default(),
    };
    let plan = request.plan().unwrap().plan;
    let comparison = compare(&plan, Backend::Heap, SLACK).unwrap();
    assert!(comparison.outcome.broken.is_empty(), "{:?}", comparison.outcome.broken);
    comparison
}

#[test]
fn the_recorded_router_of_the_demo_is_matched_frame_by_frame() {
    let scenario = repository().join("fixtures/scenarios/demo.toml");
    let scenario = std::fs::read_to_string(scenario).unwrap();
    let capture = repository().join("pcaps/router-two-sides.pcapng");
    let comparison = compared(scenario, &[("", capture)]);
    assert!(comparison.is_same(), "{comparison}");
    let total = comparison.total();
    assert_eq!((total.recorded, total.here, total.same), (71, 71, 71));
}

#[test]
fn a_box_with_another_address_or_mtu_does_not_pass_for_the_router() {
    let scenario = repository().join("fixtures/scenarios/demo.toml");
    let scenario = std::fs::read_to_string(scenario).unwrap().replace("mtu = 1400", "mtu = 1500");
    let capture = repository().join("pcaps/router-two-sides.pcapng");
    let comparison = compared(scenario, &[("", capture)]);
    // What the router cut, or refused by 3/4, goes on in one piece.
    let missing = |d: &&sim::compare::Difference| matches!(d.what, Deviation::Missing { .. });
    assert_eq!(comparison.differences.iter().filter(missing).count(), 5, "{comparison}");
    assert!(comparison.differences.iter().any(|d| d.flow.contains("3/4")), "{comparison}");
}

/// Each case: folder, scenario, capture of each port.
fn cases(folder: &Path) -> Vec<(&'static str, Comparison)> {
    let two = |name: &'static str, scenario: String| {
        let ports = [("ra", "ra.pcap"), ("rb", "rb.pcap")];
        let there = |file: &str| folder.join(name).join(file);
        let captures: Vec<_> = ports
            .into_iter()
            .map(|(port, file)| (port, there(file)))
            .filter(|(_, path)| path.exists())
            .collect();
        (name, compared(scenario, &captures))
    };
    let one = |name: &'static str, scenario: String| {
        (name, compared(scenario, &[("r0", folder.join(name).join("r0.pcap"))]))
    };
    let limited = "[policy]\nicmp_rate_limit = { per_second = 1, burst = 6 }\n";
    vec![
        two("01-arp-ping", router(1500, false, "")),
        two("02a-frag-from-hosts", router(1500, false, "")),
        two("02b-frag-in-transit-mtu1400", router(1400, false, "")),
        two("02b-frag-in-transit-mtu576", router(576, false, "")),
        two("02c-frag-needed-mtu1400", router(1400, true, "")),
        two("02c-frag-needed-mtu576", router(576, true, "")),
        two("03-ttl", router(1500, true, "")),
        two("03b-icmp-ratelimit-default", router(1500, true, limited)),
        one("04a-redirect-followed", one_armed("")),
        one("04c-redirect-cases", one_armed("")),
        one("04d-redirect-off", one_armed("[policy]\nicmp_redirects = false\n")),
        two("05c-frag-timeout-30s", router(1500, true, "")),
        two("10-mixed", router(1500, false, "")),
    ]
}

#[test]
fn what_a_recorded_router_does_otherwise_is_on_the_page() {
    let Some(folder) = captures::folder().map(|folder| folder.join("linux")) else {
        println!("skipped: there is no folder of captures (set LOCKSTEP_CAPTURES to one)");
        return;
    };
    let page = std::fs::read_to_string(repository().join("docs/conformance.md")).unwrap();
    let mut wrong = String::new();
    for (name, comparison) in cases(&folder) {
        let total = comparison.total();
        let others = comparison.differences.len();
        let row = format!("| `{name}` | {} | {} | {others} | ", total.recorded, total.same);
        let why = page.lines().find_map(|line| line.strip_prefix(&row));
        // A row says why if and only if there is something to explain.
        let told = why.is_some_and(|why| (why == "nothing |") == comparison.is_same());
        if !told {
            wrong.push_str(&format!("{row}\n{comparison}\n"));
        }
    }
    assert!(wrong.is_empty(), "not on the page:\n{wrong}");
    assert_eq!(SLACK, Nanos::from_millis(500), "the page says half a second");
}
