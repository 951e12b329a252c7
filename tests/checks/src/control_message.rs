//! A line of the control plane's language: an order that survives the way into words and back, or an
//! error that points into the line.

use dataplane::{LcoreId, PortId};
use sim::control::{Names, ParseError, Verb, parse, words};

/// `bytes` are a line, as text.
///
/// # Panics
/// An order is told in words that mean something else, or an error points nowhere.
pub fn check(bytes: &[u8]) {
    let line = String::from_utf8_lossy(bytes);
    let names = names();
    let order = match parse(&line, &names) {
        Ok(Verb::Order(order)) => order,
        Ok(Verb::Reload(file)) => return assert!(line.contains(&file)),
        Err(error) => return points_into(&line, &error),
    };
    let told = words(&order, &names.devices);
    match parse(&told, &names) {
        Ok(Verb::Order(again)) => assert_eq!(again, order, "`{line}` is told as `{told}`"),
        other => panic!("`{line}` is told as `{told}`: {other:?}"),
    }
}

fn points_into(line: &str, error: &ParseError) {
    assert!(line.get(error.span.clone()).is_some(), "{error:?} in `{line}`");
    let before = line[..error.span.start].chars().count();
    assert_eq!(error.column, before + 1, "{error:?} in `{line}`");
    assert!(!error.message.is_empty(), "`{line}`");
    assert!(error.to_string().starts_with("column "), "`{line}`");
}

/// Two ports, a VLAN device, a master and two workers.
fn names() -> Names {
    let devices = ["lan", "wan", "lan.100"].map(str::to_owned);
    let shaped = devices.iter().cloned().zip((0..).map(PortId)).collect();
    Names { devices: devices.to_vec(), shaped, lcores: [0, 1, 2].map(LcoreId).to_vec() }
}
