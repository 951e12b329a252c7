//! The guess as a scenario, each line with its reason.

use super::device::Device;
use super::links::{Attached, Far, NEIGHBOURS, Network, Port};
use super::{Guess, Side, many};
use dataplane::Nanos;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

/// Writing into a string cannot fail.
macro_rules! line {
    ($to:expr) => { $to.push('\n') };
    ($to:expr, $($arg:tt)*) => {{
        let _ = writeln!($to, $($arg)*);
    }};
}

/// A text in TOML's quotes. Those of a basic string take all but control characters as they are.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text that cannot end the comment it is in.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Writes the scenario.
pub(super) fn scenario(sides: &[Side], device: &Device, network: &Network, dir: &Path) -> Guess {
    let mut toml = String::new();
    let mut summary = Vec::new();
    head(&mut toml, sides, device);
    for (index, port) in network.ports.iter().enumerate() {
        let side = &sides[port.side];
        write_port(&mut toml, side, port, index, network);
        summary.push(port_line(side, port, index, network));
    }
    if let Some(far) = &network.far {
        write_far(&mut toml, sides, far);
        summary.push("far: made up, the router's side that was not recorded".to_owned());
    }
    write_routes(&mut toml, sides, network);
    write_neighbours(&mut toml, sides, network);
    inputs(&mut toml, sides, network, dir);
    let neighbours: usize = network.devices.iter().map(|d| d.neighbours.len()).sum();
    summary.push(format!("{} routes, {neighbours} neighbours", network.routes.len()));
    Guess { toml, summary }
}

fn head(toml: &mut String, sides: &[Side], device: &Device) {
    let mut files: Vec<String> = sides.iter().map(|s| s.path.display().to_string()).collect();
    files.dedup();
    line!(toml, "# Guessed by `lockstep scenario --from {}`.", plain(&files.join(" ")));
    line!(toml, "# Each comment says on what evidence. Correct what is wrong, and run it.");
    if let Device::Between(a, b) = device {
        line!(toml, "#");
        line!(toml, "# The capture shows {a} and {b}, and neither looks like a router or");
        line!(
            toml,
            "# a host that answers for itself. So a router is put between them: on each of its"
        );
        line!(
            toml,
            "# two ports it has the MAC of the host on the other one. If you know which of the"
        );
        line!(toml, "# two was recorded, give --ours with one of its addresses.");
    }
    line!(toml);
    line!(toml, "seed = 0");
    line!(toml);
}

/// The name of a port.
fn name(sides: &[Side], port: &Port) -> String {
    format!("{}{}", sides[port.side].name, port.suffix)
}

/// The name of a device.
fn device_name(sides: &[Side], network: &Network, device: &Attached) -> String {
    let port = name(sides, &network.ports[device.port]);
    match device.vlan {
        0 => port,
        vid => format!("{port}.{vid}"),
    }
}

fn port_line(side: &Side, port: &Port, index: usize, network: &Network) -> String {
    let mine = network.devices.iter().filter(|d| d.port == index);
    let addresses: Vec<String> = mine
        .flat_map(|d| {
            d.addresses.iter().map(|(net, _)| match d.vlan {
                0 => net.to_string(),
                vid => format!("{net} (VLAN {vid})"),
            })
        })
        .collect();
    format!("{}{}: {} {}", side.name, port.suffix, port.mac, addresses.join(", "))
}

fn write_port(toml: &mut String, side: &Side, port: &Port, index: usize, network: &Network) {
    line!(toml, "[[port]]");
    if let Some(called) = &side.called {
        line!(toml, "# the capture calls it {}", plain(&quoted(called)));
    }
    line!(toml, "name = \"{}{}\"", side.name, port.suffix);
    line!(toml, "mac = \"{}\"  # {}", port.mac, port.why);
    let mine = || network.devices.iter().filter(move |d| d.port == index);
    let untagged = mine().find(|d| d.vlan == 0);
    let mtu = untagged.and_then(|d| d.mtu.as_ref()).or(port.mtu.as_ref());
    // A VLAN device may not carry more than its port.
    let vlans = mine().filter(|d| d.vlan != 0).filter_map(|d| d.mtu.as_ref());
    let widest = vlans.map(|(mtu, _)| *mtu).max().unwrap_or(0);
    if let Some((mtu, why)) = mtu {
        line!(toml, "mtu = {}  # {why}", (*mtu).max(widest));
    }
    if let Some(device) = untagged {
        addresses(toml, device);
    }
    for device in mine().filter(|d| d.vlan != 0) {
        line!(toml);
        line!(toml, "[[port.vlan]]");
        line!(toml, "vid = {}", device.vlan);
        if let Some((mtu, why)) = &device.mtu {
            line!(toml, "mtu = {mtu}  # {why}");
        }
        addresses(toml, device);
    }
    line!(toml);
}

fn addresses(toml: &mut String, device: &Attached) {
    line!(toml, "addresses = [");
    for (net, why) in &device.addresses {
        line!(toml, "    \"{net}\",  # {why}");
    }
    line!(toml, "]");
}

/// What the port that was not recorded is called.
fn far_name(sides: &[Side]) -> &'static str {
    if sides.iter().any(|side| side.name == "far") { "far-side" } else { "far" }
}

fn write_far(toml: &mut String, sides: &[Side], far: &Far) {
    let Far { address, gateway, .. } = far;
    let packets = many(far.packets, "packet", "packets");
    let destinations = many(far.destinations as u64, "address", "addresses");
    let name = far_name(sides);
    line!(toml, "# The device is a router: {packets} came to it for {destinations} that no");
    line!(toml, "# station here has. Where they left it was not recorded, so this port and its");
    line!(toml, "# gateway are made up.");
    line!(toml, "[[port]]");
    line!(toml, "name = \"{name}\"");
    line!(toml, "mac = \"02:00:00:00:ff:01\"");
    line!(toml, "addresses = [\"{address}\"]");
    line!(toml);
    line!(toml, "[[neighbour]]");
    line!(toml, "dev = \"{name}\"");
    line!(toml, "address = \"{gateway}\"");
    line!(toml, "mac = \"02:00:00:00:ff:02\"");
    line!(toml);
}

fn write_routes(toml: &mut String, sides: &[Side], network: &Network) {
    for route in &network.routes {
        let dev = match route.device {
            Some(index) => device_name(sides, network, &network.devices[index]),
            None => far_name(sides).to_owned(),
        };
        line!(toml, "# {}", route.why);
        line!(toml, "[[route]]");
        match route.to.prefix_len() {
            0 => line!(toml, "to = \"default\""),
            _ => line!(toml, "to = \"{}\"", route.to),
        }
        line!(toml, "via = \"{}\"", route.via);
        line!(toml, "dev = \"{dev}\"");
        line!(toml);
    }
}

fn write_neighbours(toml: &mut String, sides: &[Side], network: &Network) {
    if network.devices.iter().any(|d| !d.neighbours.is_empty()) {
        line!(
            toml,
            "# Neighbours are static, so that packets leave at once: in a replay nobody answers the"
        );
        line!(
            toml,
            "# device's own ARP requests, except where the recorded answers happen to fit. Take"
        );
        line!(toml, "# them away to see it ask.");
        line!(toml);
    }
    for device in &network.devices {
        let dev = device_name(sides, network, device);
        for (address, (mac, why)) in &device.neighbours {
            line!(toml, "[[neighbour]]  # {why}");
            line!(toml, "dev = \"{dev}\"");
            line!(toml, "address = \"{address}\"");
            line!(toml, "mac = \"{mac}\"");
            line!(toml);
        }
        if device.neighbours.len() >= NEIGHBOURS {
            line!(toml, "# There may be more neighbours of {dev}: {NEIGHBOURS} are written down.");
            line!(toml);
        }
    }
}

fn inputs(toml: &mut String, sides: &[Side], network: &Network, dir: &Path) {
    for port in &network.ports {
        let side = &sides[port.side];
        let frames = many(port.frames, "frame", "frames");
        line!(toml, "# {frames}; what {} itself sent is no input.", port.ours);
        line!(toml, "[[input]]");
        line!(toml, "port = \"{}\"", name(sides, port));
        line!(toml, "capture = {}", quoted(&seen_from(dir, &side.path).to_string_lossy()));
        if let Some(interface) = side.interface {
            line!(toml, "interface = {interface}");
        }
        line!(toml, "ours = [\"{}\"]", port.ours);
        line!(toml, "timing = \"recorded\"");
        if side.start != Nanos::ZERO {
            line!(toml, "start = \"{}\"  # so long after the first capture", side.start);
        }
        line!(toml);
    }
    // One empty line is enough at the end.
    while toml.ends_with("\n\n") {
        toml.pop();
    }
}

/// The path of a file as it is written in a scenario in `dir`.
fn seen_from(dir: &Path, file: &Path) -> PathBuf {
    let up_and_down = |p: &Path| p.components().any(|c| matches!(c, Component::ParentDir));
    if file.is_absolute() || dir.as_os_str().is_empty() || dir == Path::new(".") {
        return file.to_owned();
    }
    if dir.is_absolute() || up_and_down(dir) {
        // Only the file system knows where that is.
        return std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    }
    let normal = |p: &Path| -> Vec<_> {
        p.components()
            .filter(|c| *c != Component::CurDir)
            .map(|c| c.as_os_str().to_owned())
            .collect()
    };
    let (dir, file) = (normal(dir), normal(file));
    let shared = dir.iter().zip(&file).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".into(), dir.len() - shared);
    up.chain(file[shared..].iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_seen_from_the_scenario() {
        for (dir, file, seen) in [
            ("", "a.pcap", "a.pcap"),
            (".", "caps/a.pcap", "caps/a.pcap"),
            ("runs", "caps/a.pcap", "../caps/a.pcap"),
            ("runs/1", "runs/a.pcap", "../a.pcap"),
            ("./runs", "./runs/a.pcap", "a.pcap"),
            ("runs", "/tmp/a.pcap", "/tmp/a.pcap"),
        ] {
            assert_eq!(seen_from(Path::new(dir), Path::new(file)), Path::new(seen));
        }
    }

    #[test]
    fn odd_names_stay_within_their_quotes_and_comments() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000A\"");
        assert_eq!(plain("a\nb"), "a?b");
    }
}
