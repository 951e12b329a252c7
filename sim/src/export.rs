//! What else is made of a bundle: a test to commit, a capture, a script for the bench.
//!
//! Invariant: the same bundle gives the same bytes. Not here: where they go (`cli/bundles.rs`).

use crate::bundle::{Bundle, comment, hex};
use crate::capture::{Direction, Frame, PcapngWriter};
use crate::decode;
use dataplane::Instant;
use std::fmt::Write as _;
use std::io;

/// A regression test, as files of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The name of the files, and of the test.
    pub name: String,
    /// The scenario, with all that arrives.
    pub scenario: String,
    /// A test in Rust, for those who have the crate `sim`: it includes the scenario.
    pub rust: String,
    /// The bundle, for those who have the command only.
    pub bundle: String,
    /// A script that has the bundle run.
    pub shell: String,
}

impl Test {
    /// The files: how each name ends, and what is in it.
    pub fn files(&self) -> [(&'static str, &str); 4] {
        [
            ("toml", &self.scenario),
            ("rs", &self.rust),
            (crate::bundle::EXTENSION, &self.bundle),
            ("sh", &self.shell),
        ]
    }
}

/// The test that what was wrong in a bundle is not wrong any more; of one in which nothing was, that
/// the same still happens.
pub fn test(bundle: &Bundle, stem: &str) -> Test {
    let name = identifier(stem);
    let shell = format!(
        "#!/bin/sh\n# 0: what was wrong is not wrong any more (or the run holds, as it did). Else it is.\n\
         exec \"${{LOCKSTEP:-lockstep}}\" repro --backend heap \"$(dirname \"$0\")/{name}.lockstep\"\n"
    );
    let scenario = bundle.case.scenario();
    Test { rust: rust(bundle, &name), scenario, bundle: bundle.text(), shell, name }
}

fn rust(bundle: &Bundle, name: &str) -> String {
    let mut text = String::new();
    let words = |words: Vec<String>| {
        let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
        format!("[{}].map(|word| word.parse().unwrap()).to_vec()", quoted.join(", "))
    };
    let faults: Vec<_> = bundle.case.faults.iter().map(ToString::to_string).collect();
    let asked: Vec<_> = bundle.case.asked.iter().map(ToString::to_string).collect();
    let patience = bundle.patience.map(|patience| patience.get());
    // Writing to a String cannot fail.
    text.push_str("//! Exported by `lockstep export`.\n");
    for said in &bundle.breaches {
        let _ = writeln!(text, "//! What was wrong: {}", comment(&said.to_string()));
    }
    if patience.is_some() {
        text.push_str("\nuse dataplane::Instant;");
    }
    text.push_str(
        "\nuse sim::fabric::HeapFabric;\nuse sim::scenario::{Overrides, Request};\n\
         use sim::trial::{Trying, trial};\n\n#[test]\n",
    );
    let _ = writeln!(text, "fn {name}() {{");
    if faults.is_empty() && asked.is_empty() {
        text.push_str("    let overrides = Overrides::default();\n");
    } else {
        text.push_str("    let overrides = Overrides {\n");
        for (field, list) in [("faults", faults), ("asked", asked)] {
            if !list.is_empty() {
                let _ = writeln!(text, "        {field}: {},", words(list));
            }
        }
        text.push_str("        ..Overrides::default()\n    };\n");
    }
    let _ = writeln!(text, "    let scenario = include_str!(\"{name}.toml\").to_owned();");
    let _ = writeln!(text, "    let file = \"{name}.toml\".to_owned();");
    text.push_str(
        "    let request = Request { file, scenario, overrides, ..Request::default() };\n    \
         let plan = request.plan().unwrap().plan;\n",
    );
    match patience {
        None => text.push_str("    let trying = Trying::default();\n"),
        Some(patience) => {
            let _ = writeln!(text, "    let patience = Some(Instant::from_nanos({patience}));");
            text.push_str("    let trying = Trying { patience, ..Trying::default() };\n");
        }
    }
    text.push_str(
        "    let verdict = trial(&plan, trying, &mut HeapFabric::new(), ()).unwrap();\n    \
         insta::assert_debug_snapshot!(verdict.breaches, @\"[]\");\n",
    );
    if let (true, Some(digest)) = (bundle.breaches.is_empty(), &bundle.digest) {
        text.push_str("    let trace = verdict.outcome().unwrap().digests.trace.to_string();\n");
        let _ = writeln!(text, "    insta::assert_snapshot!(trace, @\"{digest}\");");
    }
    text.push_str("}\n");
    text
}

/// Words that are no names in Rust, of edition 2024 and before.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A name that can be a function's.
fn identifier(stem: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = stem.chars().map(plain).collect();
    match name.chars().next() {
        Some(c) if c.is_ascii_alphabetic() && !KEYWORDS.contains(&&*name) => name,
        _ => format!("case_{name}"),
    }
}

/// A frame that arrives: when, at which port, and its bytes.
type Arrival<'a> = (Instant, &'a str, &'a [u8]);

/// All that arrives, in order of time; at one time in the order of the inputs.
fn arrivals(bundle: &Bundle) -> Vec<Arrival<'_>> {
    let inputs = bundle.case.inputs.iter();
    let frames = inputs.flat_map(|input| {
        input.frames.iter().map(|(at, frame)| (*at, input.port.as_str(), frame.as_slice()))
    });
    let mut all: Vec<_> = frames.collect();
    all.sort_by_key(|(at, ..)| *at);
    all
}

/// The ports at which something arrives, in the order of the inputs.
fn ports(bundle: &Bundle) -> Vec<&str> {
    let mut ports = Vec::new();
    for input in &bundle.case.inputs {
        if !ports.contains(&input.port.as_str()) {
            ports.push(input.port.as_str());
        }
    }
    ports
}

/// A pcapng of what arrives, with an interface for each port.
///
/// # Errors
/// Never: it is written to memory.
pub fn pcap(bundle: &Bundle) -> io::Result<Vec<u8>> {
    let ports = ports(bundle);
    let said: Vec<_> = bundle.breaches.iter().map(ToString::to_string).collect();
    let comment = format!("{}: {}", bundle.name(), said.join("; "));
    let mut writer = PcapngWriter::new(Vec::new(), &ports, Some(&comment))?;
    for (at, port, bytes) in arrivals(bundle) {
        let interface = ports.iter().position(|known| *known == port).unwrap_or(0);
        writer.write(&Frame {
            interface: u32::try_from(interface).unwrap_or(u32::MAX),
            time: at.as_nanos(),
            direction: Some(Direction::In),
            orig_len: None,
            segments: &[bytes],
            comments: &[],
        })?;
    }
    writer.finish()
}

const SCAPY_HEAD: &str = "\
#
# Usage: python3 FILE [PORT=INTERFACE]...    such as lan=eth1; a port is its own interface if not named.

import sys
import time

from scapy.all import Raw, conf

# Nanoseconds since the start, port, bytes.
FRAMES = [
";

const SCAPY_TAIL: &str = "\
]

names = dict(word.split(\"=\", 1) for word in sys.argv[1:])
ports = sorted({port for _, port, _ in FRAMES})
sockets = {port: conf.L2socket(iface=names.get(port, port)) for port in ports}
start = time.monotonic_ns()
for at, port, frame in FRAMES:
    left = start + at - time.monotonic_ns()
    if left > 0:
        time.sleep(left / 1e9)
    sockets[port].send(Raw(bytes.fromhex(frame)))
print(f\"{len(FRAMES)} frames sent\")
";

/// A Python script that sends what arrives, at its times, by scapy.
pub fn scapy(bundle: &Bundle, stem: &str) -> String {
    let mut text = String::from("#!/usr/bin/env python3\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# {}, of Lockstep {}: what arrives.", comment(stem), bundle.lockstep);
    for said in &bundle.breaches {
        let _ = writeln!(text, "# {}", comment(&said.to_string()));
    }
    text.push_str(SCAPY_HEAD);
    for (at, port, bytes) in arrivals(bundle) {
        let _ = writeln!(text, "    # {}", comment(&decode::line(bytes)));
        let _ = writeln!(text, "    ({}, {port:?}, \"{}\"),", at.as_nanos(), hex(bytes));
    }
    text.push_str(SCAPY_TAIL);
    text
}
