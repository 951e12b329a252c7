//! Which receive queue a frame goes to: receive side scaling, as network cards do it.
//!
//! The Toeplitz hash of the IPv4 addresses, and of the ports of unfragmented TCP and UDP, picks one
//! of 128 entries of a table; these name the queues in turn. What is not IPv4 goes to the queue of
//! entry 0.
//!
//! Invariant: both directions of a flow go to the same queue, because the key has a period of 16
//! bits. Not here: checking the frame; whatever is malformed hashes as far as it goes.

use dataplane::QueueId;

/// The key whose hash is the same when source and destination change places.
const SYMMETRIC: [u8; KEY] = {
    let mut key = [0x6d; KEY];
    let mut at = 1;
    while at < KEY {
        key[at] = 0x5a;
        at += 2;
    }
    key
};

const KEY: usize = 40;
/// Source and destination address, source and destination port.
const INPUT: usize = 12;
const ENTRIES: u32 = 128;

/// The hash of each byte value at each place, under the symmetric key.
static TABLE: [[u32; 256]; INPUT] = table(&SYMMETRIC);

const fn table(key: &[u8; KEY]) -> [[u32; 256]; INPUT] {
    let mut table = [[0; 256]; INPUT];
    let mut place = 0;
    while place < INPUT {
        let mut value = 0;
        while value < 256 {
            let mut bit = 0;
            while bit < 8 {
                if value & (0x80 >> bit) != 0 {
                    table[place][value] ^= window(key, place * 8 + bit);
                }
                bit += 1;
            }
            value += 1;
        }
        place += 1;
    }
    table
}

/// The 32 bits of the key from `bit` on.
const fn window(key: &[u8; KEY], bit: usize) -> u32 {
    let byte = bit / 8;
    let high = u32::from_be_bytes([key[byte], key[byte + 1], key[byte + 2], key[byte + 3]]);
    let shift = bit % 8;
    if shift == 0 { high } else { high << shift | (key[byte + 4] >> (8 - shift)) as u32 }
}

/// The receive queue of a frame on a port that has `queues` of them.
pub fn queue(frame: &[u8], queues: u16) -> QueueId {
    if queues < 2 {
        return QueueId(0);
    }
    let entry = hash(frame) % ENTRIES % u32::from(queues);
    QueueId(u16::try_from(entry).unwrap_or(0))
}

/// The hash of a frame; zero for what is not IPv4.
fn hash(frame: &[u8]) -> u32 {
    let Some(input) = ip_packet(frame).and_then(flow) else {
        return 0;
    };
    input.iter().zip(&TABLE).fold(0, |hash, (byte, row)| hash ^ row[usize::from(*byte)])
}

/// What follows the Ethernet header and its VLAN tags, if it is IPv4.
fn ip_packet(frame: &[u8]) -> Option<&[u8]> {
    behind_tags(frame)?.strip_prefix(&[0x08, 0x00])
}

/// The EtherType behind up to two VLAN tags, and all from it on; nothing if there are no addresses.
pub(crate) fn behind_tags(frame: &[u8]) -> Option<&[u8]> {
    let mut rest = frame.get(12..)?;
    for _ in 0..2 {
        if let [0x81, 0x00, _, _, tagged @ ..] | [0x88, 0xa8, _, _, tagged @ ..] = rest {
            rest = tagged;
        }
    }
    Some(rest)
}

/// What is hashed: addresses, and ports where there are any. Zeros add nothing to a hash.
fn flow(packet: &[u8]) -> Option<[u8; INPUT]> {
    let header = packet.first_chunk::<20>()?;
    let mut input = [0; INPUT];
    input[..8].copy_from_slice(&header[12..]);
    // More fragments, or an offset: not every fragment has the ports.
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
    let has_ports = matches!(header[9], 6 | 17);
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if has_ports
        && !fragment
        && let Some(ports) = packet.get(header_len..header_len + 4)
    {
        input[8..].copy_from_slice(ports);
    }
    Some(input)
}

#[cfg(test)]
mod tests;
