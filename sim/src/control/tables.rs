//! What was to be shown, as a table for people and as data for programs.

use super::words::destination;
use crate::ledger::PortTotals;
use dataplane::PortId;
use dataplane::control::Data;
use dataplane::tc::{ClsConfig, Handle, QschConfig, QschStats, Verdict};
use serde_json::{Value, json};

/// The table and the data.
pub(super) fn shown(data: &Data, devices: &[String], ports: &[PortTotals]) -> (String, Value) {
    let name = |port: PortId| devices.get(port.index()).map_or("?", String::as_str);
    match data {
        Data::None => ("done".to_owned(), Value::Null),
        Data::Text(text) => (text.clone(), Value::Null),
        Data::Addresses(list) => {
            let row = |a: &dataplane::control::AddressEntry| {
                let left = a.left.map_or("forever".to_owned(), |left| left.to_string());
                let missing: Vec<u8> = a.missing.iter().map(|lcore| lcore.0).collect();
                let lacks = match missing.is_empty() {
                    true => "all lcores".to_owned(),
                    false => format!("not on lcores {missing:?}"),
                };
                let json = json!({
                    "dev": name(a.dev), "address": a.net.to_string(),
                    "left": a.left.map(|left| left.get()), "missing": missing,
                });
                (vec![name(a.dev).to_owned(), a.net.to_string(), left, lacks], json)
            };
            table(&["dev", "address", "valid_lft", "on"], list.iter().map(row))
        }
        Data::Routes(list) => {
            let row = |r: &dataplane::route::Listed| {
                let via = r.via.map_or("-".to_owned(), |via| via.to_string());
                let origin = if r.connected { "connected" } else { "static" };
                let json = json!({
                    "to": r.to.to_string(), "via": r.via.map(|via| via.to_string()),
                    "dev": name(r.dev), "mtu": r.mtu, "connected": r.connected,
                });
                let cells = [destination(r.to), via, name(r.dev).to_owned(), r.mtu.to_string()];
                (cells.into_iter().chain([origin.to_owned()]).collect(), json)
            };
            table(&["to", "via", "dev", "mtu", "origin"], list.iter().map(row))
        }
        Data::Neighbours(list) => {
            let row = |n: &dataplane::control::NeighEntry| {
                let state = if n.is_static { "static" } else { n.state.name() };
                let known = n.mac != dataplane::Mac::ZERO;
                let mac = known.then(|| n.mac.to_string());
                let json = json!({
                    "dev": name(n.dev), "address": n.address.to_string(), "mac": mac,
                    "state": state, "lcore": n.lcore.0, "waiting": n.waiting,
                });
                let cells = vec![
                    name(n.dev).to_owned(),
                    n.address.to_string(),
                    mac.unwrap_or("-".to_owned()),
                    state.to_owned(),
                    n.lcore.to_string(),
                    n.waiting.to_string(),
                ];
                (cells, json)
            };
            table(&["dev", "address", "lladdr", "state", "lcore", "waiting"], list.iter().map(row))
        }
        Data::Vlans(list) => {
            let row = |v: &dataplane::control::VlanEntry| {
                let json = json!({ "name": name(v.dev), "dev": name(v.port), "id": v.vid.get() });
                let cells = [name(v.dev).to_owned(), name(v.port).to_owned(), v.vid.to_string()];
                (cells.to_vec(), json)
            };
            table(&["name", "dev", "id"], list.iter().map(row))
        }
        Data::Links(list) => links(list, ports),
        Data::Qschs(list) => qschs(list, &name),
        Data::Classes(list) => classes(list, &name),
        Data::Stats(list) => stats(list),
    }
}

fn qschs<'a>(
    list: &[(QschConfig, QschStats)],
    name: &impl Fn(PortId) -> &'a str,
) -> (String, Value) {
    let row = |(qsch, stats): &(QschConfig, QschStats)| {
        let parent = match qsch.parent {
            Handle::NONE => "-".to_owned(),
            parent => parent.to_string(),
        };
        let mut json = json!({
            "dev": name(qsch.dev), "handle": qsch.handle.to_string(), "parent": parent,
            "kind": qsch.kind.name(),
        });
        let dev = name(qsch.dev).to_owned();
        let mut cells = vec![dev, qsch.handle.to_string(), parent, qsch.kind.name().to_owned()];
        let counts = [
            ("packets", stats.packets),
            ("bytes", stats.bytes),
            ("drops", stats.drops),
            ("overlimits", stats.overlimits),
            ("qlen", stats.qlen.into()),
            ("backlog", stats.backlog),
        ];
        for (key, n) in counts {
            json[key] = n.into();
            cells.push(n.to_string());
        }
        (cells, json)
    };
    let head = ["dev", "handle", "parent", "kind", "packets", "bytes", "drops", "overlimits"];
    table(&[&head[..], &["qlen", "backlog"]].concat(), list.iter().map(row))
}

fn classes<'a>(list: &[(ClsConfig, u64)], name: &impl Fn(PortId) -> &'a str) -> (String, Value) {
    let row = |(cls, hits): &(ClsConfig, u64)| {
        let verdict = match cls.verdict {
            Verdict::Drop => "drop".to_owned(),
            Verdict::To(target) => format!("target {target}"),
        };
        let json = json!({
            "dev": name(cls.dev), "qsch": cls.qsch.to_string(), "handle": cls.handle.to_string(),
            "prio": cls.prio, "verdict": verdict, "hits": hits,
        });
        let (qsch, handle) = (cls.qsch.to_string(), cls.handle.to_string());
        let (prio, hits) = (cls.prio.to_string(), hits.to_string());
        (vec![name(cls.dev).to_owned(), qsch, handle, prio, verdict, hits], json)
    };
    table(&["dev", "qsch", "handle", "prio", "verdict", "hits"], list.iter().map(row))
}

fn links(list: &[dataplane::control::LinkEntry], ports: &[PortTotals]) -> (String, Value) {
    let row = |link: &dataplane::control::LinkEntry| {
        let forward = link.forward2kni.map_or("-", |on| if on { "on" } else { "off" });
        let mut cells =
            vec![link.name.clone(), link.mac.to_string(), link.mtu.to_string(), forward.to_owned()];
        let mut json = json!({
            "name": link.name, "mac": link.mac.to_string(), "mtu": link.mtu,
            "forward2kni": link.forward2kni,
        });
        match ports.get(link.dev.index()) {
            Some(port) => {
                let counts = [
                    ("ipackets", port.arrived),
                    ("ibytes", port.arrived_bytes),
                    ("imissed", port.refused.total()),
                    ("opackets", port.left),
                    ("obytes", port.left_bytes),
                ];
                for (key, n) in counts {
                    json[key] = n.into();
                    cells.push(n.to_string());
                }
            }
            None => cells.extend(["-"; 5].map(str::to_owned)),
        }
        (cells, json)
    };
    let head =
        ["dev", "mac", "mtu", "forward2kni", "ipackets", "ibytes", "imissed", "opackets", "obytes"];
    table(&head, list.iter().map(row))
}

fn stats(list: &[(dataplane::LcoreId, dataplane::Counters)]) -> (String, Value) {
    // A row a counter, as in counters.txt: an lcore has too many of them for a row of its own.
    let rows: Vec<Vec<(&str, u64)>> = list.iter().map(|(_, c)| c.plain().collect()).collect();
    let lcores: Vec<String> = list.iter().map(|(lcore, _)| format!("lcore {lcore}")).collect();
    let mut head = vec!["counter"];
    head.extend(lcores.iter().map(String::as_str));
    let names = rows.first().map_or(Vec::new(), |row| row.iter().map(|(name, _)| *name).collect());
    let mut lines = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let values: Vec<u64> = rows.iter().map(|row| row[at].1).collect();
        if values.iter().any(|n| *n > 0) {
            let cells = std::iter::once((*name).to_owned());
            lines.push(cells.chain(values.iter().map(u64::to_string)).collect());
        }
    }
    for reason in dataplane::DropReason::ALL {
        let values: Vec<u64> = list.iter().map(|(_, c)| c.drops[*reason]).collect();
        if values.iter().any(|n| *n > 0) {
            let cells = std::iter::once(format!("drop {reason}"));
            lines.push(cells.chain(values.iter().map(u64::to_string)).collect());
        }
    }
    let json = list.iter().map(|(lcore, counters)| {
        let plain = counters.plain().map(|(name, n)| (name.to_owned(), Value::from(n)));
        let drops = counters.drops.iter();
        let drops = drops.map(|(reason, n)| (reason.name().to_owned(), Value::from(n)));
        let mut all: serde_json::Map<String, Value> = plain.collect();
        all.insert("drops".to_owned(), Value::Object(drops.collect()));
        json!({ "lcore": lcore.0, "counters": all })
    });
    (lay_out(&head, &lines), json.collect())
}

/// A table of rows, and the list of their data.
fn table(head: &[&str], rows: impl Iterator<Item = (Vec<String>, Value)>) -> (String, Value) {
    let (cells, data): (Vec<Vec<String>>, Vec<Value>) = rows.unzip();
    (lay_out(head, &cells), Value::Array(data))
}

/// Columns as wide as their widest cell, two blanks apart.
fn lay_out(head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "there is none".to_owned();
    }
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([head[at].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}
