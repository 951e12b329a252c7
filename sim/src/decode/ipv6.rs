//! IPv6: the fixed header only. The dataplane does not route it.

use super::{ipv4, truncated};
use etherparse::Ipv6HeaderSlice;
use etherparse::err::ipv6::HeaderSliceError;
use std::fmt::{self, Write};

pub(super) fn datagram(out: &mut dyn Write, bytes: &[u8], snapped: bool) -> fmt::Result {
    let header = match Ipv6HeaderSlice::from_slice(bytes) {
        Ok(header) => header,
        Err(HeaderSliceError::Len(error)) => {
            return truncated(out, "ipv6", "header", error.required_len, bytes.len());
        }
        Err(HeaderSliceError::Content(_)) => {
            let version = bytes.first().map_or(0, |first| first >> 4);
            return write!(out, "ipv6 malformed: version {version}");
        }
    };
    write!(out, "ipv6 {} > {} ", header.source_addr(), header.destination_addr())?;
    ipv4::protocol(out, header.next_header())?;
    let len = usize::from(header.payload_length());
    write!(out, " hops {} len {len}", header.hop_limit())?;
    let here = bytes.len() - header.slice().len();
    if len > here && !snapped {
        write!(out, " BAD-IP-LENGTH {len}, {here} bytes here")?;
    }
    Ok(())
}
