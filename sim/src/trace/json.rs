//! events.jsonl: one JSON object a line, integers only, fields always in the same order.
//!
//! Written by hand: a trace has millions of lines, and none needs memory of its own.

use super::{Record, What, name_device};
use dataplane::event::Value;
use dataplane::{Event, Mac, PortId};
use std::io::Write as _;

/// Writes records as lines of JSON.
#[derive(Debug)]
pub struct JsonLines {
    /// The names of the devices, as JSON texts with their quotes.
    devices: Vec<String>,
}

impl JsonLines {
    /// A writer that names devices so.
    pub fn new(devices: &[String]) -> JsonLines {
        JsonLines { devices: devices.iter().map(|name| quoted(name)).collect() }
    }

    /// Appends the line of a record.
    pub fn line(&mut self, record: &Record, out: &mut Vec<u8>) {
        if let What::Lcore(Event::Device { port, name, added: true }) = record.what {
            name_device(&mut self.devices, port, &quoted(name.as_str()));
        }
        out.extend_from_slice(b"{\"n\":");
        number(out, record.n);
        out.extend_from_slice(b",\"t\":");
        number(out, record.at.as_nanos());
        if let Some(run) = record.run {
            out.extend_from_slice(b",\"lcore\":");
            number(out, run.lcore.0.into());
            out.extend_from_slice(b",\"tick\":");
            number(out, run.tick);
            out.extend_from_slice(b",\"job\":\"");
            out.extend_from_slice(run.job.name().as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(b",\"event\":\"");
        out.extend_from_slice(record.what.name().as_bytes());
        out.push(b'"');
        record.what.fields(&mut |name, value| {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            self.value(out, value);
        });
        out.extend_from_slice(b"}\n");
    }

    fn value(&self, out: &mut Vec<u8>, value: Value<'_>) {
        match value {
            Value::U64(n) => number(out, n),
            // A fixed word: it needs no escapes.
            Value::Text(word) => {
                out.push(b'"');
                out.extend_from_slice(word.as_bytes());
                out.push(b'"');
            }
            Value::Str(text) => out.extend_from_slice(quoted(text).as_bytes()),
            Value::Ip(address) => {
                out.push(b'"');
                for (place, octet) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        out.push(b'.');
                    }
                    number(out, octet.into());
                }
                out.push(b'"');
            }
            Value::Mac(Mac(octets)) => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push(b'"');
                for (place, octet) in octets.into_iter().enumerate() {
                    if place > 0 {
                        out.push(b':');
                    }
                    out.push(HEX[usize::from(octet >> 4)]);
                    out.push(HEX[usize::from(octet & 0x0f)]);
                }
                out.push(b'"');
            }
            Value::Port(PortId(port)) => match self.devices.get(usize::from(port)) {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => number(out, port.into()),
            },
            Value::Handle(handle) => {
                // Writing to a Vec cannot fail.
                let _ = write!(out, "\"{handle}\"");
            }
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
        }
    }
}

/// A number in decimal.
fn number(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = n;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A text as JSON writes it (RFC 8259 §7).
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if u32::from(c) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Outside, Run};
    use dataplane::control::{NeighOrder, Order, Reload};
    use dataplane::job::JobKind;
    use dataplane::types::DeviceName;
    use dataplane::{Instant, LcoreId, PacketId, QueueId};

    fn line(record: &Record) -> String {
        let mut out = Vec::new();
        JsonLines::new(&["lan".to_owned(), "w\"a\\n\n".to_owned()]).line(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_an_object_with_fields_in_a_fixed_order() {
        let run = Run { lcore: LcoreId(1), tick: 17, job: JobKind::RecvFwd };
        let (packet, port, queue) = (PacketId(5), PortId(0), QueueId(0));
        let what = What::Lcore(Event::Rx { packet, port, queue, len: 74 });
        let record = Record { n: 1, at: Instant::from_nanos(123), run: Some(run), what };
        assert_eq!(
            line(&record),
            "{\"n\":1,\"t\":123,\"lcore\":1,\"tick\":17,\"job\":\"recv_fwd\",\"event\":\"rx\",\
             \"pkt\":5,\"port\":\"lan\",\"queue\":0,\"len\":74}\n"
        );
    }

    #[test]
    fn whatever_a_device_is_called_the_line_is_json() {
        let change = NeighOrder {
            dev: DeviceName::try_new("w\"a\\n").unwrap(),
            address: [192, 0, 2, 10].into(),
            mac: Some(Mac([2, 0, 0, 0, 0xab, 0])),
        };
        let what = What::Outside(Outside::Command { order: 7, what: Order::Neigh(change) });
        let record = Record { n: u64::MAX, at: Instant::EPOCH, run: None, what };
        let value: serde_json::Value = serde_json::from_str(&line(&record)).unwrap();
        assert_eq!(value["n"], u64::MAX);
        assert_eq!(value["what"], "neighbour");
        assert_eq!(value["order"], 7);
        assert_eq!(value["port"], "w\"a\\n");
        assert_eq!(value["address"], "192.0.2.10");
        assert_eq!(value["mac"], "02:00:00:00:ab:00");
    }

    #[test]
    fn a_file_name_is_escaped_and_a_device_that_is_added_has_its_name_from_then_on() {
        let reload = Reload { file: "a\"\n.toml".into(), config: Err(String::new()) };
        let what = Outside::Command { order: 1, what: Order::Reload(Box::new(reload)) };
        let record = |what| Record { n: 1, at: Instant::EPOCH, run: None, what };
        let value: serde_json::Value =
            serde_json::from_str(&line(&record(What::Outside(what)))).unwrap();
        assert_eq!(value["file"], "a\"\n.toml");
        let mut json = JsonLines::new(&["lan".to_owned()]);
        let mut out = Vec::new();
        let (port, name) = (PortId(4), DeviceName::try_new("lan.7").unwrap());
        let added = What::Lcore(Event::Device { port, name, added: true });
        json.line(&record(added), &mut out);
        let mac =
            What::Lcore(Event::NeighMac { port, address: [10, 0, 0, 1].into(), mac: Mac::ZERO });
        json.line(&record(mac), &mut out);
        assert!(String::from_utf8(out).unwrap().contains("\"port\":\"lan.7\""));
    }
}
