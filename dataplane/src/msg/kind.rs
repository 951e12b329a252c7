//! The types of messages: DPVS's names, numbers and priorities. Spec 8.1.

use crate::job::Role;
use std::fmt;

/// How important messages of a type are. A request whose priority is beyond the level that
/// `Policy::msg_priority_level` sets is not sent; replies always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// As a level: no request is sent.
    Ign,
    /// Without these the box does not work.
    High,
    /// These change the state of the lcores.
    Norm,
    /// These only ask for it.
    Low,
}

impl Priority {
    /// Every priority, the most important first.
    pub const ALL: [Priority; 4] = [Priority::Ign, Priority::High, Priority::Norm, Priority::Low];

    /// The name in scenarios: DPVS's keyword of `priority_level`.
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Ign => "ign",
            Priority::High => "high",
            Priority::Norm => "norm",
            Priority::Low => "low",
        }
    }
}

macro_rules! types {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $number:literal $text:literal $priority:ident $roles:expr;
    )+) => {
        /// The type of a message. A closed set: the `match` over what each carries is in
        /// `lcore/messages.rs`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum MsgType {
            $($(#[doc = $doc])+ $name,)+
        }

        impl MsgType {
            /// Every type, in the order of their numbers.
            pub const ALL: [MsgType; [$($text),+].len()] = [$(MsgType::$name),+];

            /// DPVS's number (`MSG_TYPE_…`).
            pub const fn number(self) -> u32 {
                match self {
                    $(MsgType::$name => $number,)+
                }
            }

            /// DPVS's name without `MSG_TYPE_`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(MsgType::$name => $text,)+
                }
            }

            /// How important it is.
            pub const fn priority(self) -> Priority {
                match self {
                    $(MsgType::$name => Priority::$priority,)+
                }
            }

            /// Who has a handler for it.
            const fn roles(self) -> &'static [Role] {
                match self {
                    $(MsgType::$name => $roles,)+
                }
            }
        }
    };
}

types! {
    /// Says that one is there; the answer has the tick.
    Hello = 3 "HELLO" Low &[Role::Master, Role::Worker];
    /// A frame of the master's that a worker is to send.
    MasterXmit = 5 "MASTER_XMIT" High &[Role::Worker];
    /// A route is there.
    RouteAdd = 6 "ROUTE_ADD" Norm &[Role::Worker];
    /// A route is gone.
    RouteDel = 7 "ROUTE_DEL" Norm &[Role::Worker];
    /// Asks for what an lcore counted.
    LcoreStats = 8 "NETIF_LCORE_STATS" Low &[Role::Worker];
    /// Asks whom an lcore knows on the links.
    NeighGet = 18 "NEIGH_GET" Low &[Role::Worker];
    /// Asks for an lcore's addresses.
    IfaGet = 22 "IFA_GET" Low &[Role::Worker];
    /// An address is there, or gone.
    IfaSet = 23 "IFA_SET" Norm &[Role::Worker];
    /// Asks for what the Qschs counted.
    QschGet = 27 "TC_QSCH_GET" Low &[Role::Worker];
    /// A change of Qschs.
    QschSet = 28 "TC_QSCH_SET" Norm &[Role::Worker];
    /// Asks how often the classifiers matched.
    ClsGet = 29 "TC_CLS_GET" Low &[Role::Worker];
    /// A change of classifiers.
    ClsSet = 30 "TC_CLS_SET" Low &[Role::Worker];
    /// Routes are gone, of one device or of all.
    RouteFlush = 44 "ROUTE_FLUSH" Norm &[Role::Worker];
    /// A VLAN device is there, or gone with all that belongs to it. Not DPVS's.
    VlanSet = 60 "VLAN_SET" Norm &[Role::Worker];
    /// A setting of a device has changed. Not DPVS's.
    LinkSet = 61 "LINK_SET" Norm &[Role::Worker];
    /// Another configuration is in use. Not DPVS's.
    ConfigSet = 62 "CONFIG_SET" Norm &[Role::Worker];
    /// The change of an order is to be undone: not every lcore could make it. Not DPVS's.
    Undo = 63 "UNDO" High &[Role::Worker];
    /// To sample packets, or to stop it. DPVS has none: its lcores share a flag. The number is ours,
    /// beyond all of DPVS's.
    IftrafSet = 1000 "IFTRAF_SET" Norm &[Role::Worker];
}

impl MsgType {
    /// Whether an lcore of that role has a handler for it.
    pub fn is_handled_by(self, role: Role) -> bool {
        self.roles().contains(&role)
    }
}

impl fmt::Display for MsgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
