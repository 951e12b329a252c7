//! Defects that can be planted, one at a time: to measure what the oracles of a simulator find.
//!
//! Each [`Defect`] stands at one place of the path or of a table, as one short condition. Which one is
//! planted, if any, is in [`Config::planted`](crate::Config::planted), and from there in whoever
//! asks. Without the feature `mutants`, which no normal build has, [`Planted`] has no size and
//! [`Planted::is`] is a constant `false`: not one instruction of it is left.
//!
//! Invariant: with none planted, the feature changes nothing.
//! Not here: who tries them, and what finds them (`cargo x scoreboard`, docs/scoreboard.md).
//!
//! The classes: `Bnn` and commits are rows of tests/defects.md, defects that DPVS has or had;
//! `classic` is what every dataplane gets wrong once. A double free is not among them: a buffer is
//! moved to whoever frees it, so that the compiler refuses a second one. What is left of it is
//! planted instead, an end that is booked twice. Nor are bands in the wrong order by themselves: a
//! pfifo_fast holds nothing back, so that no two packets ever meet in one; the defect makes it wait.

use std::fmt;
use std::str::FromStr;

/// Which defect is planted, if any is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted(#[cfg(feature = "mutants")] Option<Defect>);

impl Planted {
    /// This one.
    #[cfg(feature = "mutants")]
    pub const fn one(defect: Defect) -> Planted {
        Planted(Some(defect))
    }

    /// Whether it is this one.
    #[cfg(feature = "mutants")]
    #[inline]
    pub fn is(self, defect: Defect) -> bool {
        self.0 == Some(defect)
    }

    /// Whether it is this one: never.
    #[cfg(not(feature = "mutants"))]
    #[inline(always)]
    pub const fn is(self, _: Defect) -> bool {
        false
    }

    /// 1 if it is this one, else 0: for what is off by one.
    #[inline]
    pub fn one_if(self, defect: Defect) -> u32 {
        u32::from(self.is(defect))
    }
}

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $class:literal;)+) => {
        /// A defect that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Defect {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Defect {
            /// Every defect, in the order of the path, then of the tables behind it.
            pub const ALL: [Defect; [$($name),+].len()] = [$(Defect::$variant),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Defect::$variant => $name,)+
                }
            }

            /// Its row in tests/defects.md, or `classic`.
            pub const fn class(self) -> &'static str {
                match self {
                    $(Defect::$variant => $class,)+
                }
            }

            /// One sentence that says what is wrong.
            pub fn explain(self) -> &'static str {
                match self {
                    $(Defect::$variant => concat!($($doc,)+).trim_start(),)+
                }
            }
        }
    };
}

defects! {
    /// The last frame of a full burst that was received is forgotten.
    RxRemainder = "rx-remainder", "classic";
    /// A ring that is full loses the rest of an isolated-rx lcore's burst with it.
    IsolBurstLost = "isol-burst-lost", "B23";
    /// Who drops a packet whose TTL ran out does not free it.
    FreeForgotten = "free-forgotten", "classic";
    /// A drop is counted twice.
    DropCountedTwice = "drop-counted-twice", "f5504c6a";
    /// The end of a packet that did what it came for is booked twice.
    ConsumedTwice = "consumed-twice", "classic";
    /// The tag of a VLAN stays in the frame.
    TagNotPopped = "tag-not-popped", "classic";
    /// A frame leaves with the tag of the next VLAN.
    TagWrongVid = "tag-wrong-vid", "classic";
    /// What came in by a VLAN device passes its trees by.
    VlanIngressSkipped = "vlan-ingress-skipped", "B100";
    /// What a port refuses of a burst is not freed.
    TxRemainderLeaked = "tx-remainder-leaked", "classic";
    /// What a port refuses of a burst stays in the queue, and is not counted there.
    TxRemainderForgotten = "tx-remainder-forgotten", "classic";
    /// Packets are counted as sent before the port took them.
    TxCountedEarly = "tx-counted-early", "B21";
    /// A request for anybody's address is answered with ours.
    ArpForAnyone = "arp-for-anyone", "classic";
    /// An ARP reply names its own sender as its target.
    ArpWrongTarget = "arp-wrong-target", "classic";
    /// The copy of an ARP packet that does not fit into a ring is not freed.
    ArpCopyLeaked = "arp-copy-leaked", "f5504c6a";
    /// The first of the other workers gets no copies of ARP packets.
    ArpCopyMissing = "arp-copy-missing", "B08";
    /// A static neighbour learns another MAC from a reply.
    StaticOverridden = "static-overridden", "B04";
    /// A neighbour's MAC is used after its time.
    StaleNeighbour = "stale-neighbour", "classic";
    /// As many packets wait for a neighbour as come.
    NeighQueueUnlimited = "neigh-queue-unlimited", "B06";
    /// Packets that waited for a neighbour leave in reverse order.
    HeldReversed = "held-reversed", "classic";
    /// Of the packets that waited for a neighbour only the first leaves.
    HeldForgotten = "held-forgotten", "classic";
    /// Packets go on waiting for a neighbour that has become static.
    HeldByStatic = "held-by-static", "B05";
    /// One ARP request more is sent before a neighbour is given up.
    OneRequestMore = "one-request-more", "classic";
    /// The packets that waited for a neighbour that is given up are not freed.
    GivenUpLeaked = "given-up-leaked", "classic";
    /// An IPv4 header with a wrong checksum is taken.
    ChecksumUnchecked = "checksum-unchecked", "B39";
    /// What is behind a packet in its frame is forwarded with it.
    PaddingKept = "padding-kept", "classic";
    /// Packets in frames for other stations are taken.
    OtherHostTaken = "other-host-taken", "B99";
    /// Packets from addresses that no host has, ours among them, are taken.
    MartianTaken = "martian-taken", "B40";
    /// A ping to the broadcast address of a subnet is answered.
    BroadcastAnswered = "broadcast-answered", "B55";
    /// A packet with a TTL of 1 is forwarded: `<` for `<=`.
    TtlLess = "ttl-less", "classic";
    /// The header's checksum is not updated when the TTL is.
    ChecksumStale = "checksum-stale", "classic";
    /// DF is not heeded.
    DfIgnored = "df-ignored", "B51";
    /// One byte more than the MTU leaves whole.
    MtuOneOver = "mtu-one-over", "classic";
    /// All our own packets have one identification.
    IdConstant = "id-constant", "classic";
    /// The offset of a fragment is written in bytes.
    OffsetUnit = "offset-unit", "classic";
    /// A fragment that is cut again loses its "more fragments".
    MoreFragmentsLost = "more-fragments-lost", "B44";
    /// Every option is copied into every fragment.
    OptionsCopied = "options-copied", "B44";
    /// The fragments that were made before the pool was empty are not freed.
    PiecesLeaked = "pieces-leaked", "classic";
    /// Fragments of different protocols are one datagram.
    KeyWithoutProtocol = "key-without-protocol", "classic";
    /// Fragments that overlap are held.
    OverlapTaken = "overlap-taken", "classic";
    /// The fragments behind the first are joined in reverse order.
    JoinReversed = "join-reversed", "B45";
    /// Datagrams that do not become whole are held for ever.
    NeverExpires = "never-expires", "B47";
    /// The fragments of a datagram that is given up are not freed.
    ExpiredLeaked = "expired-leaked", "B47";
    /// An answered echo keeps the checksum of its request.
    EchoChecksumStale = "echo-checksum-stale", "classic";
    /// An ICMP error is answered by an ICMP error.
    ErrorAboutError = "error-about-error", "classic";
    /// The limit of ICMP errors is not heeded.
    ErrorLimitIgnored = "error-limit-ignored", "B55";
    /// An echo that does not fit into the ring of who takes them all is not freed.
    RedirectRingLost = "redirect-ring-lost", "classic";
    /// A frame that does not fit into the ring to the kernel is not freed.
    KniRingLost = "kni-ring-lost", "B92";
    /// The kernel gets a frame of which it has a copy already.
    KniTwice = "kni-twice", "B101";
    /// A sample that does not fit into its ring is counted as taken.
    SampleUncounted = "sample-uncounted", "classic";
    /// The shortest prefix wins.
    ShortestPrefix = "shortest-prefix", "B32";
    /// A connected route goes with the first of its addresses.
    ConnectedGone = "connected-gone", "B31";
    /// Routes keep the MTU that their device had.
    RouteMtuKept = "route-mtu-kept", "B33";
    /// A deleted route stays with the last worker.
    RouteKeptByOne = "route-kept-by-one", "B29";
    /// Workers make the first half of a reload.
    ReloadHalf = "reload-half", "B84";
    /// Nobody undoes a change that another lcore could not make.
    UndoForgotten = "undo-forgotten", "B70";
    /// Neighbours of a VLAN device stay when it goes.
    GoneDeviceNeighbours = "gone-device-neighbours", "B07";
    /// An address lives a second longer than it was told.
    LifetimeOneMore = "lifetime-one-more", "classic";
    /// Workers behind the first full neigh_ring do not hear of a static neighbour.
    NeighSyncStops = "neigh-sync-stops", "B08";
    /// SLOW jobs run one tick before theirs.
    SlowModulo = "slow-modulo", "classic";
    /// Nobody says that a packet in a Qsch may go now: its lcore sleeps on.
    WakeLost = "wake-lost", "classic";
    /// Idle time counts one poll for all receive queues of a lcore together.
    IdlePolls = "idle-polls", "classic";
    /// Idle time does not count how often a tbf had to wait.
    IdleOverlimits = "idle-overlimits", "classic";
    /// A timer fires up to a tick early.
    TimerEarly = "timer-early", "B75";
    /// A timer in slot 0 of the wheel fires a turn late.
    WheelCarry = "wheel-carry", "87fbf8dc";
    /// A timer of more than 524.288 s fires so much early.
    WheelWrap = "wheel-wrap", "B71";
    /// A timer that was cancelled fires.
    CancelledFires = "cancelled-fires", "classic";
    /// The burst of a tbf is twice what it was told.
    TbfBurst = "tbf-burst", "classic";
    /// Each lcore fills a bucket of its own for a tbf that all share.
    TokensPerLcore = "tokens-per-lcore", "classic";
    /// One byte more than its limit waits in a tbf.
    TbfOneOver = "tbf-one-over", "B58";
    /// What waits in a Qsch leaves in reverse order.
    QschReversed = "qsch-reversed", "classic";
    /// A pfifo_fast lets nothing go before its lcore's next turn, and then its last band first.
    BandsReversed = "bands-reversed", "classic";
    /// Classifiers are asked from the lowest priority up.
    ClsLowestFirst = "cls-lowest-first", "classic";
    /// A classifier compares the destination with the range of the source.
    ClsDstBySrc = "cls-dst-by-src", "15b71f09";
    /// A classifier reads a type with its bytes exchanged.
    ClsTypeSwapped = "cls-type-swapped", "B64";
    /// A classifier reads the ports of fragments that have none.
    ClsFragmentPorts = "cls-fragment-ports", "B69";
    /// What waits in a Qsch that is deleted is not freed.
    QschDeletedLeaks = "qsch-deleted-leaks", "B62";
    /// A reply to a multicast counts for two lcores.
    ReplyCountedTwice = "reply-counted-twice", "65f8d7ec";
    /// A request that nobody answers stays open for ever.
    TimeoutIgnored = "timeout-ignored", "B77";
    /// A request is carried out after its deadline.
    LateExecuted = "late-executed", "B78";
    /// The frame in a message that could not be sent is not freed.
    UnsentLeaked = "unsent-leaked", "B82";
    /// A multicast goes to those whose rings have room.
    PartialMulticast = "partial-multicast", "B80";
    /// The first worker sends everything for the master.
    TurnStuck = "turn-stuck", "B12";
    /// An arp_ring holds one packet less than it was told.
    RingOneLess = "ring-one-less", "classic";
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Defect {
    type Err = String;

    fn from_str(text: &str) -> Result<Defect, String> {
        let defect = Defect::ALL.into_iter().find(|defect| defect.name() == text);
        defect.ok_or_else(|| format!("\"{text}\" is no defect that can be planted"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_defect_has_a_name_a_class_and_a_sentence_of_its_own() {
        assert!(Defect::ALL.len() >= 40, "{}", Defect::ALL.len());
        for (at, defect) in Defect::ALL.into_iter().enumerate() {
            let (name, before) = (defect.name(), &Defect::ALL[..at]);
            assert_eq!(name.parse(), Ok(defect));
            assert!(before.iter().all(|other| other.explain() != defect.explain()), "{name}");
            assert!(defect.explain().ends_with('.'), "{name}");
            assert!(!defect.class().is_empty(), "{name}");
        }
        assert!("none".parse::<Defect>().unwrap_err().contains("\"none\" is no defect"));
    }

    #[cfg(not(feature = "mutants"))]
    #[test]
    fn a_normal_build_has_none_of_them() {
        assert_eq!(size_of::<Planted>(), 0);
        const { assert!(!Planted().is(Defect::TtlLess)) };
        assert!(Defect::ALL.into_iter().all(|defect| !Planted::default().is(defect)));
    }

    #[cfg(feature = "mutants")]
    #[test]
    fn one_is_planted_or_none() {
        for defect in Defect::ALL {
            assert!(!Planted::default().is(defect));
            let planted = Planted::one(defect);
            let those = Defect::ALL.into_iter().filter(|other| planted.is(*other));
            assert_eq!(those.collect::<Vec<_>>(), [defect]);
        }
    }
}
