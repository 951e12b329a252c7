//! What each object can be told.

use super::words::Words;
use super::{ParseError, Verb, either, shaping};
use crate::scenario::text;
use dataplane::config::Limits;
use dataplane::control::{
    Hello, Lifetime, LinkSetting, NeighOrder, Order, Show, Switch, Target, vlan_name,
};
use dataplane::msg::Call;
use dataplane::types::DeviceName;
use dataplane::{Mac, Nanos, VlanId};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// The objects that there are.
const OBJECTS: [&str; 11] =
    ["addr", "route", "neigh", "vlan", "link", "qsch", "cls", "stats", "iftraf", "hello", "reload"];

type Parsed = Result<Order, ParseError>;

/// One line.
pub(super) fn verb(words: &mut Words<'_>) -> Result<Verb, ParseError> {
    let order = match words.one_of(&OBJECTS)? {
        "addr" => addr(words),
        "route" => route(words),
        "neigh" => neigh(words),
        "vlan" => vlan(words),
        "link" => link(words),
        "qsch" => shaping::qsch(words),
        "cls" => shaping::cls(words),
        "stats" => stats(words),
        "iftraf" => match words.one_of(&["enable", "disable"])? {
            "enable" => Ok(Order::Iftraf(Switch::Enable)),
            _ => Ok(Order::Iftraf(Switch::Disable)),
        },
        "hello" => hello(words),
        _ => return Ok(Verb::Reload(words.need("a scenario file")?.text.to_owned())),
    };
    order.map(Verb::Order)
}

/// What keys may follow; each has its place, and may be there once.
#[derive(Default)]
struct Keys {
    dev: Option<DeviceName>,
    via: Option<Ipv4Addr>,
    mtu: Option<u16>,
    mac: Option<Mac>,
    vid: Option<VlanId>,
    name: Option<DeviceName>,
    valid: Option<Option<Nanos>>,
    preferred: Option<()>,
}

/// Puts a value where none is yet.
pub(super) fn put<T>(
    words: &Words<'_>,
    key: &super::words::Word<'_>,
    slot: &mut Option<T>,
    value: T,
) -> Result<(), ParseError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(words.twice(key)),
    }
}

impl Keys {
    /// Reads keys and their values up to the end of the line.
    fn read(words: &mut Words<'_>, known: &[&str]) -> Result<Keys, ParseError> {
        let mut keys = Keys::default();
        while let Some(key) = words.next() {
            if !known.contains(&key.text) {
                return Err(words.unknown(&key, known));
            }
            match key.text {
                "dev" | "link" => {
                    let dev = words.device()?;
                    put(words, &key, &mut keys.dev, dev)?;
                }
                "via" => {
                    let via = words.read("a gateway's IPv4 address", text::address)?;
                    put(words, &key, &mut keys.via, via)?;
                }
                "mtu" => {
                    let mtu = mtu(words)?;
                    put(words, &key, &mut keys.mtu, mtu)?;
                }
                "lladdr" => {
                    let mac = words.read("an Ethernet address", text::mac)?;
                    put(words, &key, &mut keys.mac, mac)?;
                }
                "id" => {
                    let vid = words.number("a VLAN id", (1, 4094))?;
                    let vid = u16::try_from(vid).ok().and_then(VlanId::try_new);
                    let Some(vid) = vid else { unreachable!("1 to 4094 are VLAN ids") };
                    put(words, &key, &mut keys.vid, vid)?;
                }
                "name" => {
                    let name = words.new_name()?;
                    put(words, &key, &mut keys.name, name)?;
                }
                "valid_lft" => {
                    let valid = lifetime(words)?;
                    put(words, &key, &mut keys.valid, valid)?;
                }
                // DPVS: the help has the first, the parser only the second (defect B102). It has no
                // effect, here as there.
                _ => {
                    lifetime(words)?;
                    put(words, &key, &mut keys.preferred, ())?;
                }
            }
        }
        Ok(keys)
    }
}

fn mtu(words: &mut Words<'_>) -> Result<u16, ParseError> {
    let (min, max) = Limits::MTU;
    let mtu = words.number("an MTU in bytes", (min.into(), max.into()))?;
    Ok(u16::try_from(mtu).unwrap_or(max))
}

fn lifetime(words: &mut Words<'_>) -> Result<Option<Nanos>, ParseError> {
    if words.peek().is_some_and(|word| word.text == "forever") {
        words.next();
        return Ok(None);
    }
    let word = words.peek();
    let valid = words.seconds()?;
    match (word, (Lifetime::MIN..=Lifetime::MAX).contains(&valid)) {
        (Some(word), false) => {
            let message = format!("`{}` is out of range", word.text);
            Err(words.error(word.span, message, "1s to 49d, or `forever`"))
        }
        _ => Ok(Some(valid)),
    }
}

/// What is listed: all, or of one device only (`dev DEV`).
pub(super) fn show(words: &mut Words<'_>, what: fn(Option<DeviceName>) -> Show) -> Parsed {
    Ok(Order::Show(what(Keys::read(words, &["dev"])?.dev)))
}

fn addr(words: &mut Words<'_>) -> Parsed {
    let dev = |words: &mut Words<'_>, keys: Keys| words.required("`dev` and a device", keys.dev);
    match words.one_of(&["add", "del", "flush", "show"])? {
        "add" => {
            let net = words.read("an address with its prefix length", text::subnet)?;
            let known = ["dev", "valid_lft", "preferred_lft", "prefered_lft"];
            let keys = Keys::read(words, &known)?;
            let valid = keys.valid.flatten();
            Ok(Order::AddressAdd { dev: dev(words, keys)?, net, valid })
        }
        "del" => {
            let address = words.read("an address", |word| {
                let bare = text::subnet(word).map(|net| net.addr());
                bare.or_else(|_| text::address(word))
            })?;
            let keys = Keys::read(words, &["dev"])?;
            Ok(Order::AddressDel { dev: dev(words, keys)?, address })
        }
        "flush" => {
            let keys = Keys::read(words, &["dev"])?;
            Ok(Order::AddressFlush(dev(words, keys)?))
        }
        _ => show(words, Show::Addresses),
    }
}

fn route(words: &mut Words<'_>) -> Parsed {
    let to = |words: &mut Words<'_>| -> Result<Ipv4Net, ParseError> {
        words.read("a prefix, such as `10.0.0.0/8`, or `default`", text::destination)
    };
    match words.one_of(&["add", "del", "flush", "show"])? {
        "add" => {
            let to = to(words)?;
            let Keys { via, dev, mtu, .. } = Keys::read(words, &["via", "dev", "mtu"])?;
            if via.is_none() && dev.is_none() {
                words.required("`via` and a gateway, or `dev` and a device", None::<()>)?;
            }
            Ok(Order::RouteAdd { to, via, dev, mtu })
        }
        "del" => {
            let to = to(words)?;
            let Keys { via, dev, .. } = Keys::read(words, &["via", "dev"])?;
            Ok(Order::RouteDel { to, via, dev })
        }
        "flush" => Ok(Order::RouteFlush(Keys::read(words, &["dev"])?.dev)),
        _ => show(words, Show::Routes),
    }
}

fn neigh(words: &mut Words<'_>) -> Parsed {
    let add = match words.one_of(&["add", "del", "show"])? {
        "add" => true,
        "del" => false,
        _ => return show(words, Show::Neighbours),
    };
    let address = words.read("a neighbour's IPv4 address", text::address)?;
    let known: &[&str] = if add { &["lladdr", "dev"] } else { &["dev"] };
    let keys = Keys::read(words, known)?;
    let dev = words.required("`dev` and a device", keys.dev)?;
    let mac = match add {
        true => Some(words.required("`lladdr` and an Ethernet address", keys.mac)?),
        false => None,
    };
    Ok(Order::Neigh(NeighOrder { dev, address, mac }))
}

fn vlan(words: &mut Words<'_>) -> Parsed {
    match words.one_of(&["add", "del", "show"])? {
        "add" => {
            let keys = Keys::read(words, &["dev", "link", "id", "name"])?;
            let port = words.required("`dev` and a port", keys.dev)?;
            let vid = words.required("`id` and a VLAN id", keys.vid)?;
            let name = words.required("`name` and a name", keys.name.or(vlan_name(&port, vid)))?;
            Ok(Order::VlanAdd { port, vid, name })
        }
        "del" => {
            let named = words.peek().filter(|word| !["dev", "link", "id"].contains(&word.text));
            if let Some(word) = named {
                words.next();
                return Ok(Order::VlanDel(words.as_device(&word)?));
            }
            let start = words.peek().map_or(0, |word| word.span.start);
            let keys = Keys::read(words, &["dev", "link", "id"])?;
            let dev = words.required("the name of a VLAN device", keys.dev)?;
            let Some(vid) = keys.vid else { return Ok(Order::VlanDel(dev)) };
            let name = words.required("the name of a VLAN device", vlan_name(&dev, vid))?;
            Ok(Order::VlanDel(words.there_since(start, name.as_str())?))
        }
        _ => show(words, Show::Vlans),
    }
}

fn link(words: &mut Words<'_>) -> Parsed {
    let setting = words.one_of(&["set", "show"])? == "set";
    let statistics = words.peek().is_some_and(|word| word.text == "-s");
    if statistics && !setting {
        words.next();
    }
    if words.peek().is_some_and(|word| word.text == "dev") {
        words.next();
    }
    if !setting {
        let dev = words.peek().map(|_| words.device()).transpose()?;
        return Ok(Order::Show(Show::Links(dev)));
    }
    let dev = words.device()?;
    let known = ["forward2kni", "mtu"];
    let word = words.need(&either(&known))?;
    let set = match word.text {
        "mtu" => LinkSetting::Mtu(mtu(words)?),
        "forward2kni" => LinkSetting::Forward2Kni(words.one_of(&["on", "off"])? == "on"),
        "promisc" | "allmulticast" => {
            let mut error = words.unknown(&word, &known);
            error.help = Some(
                "a port takes every frame that its wire brings, so it would do nothing".into(),
            );
            return Err(error);
        }
        _ => return Err(words.unknown(&word, &known)),
    };
    Ok(Order::Link { dev, set })
}

fn stats(words: &mut Words<'_>) -> Parsed {
    words.one_of(&["show"])?;
    if words.peek().is_none() {
        return Ok(Order::Show(Show::Stats(None)));
    }
    words.one_of(&["lcore"])?;
    let word = words.need("the number of an lcore")?;
    Ok(Order::Show(Show::Stats(Some(words.as_lcore(&word)?))))
}

fn hello(words: &mut Words<'_>) -> Parsed {
    let word = words.need("the number of an lcore, or `workers`")?;
    let to = match word.text {
        "workers" => Target::Workers,
        _ => Target::Lcore(words.as_lcore(&word)?),
    };
    let (mut call, mut timeout, mut count) = (None, None, None);
    while let Some(key) = words.next() {
        match key.text {
            "sync" => put(words, &key, &mut call, Call::Sync)?,
            "async" => put(words, &key, &mut call, Call::Async)?,
            "timeout" => {
                let span = words.peek().map(|word| word.span);
                let value = words.read("1us to 60s", text::duration)?;
                let fits = (Nanos::from_micros(1)..=Nanos::from_secs(60)).contains(&value);
                if let (Some(span), false) = (span, fits) {
                    return Err(words.error(span, "it is out of range", "1us to 60s"));
                }
                put(words, &key, &mut timeout, value)?;
            }
            "count" => {
                let n = words.number("how many", (1, 65_535))?;
                put(words, &key, &mut count, u32::try_from(n).unwrap_or(1))?;
            }
            _ => return Err(words.unknown(&key, &["sync", "async", "timeout", "count"])),
        }
    }
    let (call, count) = (call.unwrap_or(Call::Sync), count.unwrap_or(1));
    Ok(Order::Hello(Hello { to, call, timeout, count }))
}
