//! Everything that has a limit, and what the limits may be.

/// Everything that has a limit. Units and ranges as said; DPVS's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packets that may wait for one neighbour, 1..=8192 (DPVS holds one more: defect B06).
    pub neigh_queue: u32,
    /// Neighbours that an lcore may know, 1..=1,048,576.
    pub neigh_entries: u32,
    /// Datagrams of which an lcore may hold fragments, 1..=65,536 (DPVS: `max_entries` 4096).
    pub reasm_datagrams: u32,
    /// Fragments that an lcore may hold, 1..=1,048,576.
    pub reasm_fragments: u32,
    /// Bytes of payload in them, 65,535..=1 GiB. Linux's limit is 4 MiB too.
    pub reasm_bytes: u32,
    /// Frames that an arp_ring holds, 1..=65,535 (DPVS: size 2048, of which one stays free).
    pub arp_ring: u32,
    /// Changes that a neigh_ring holds, 1..=65,535.
    pub neigh_ring: u32,
    /// Messages that a msg_ring holds, 1..=524,287 (DPVS: size 4096, of which one stays free).
    pub msg_ring: u32,
    /// Conversations that an lcore may have open, 1..=65,535.
    pub msg_open: u32,
    /// Frames that the ring of an isolated receive queue holds, 1..=1,048,575. DPVS's default is
    /// the largest, more than our pool has buffers.
    pub isol_ring: u32,
    /// Frames that wait for the kernel side of a device, 1..=65,535.
    pub kni_ring: u32,
    /// Echoes that wait for the worker that takes them all, 1..=65,535 (DPVS: size 2048).
    pub icmp_redirect_ring: u32,
    /// Samples that wait for the master, of each worker, 1..=65,535 (DPVS: size 1024).
    pub iftraf_ring: u32,
    /// Flows that the master knows to talk, 1..=1,048,576. DPVS: 4096 buckets of any length.
    pub iftraf_flows: u32,
    /// Hosts that the master knows to talk, 1..=1,048,576. DPVS: 1024 buckets of any length.
    pub iftraf_hosts: u32,
    /// Frames that one poll takes from a receive queue at most, 1..=32 (DPVS: `NETIF_MAX_PKT_BURST`).
    pub rx_burst: u32,
    /// Packets that a transmit queue buffers before it bursts them out by itself, 1..=32.
    pub tx_burst: u32,
    /// Buffers in the pool, 64..=1,048,575.
    pub pool: u32,
    /// Frames that a receive queue holds, 1..=32,768.
    pub rx_descriptors: u32,
    /// Frames that a transmit queue of the port holds, 1..=32,768.
    pub tx_descriptors: u32,
}

impl Limits {
    /// The range of `neigh_queue`.
    pub const NEIGH_QUEUE: (u32, u32) = (1, 8192);
    /// The range of `neigh_entries`.
    pub const NEIGH_ENTRIES: (u32, u32) = (1, 1_048_576);
    /// The range of `reasm_datagrams`.
    pub const REASM_DATAGRAMS: (u32, u32) = (1, 65_536);
    /// The range of `reasm_fragments`.
    pub const REASM_FRAGMENTS: (u32, u32) = (1, 1_048_576);
    /// The range of `reasm_bytes`: the longest fragment has room.
    pub const REASM_BYTES: (u32, u32) = (65_535, 1 << 30);
    /// The range of `arp_ring`, `neigh_ring`, `kni_ring`, `icmp_redirect_ring` and `iftraf_ring`.
    pub const RING: (u32, u32) = (1, 65_535);
    /// The range of `iftraf_flows` and `iftraf_hosts`.
    pub const IFTRAF_ENTRIES: (u32, u32) = (1, 1_048_576);
    /// The range of `msg_ring`.
    pub const MSG_RING: (u32, u32) = (1, 524_287);
    /// The range of `msg_open`.
    pub const MSG_OPEN: (u32, u32) = (1, 65_535);
    /// The range of `isol_ring`.
    pub const ISOL_RING: (u32, u32) = (1, 1_048_575);
    /// The range of `rx_burst`.
    pub const RX_BURST: (u32, u32) = (1, 32);
    /// The range of `tx_burst`.
    pub const TX_BURST: (u32, u32) = (1, 32);
    /// The range of `pool`.
    pub const POOL: (u32, u32) = (64, 1_048_575);
    /// The range of `rx_descriptors` and `tx_descriptors`.
    pub const DESCRIPTORS: (u32, u32) = (1, 32_768);
    /// The range of an MTU, in bytes: RFC 791's smallest, DPVS's largest.
    pub const MTU: (u16, u16) = (68, 9000);
    /// Qschs that a device may have, in both trees.
    pub const QSCHS: usize = 64;
    /// Classifiers that a Qsch may have.
    pub const CLASSES: usize = 64;
    /// The range of the limit of a Qsch in packets or bytes, and of the burst of a tbf in bytes.
    pub const QSCH_LIMIT: (u64, u64) = (1, u32::MAX as u64);
    /// The range of the rate of a tbf, in bits a second: from a byte.
    pub const TBF_RATE: (u64, u64) = (8, 10_000_000_000_000);
    /// Ports that a process may have (`RTE_MAX_ETHPORTS`).
    pub const PORTS: u64 = 32;
    /// The highest number of a device. A number is given once in a run.
    pub const DEVICE_ID_MAX: u16 = 65_534;
    /// Queues that a port may have in each direction (`NETIF_MAX_QUEUES`).
    pub const QUEUES: u64 = 16;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            neigh_queue: 128,
            neigh_entries: 65_536,
            reasm_datagrams: 4096,
            reasm_fragments: 8192,
            reasm_bytes: 4 << 20,
            arp_ring: 2047,
            neigh_ring: 2047,
            msg_ring: 4095,
            msg_open: 1024,
            isol_ring: 16_383,
            kni_ring: 2047,
            icmp_redirect_ring: 2047,
            iftraf_ring: 1023,
            iftraf_flows: 4096,
            iftraf_hosts: 1024,
            rx_burst: 32,
            tx_burst: 32,
            pool: 16_383,
            rx_descriptors: 256,
            tx_descriptors: 512,
        }
    }
}

/// A token bucket over virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Tokens a second, at least 1.
    pub per_second: u32,
    /// Tokens that the bucket holds, at least 1. It starts full.
    pub burst: u32,
}
