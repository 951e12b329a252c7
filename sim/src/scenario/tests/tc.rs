//! Qschs and classifiers: what they come to, and what is wrong with them.

use super::*;
use dataplane::control::Order;
use dataplane::tc::{Handle, Kind, TcChange, Verb};

/// The one complaint about [`PORTS`] (lines 2 to 7) with `more` behind it (from line 8 on).
fn one(more: &str) -> String {
    why(&format!("{PORTS}{more}"))
}

const TBF: &str = "[[qsch]]\ndev = 'wan'\nkind = 'tbf'\nrate = '1M'\nburst = 2000\n";

#[test]
fn what_is_not_said_of_a_qsch_has_the_documented_default() {
    let text = format!(
        "{PORTS}{TBF}[[qsch]]\ndev = 'wan'\nparent = 'root'\nkind = 'bfifo'\n\
         [[qsch]]\ndev = 'lan'\ndirection = 'ingress'\nkind = 'pfifo_fast'\n\
         [[qsch]]\ndev = 'lan'\nkind = 'tbf'\nrate = '1M'\nburst = 2000\npeakrate = '2M'\n"
    );
    let plan = parse(&text).unwrap().plan;
    let checked = plan.config.checked().unwrap();
    let shown = checked.tc_plan();
    let shown = shown.qschs().iter().map(|q| {
        let handle = q.config.handle;
        match q.config.kind {
            Kind::Pfifo { limit } | Kind::PfifoFast { limit } => format!("{handle} {limit}"),
            Kind::Bfifo { limit } => format!("{handle} {limit}"),
            Kind::Tbf(tbf) => {
                let peak = tbf.peak.map_or(0, |peak| peak.burst);
                format!("{handle} {} {peak}", tbf.limit)
            }
        }
    });
    // 50 ms at 125000 bytes a second, and the burst; 1024 full frames; a full frame at the peak.
    let shown: Vec<String> = shown.collect();
    assert_eq!(shown, ["root 8250 0", "8001: 1550336", "ingress 1024", "root 8250 1514"]);
}

#[test]
fn a_change_says_only_what_changes() {
    let text = format!(
        "{PORTS}{TBF}limit = 9000\n[[qsch]]\ndev = 'wan'\nat = '5ms'\nchange = true\nburst = 3000\n\
         [[qsch]]\ndev = 'wan'\nat = '9ms'\ndelete = true\n"
    );
    let commands = parse(&text).unwrap().plan.commands;
    match &commands[0].what {
        Order::Tc(TcChange::Qsch(Verb::Change, config)) => match config.kind {
            Kind::Tbf(tbf) => {
                assert_eq!((tbf.rate.bits, tbf.rate.burst, tbf.limit), (1_000_000, 3000, 9000));
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    let gone = Order::Tc(TcChange::DeleteQsch { dev: dataplane::PortId(1), handle: Handle::ROOT });
    assert_eq!(commands[1].what, gone);
}

#[test]
fn mistakes_about_traffic_control_point_at_their_place() {
    let qsch = |keys: &str| one(&format!("[[qsch]]\ndev = 'wan'\n{keys}"));
    let below = |keys: &str| one(&format!("{TBF}[[qsch]]\ndev = 'wan'\n{keys}"));
    let cls = |keys: &str| one(&format!("{TBF}[[cls]]\ndev = 'wan'\n{keys}"));
    for (said, expected) in [
        (qsch(""), "8:1: the key `kind` is missing"),
        (qsch("kind = 'tbf'\nrate = '1M'"), "8:1: the key `burst` is missing: a tbf has one"),
        (qsch("kind = 'pfifo'\nrate = '1M'"), "11:8: `rate` belongs to kind \"tbf\""),
        (qsch("kind = 'pfifo'\nlimit = 0"), "11:9: limit is 0 (expected 1 to 4294967295)"),
        (
            qsch("kind = 'tbf'\nrate = 7\nburst = 1"),
            "11:8: device wan: rate must be from 8 bits a second to 10 Tbit/s",
        ),
        (
            qsch("kind = 'tbf'\nrate = 8\nburst = 1\nlimit = 9\nlatency = '1ms'"),
            "14:11: `limit` and `latency` both say how much waits (expected one of them)",
        ),
        (
            qsch("kind = 'tbf'\nrate = 8\nburst = 1\npeakrate = 9\nminburst = 99"),
            "14:12: device wan: minburst must be at least the MTU of the device",
        ),
        (
            qsch("kind = 'pfifo'\nhandle = '1:'\nparent = '2:'"),
            "12:10: device wan: there is no Qsch 2:",
        ),
        (
            qsch("kind = 'pfifo'\nhandle = '1:'"),
            "11:10: device wan: a Qsch needs a parent, unless it is root or ingress",
        ),
        (
            qsch("kind = 'pfifo'\ndelete = true"),
            "11:10: before the first tick there is nothing to change or delete; say when: at = \"5ms\"",
        ),
        (below("kind = 'pfifo'"), "13:1: device wan: Qsch root is there already"),
        (
            below("kind = 'pfifo'\nat = '1ms'\nchange = true"),
            "15:8: device wan: Qsch root is of another kind: delete it first",
        ),
        (cls(""), "13:1: the key `target` is missing; or say drop = true"),
        (cls("target = '1:'"), "15:10: device wan: the Qsch has no child 1:"),
        (
            cls("drop = true\niif = 'lan'"),
            "16:7: device wan: iif is about what comes in, oif about what leaves",
        ),
        (
            cls("drop = true\noif = 'lam'"),
            "16:7: there is no device `lam` (expected one of `lan` and `wan`); did you mean `lan`?",
        ),
    ] {
        assert_eq!(said, expected);
    }
    assert!(cls("drop = true\nsport = '9-8'").contains("\"9-8\" ends before it begins"));
    assert!(qsch("kind = 'red'").contains("unknown variant `red`"));
}
