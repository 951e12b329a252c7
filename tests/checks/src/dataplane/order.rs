//! An order of the control plane out of two bytes, in words.

use dataplane::{LcoreId, PortId};
use sim::control::Names;

/// The VLAN device that an order may add.
const ADDED: &str = "wan.5";

/// The names that orders may use: `later` of an order that adds a device is one more.
pub fn names(workers: u8, later: bool) -> Names {
    let shaped = ["lan", "wan"].map(str::to_owned);
    let mut devices: Vec<String> = shaped.to_vec();
    devices.push("lan.100".to_owned());
    devices.extend(later.then(|| ADDED.to_owned()));
    let shaped = shaped.into_iter().zip((0..).map(PortId)).collect();
    Names { devices, shaped, lcores: (0..=workers).map(LcoreId).collect() }
}

/// The order of kind `kind` about `n`. Whether there is a device [`ADDED`] is up to `later`.
pub fn words(kind: u8, n: u8, later: &mut bool) -> String {
    let dev = match n % 4 {
        0 => "lan",
        1 => "wan",
        2 if *later => ADDED,
        _ => "lan.100",
    };
    let port = ["lan", "wan"][usize::from(n % 2)];
    match kind % 32 {
        0 => format!("addr add 198.51.100.{n}/24 dev {dev}"),
        1 => format!("addr add 192.0.2.{n}/24 dev {dev} valid_lft 1s"),
        2 => format!("addr del 192.0.2.{n} dev {dev}"),
        3 => "addr del 198.51.100.1 dev lan".to_owned(),
        4 => format!("addr flush dev {dev}"),
        5 => format!("route add 203.0.113.0/24 via 192.0.2.{n}"),
        6 => "route del 203.0.113.0/24".to_owned(),
        7 => format!("route add 10.{n}.0.0/16 dev {dev} mtu {}", 68 + 7 * u16::from(n)),
        8 => format!("route del 10.{n}.0.0/16 dev {dev}"),
        9 => format!("route flush dev {dev}"),
        10 => "route del default".to_owned(),
        11 => format!("neigh add 192.0.2.9 lladdr 02:00:00:00:00:{n:02x} dev wan"),
        12 => "neigh del 192.0.2.9 dev wan".to_owned(),
        13 => format!("neigh add 198.51.100.{n} lladdr 02:00:00:00:00:{n:02x} dev {dev}"),
        14 => {
            *later = true;
            format!("vlan add dev wan id 5 name {ADDED}")
        }
        15 => format!("vlan del {dev}"),
        16 => format!("link set {dev} mtu {}", 68 + 9 * u16::from(n)),
        17 => format!("link set {dev} forward2kni {}", if n & 8 == 0 { "on" } else { "off" }),
        18 => format!("qsch add dev {port} root tbf rate {}k burst 2000 limit 9000", n.max(8)),
        19 => format!("qsch add dev {port} ingress bfifo limit {}", u32::from(n) * 100 + 1),
        20 => format!("qsch add dev {port} root pfifo limit {}", n.max(1)),
        21 => format!("qsch add dev {port} handle 1: parent root pfifo_fast limit {}", n.max(1)),
        22 => format!("qsch change dev {port} root tbf rate 1M burst 9000 limit {}", n.max(1)),
        23 => format!("qsch del dev {port} {}", if n & 2 == 0 { "root" } else { "ingress" }),
        24 => format!("cls add dev {port} qsch root prio {n} proto udp drop"),
        25 => format!("cls add dev {port} qsch root handle 7: src 198.51.100.0/24 target 1:"),
        26 => format!("cls del dev {port} qsch root handle 7:"),
        27 => format!("hello workers sync timeout {}us count {}", n.max(1), n % 8 + 1),
        28 => format!("hello 1 async count {}", n % 8 + 1),
        29 => format!("iftraf {}", if n & 1 == 0 { "enable" } else { "disable" }),
        30 => ["addr show", "route show", "neigh show", "vlan show", "link show", "qsch show"]
            [usize::from(n % 6)]
        .to_owned(),
        _ => format!("cls show dev {port}"),
    }
}
