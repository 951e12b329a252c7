//! How values get from TOML into the tables of `file.rs`: with their place, and out of their text.
//!
//! Invariant: whatever is [`At`] knows the bytes of the file that it was written in, so that each
//! later complaint can point at them. The JSON Schema knows nothing of places.

use super::text;
use crate::fault::{FAULT, Fault};
use crate::plan::{Ours, Timing};
use dataplane::control::Target;
use dataplane::tc::{Handle, Range};
use dataplane::wire::ethernet::EtherType;
use dataplane::{Mac, Nanos};
use ipnet::Ipv4Net;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::Ipv4Addr;
use toml::Spanned;

/// Bytes of the scenario file, from..to.
pub type Span = std::ops::Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let span = spanned.span();
        Ok(At { value: spanned.into_inner(), span })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A value that is written as text.
pub trait FromText: Sized {
    /// Its name in the JSON Schema.
    const NAME: &'static str;
    /// What it looks like.
    const EXPECTED: &'static str;
    /// The pattern that the text matches, as far as a pattern can say.
    const PATTERN: &'static str;
    /// Whether a plain number will do, too.
    const NUMBER: bool = false;

    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong with it.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// Something that was read out of its text.
#[derive(Clone, Debug)]
pub struct Text<T>(pub T);

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromText> Visitor<'_> for TextVisitor<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
        T::from_text(text).map(Text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text<T>, E> {
        match T::NUMBER {
            true => self.visit_str(&number.to_string()),
            false => Err(E::invalid_type(serde::de::Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text<T>, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(number), &self)),
        }
    }
}

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<T>, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

impl<T: FromText> JsonSchema for Text<T> {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let description = T::EXPECTED;
        let text = json_schema!({ "type": "string", "pattern": T::PATTERN });
        match T::NUMBER {
            false => json_schema!({
                "description": description, "type": "string", "pattern": T::PATTERN
            }),
            true => json_schema!({
                "description": description,
                "anyOf": [{ "type": "integer", "minimum": 0 }, text]
            }),
        }
    }
}

/// A rate in bits a second.
#[derive(Clone, Copy, Debug)]
pub struct Rate(pub u64);
/// A seed.
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub u64);
/// A share of a whole, in millionths.
#[derive(Clone, Copy, Debug)]
pub struct Loss(pub u32);
/// A destination.
#[derive(Clone, Copy, Debug)]
pub struct Destination(pub Ipv4Net);
/// The bytes of a frame.
#[derive(Clone, Debug)]
pub struct Frame(pub Vec<u8>);
/// Addresses of IPv4.
#[derive(Clone, Copy, Debug)]
pub struct AddressRange(pub Range<Ipv4Addr>);
/// Ports of TCP, UDP or SCTP.
#[derive(Clone, Copy, Debug)]
pub struct PortRange(pub Range<u16>);
/// A protocol of IPv4.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolName(pub u8);
/// The type of a frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameType(pub EtherType);

macro_rules! from_text {
    ($type:ty, $name:literal, $expected:expr, $number:literal, $pattern:literal, $read:expr) => {
        impl FromText for $type {
            const NAME: &'static str = $name;
            const EXPECTED: &'static str = $expected;
            const PATTERN: &'static str = $pattern;
            const NUMBER: bool = $number;
            fn from_text(text: &str) -> Result<$type, String> {
                $read(text)
            }
        }
    };
}

from_text!(
    Nanos,
    "duration",
    text::DURATION,
    false,
    r"^\s*(0|([0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|min|h|d)\s*)+)$",
    text::duration
);
from_text!(
    Timing,
    "timing",
    text::TIMING,
    false,
    r"^(recorded|back-to-back|scaled=[0-9]+((\.|/)[0-9]+)?|gap=.+)$",
    text::timing
);
from_text!(Mac, "mac", text::MAC, false, r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", text::mac);
from_text!(
    Ipv4Addr,
    "address",
    text::ADDRESS,
    false,
    r"^([0-9]{1,3}\.){3}[0-9]{1,3}$",
    text::address
);
from_text!(
    Ipv4Net,
    "subnet",
    text::SUBNET,
    false,
    r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$",
    text::subnet
);
from_text!(
    Ours,
    "ours",
    text::OURS,
    false,
    r"^(([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}|([0-9]{1,3}\.){3}[0-9]{1,3})$",
    text::ours
);
from_text!(
    Destination,
    "destination",
    text::DESTINATION,
    false,
    r"^(default|([0-9]{1,3}\.){3}[0-9]{1,3}(/[0-9]{1,2})?)$",
    |text| text::destination(text).map(Destination)
);
from_text!(
    Rate,
    "rate",
    text::RATE,
    true,
    r"^[0-9]+(\.[0-9]+)?\s*[kKMGT]?(bit|bit/s|bps)?$",
    |text| text::rate(text).map(Rate)
);
from_text!(
    Fault,
    "fault",
    FAULT,
    false,
    r"^(alloc|ring|tx|lose|mute|deaf|dup|late|flip|cut|full|room|back|down|stall|cost|ahead|drift|order):.+$",
    str::parse
);
from_text!(Seed, "seed", text::SEED, true, r"^([0-9]+|[0-9a-fA-F]{7,40})$", |text| text::seed(
    text
)
.map(Seed));
from_text!(Loss, "loss", text::LOSS, false, r"^[0-9]+(\.[0-9]{1,4})?\s*%$", |text| text::loss(
    text
)
.map(Loss));
from_text!(Target, "target", text::TARGET, true, r"^([0-9]+|workers)$", text::target);
from_text!(Frame, "frame", text::HEX, false, r"^[0-9a-fA-F:\s]+$", |text| text::hex(text)
    .map(Frame));

from_text!(
    Handle,
    "handle",
    text::tc::HANDLE,
    false,
    r"^(root|ingress|[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4})$",
    text::tc::handle
);
from_text!(
    AddressRange,
    "addresses",
    text::tc::ADDRESSES,
    false,
    r"^([0-9]{1,3}\.){3}[0-9]{1,3}(/[0-9]{1,2}|\s*-\s*([0-9]{1,3}\.){3}[0-9]{1,3})?$",
    |text| text::tc::addresses(text).map(AddressRange)
);
from_text!(
    PortRange,
    "ports",
    text::tc::PORTS,
    true,
    r"^[0-9]{1,5}(\s*-\s*[0-9]{1,5})?$",
    |text| text::tc::ports(text).map(PortRange)
);
from_text!(
    ProtocolName,
    "protocol",
    text::tc::PROTOCOL,
    true,
    r"^(icmp|tcp|udp|sctp|[0-9]{1,3})$",
    |text| text::tc::protocol(text).map(ProtocolName)
);
from_text!(
    FrameType,
    "ether-type",
    text::tc::ETHER_TYPE,
    false,
    r"^(ipv4|arp|vlan|ipv6|0x[0-9a-fA-F]{1,4})$",
    |text| text::tc::ether_type(text).map(FrameType)
);

/// Queues by port, in the order in which they are written: `{ lan = [0, 1], wan = [0] }`.
#[derive(Clone, Debug, Default)]
pub struct Queues(pub Vec<(At<String>, Vec<At<u64>>)>);

struct QueuesVisitor;

impl<'de> Visitor<'de> for QueuesVisitor {
    type Value = Queues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("queues by port, such as { lan = [0], wan = [0] }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Queues, A::Error> {
        let mut queues = Vec::new();
        while let Some(entry) = map.next_entry::<At<String>, Vec<At<u64>>>()? {
            queues.push(entry);
        }
        // TOML hands a table over sorted by key; the places still tell how it was written.
        queues.sort_by_key(|(port, _)| port.span.start);
        Ok(Queues(queues))
    }
}

impl<'de> Deserialize<'de> for Queues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Queues, D::Error> {
        deserializer.deserialize_map(QueuesVisitor)
    }
}

impl JsonSchema for Queues {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("queues")
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Queues by port, such as { lan = [0], wan = [0] }.",
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": { "type": "integer", "minimum": 0, "maximum": 15 }
            }
        })
    }
}
