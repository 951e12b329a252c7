//! Why an order was not done: DPVS's code for it, and a sentence that says what to do about it.

use crate::msg::Code;
use crate::tc::TcError;

macro_rules! refusals {
    ($($name:ident = $word:literal $code:ident $number:literal $sentence:literal;)+) => {
        /// Why an order was not done. Nothing has changed then, on any lcore.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refused {
            $(#[doc = $sentence] $name,)+
            /// A message to the workers did not get through, or one could not answer in time.
            Message(Code),
            /// Traffic control could not be changed so.
            Tc(TcError),
        }

        impl Refused {
            /// All but those of messages.
            pub const ALL: &'static [Refused] = &[$(Refused::$name),+];

            /// The word for it in traces.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Refused::$name => $word,)+
                    Refused::Message(code) => code.name(),
                    Refused::Tc(why) => why.name(),
                }
            }

            /// DPVS's name of the code, without `EDPVS_`.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Refused::$name => stringify!($code),)+
                    Refused::Tc(TcError::NoDevice) => "NODEV",
                    Refused::Tc(TcError::QschExists(_)) => "EXIST",
                    Refused::Tc(TcError::NoQsch(_)) => "NOTEXIST",
                    Refused::Tc(_) => "INVAL",
                    Refused::Message(code) => match code {
                        Code::Ok => "OK",
                        Code::Invalid => "INVAL",
                        Code::Unregistered => "NOTEXIST",
                        Code::Full => "DPDKAPIFAIL",
                        Code::Busy => "BUSY",
                        Code::Disabled => "DISABLED",
                        Code::Failed => "MSG_FAIL",
                        Code::TimedOut => "MSG_DROP",
                    },
                }
            }

            /// DPVS's number of the code.
            pub const fn number(self) -> i32 {
                match self {
                    $(Refused::$name => $number,)+
                    Refused::Message(code) => code.number(),
                    Refused::Tc(TcError::NoDevice) => -27,
                    Refused::Tc(TcError::QschExists(_)) => -3,
                    Refused::Tc(TcError::NoQsch(_)) => -4,
                    Refused::Tc(_) => -1,
                }
            }

            /// What is wrong, and what to do about it.
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Refused::$name => $sentence,)+
                    Refused::Tc(_) => "traffic control cannot be changed so: the trace says why",
                    Refused::Message(code) => match code {
                        Code::Ok => "nothing is wrong",
                        Code::Invalid => "it takes no messages",
                        Code::Unregistered => "it has no handler for such messages",
                        Code::Full => "its ring of messages is full: try again later",
                        Code::Busy => "as many conversations are open as may be (limits.msg_open)",
                        Code::Disabled => {
                            "policy.msg_priority_level is set so low that such messages are not sent"
                        }
                        Code::Failed => "it could not",
                        Code::TimedOut => "it did not answer in time (policy.msg_timeout)",
                    },
                }
            }
        }
    };
}

refusals! {
    NoDevice = "no_device" NODEV -27 "there is no such device: `link show` lists them";
    KernelPort = "kernel_port" NOTSUPP -14
        "it is the kernel's own port: name the device whose kernel side it is";
    NoLcore = "no_lcore" NOTEXIST -4 "there is no such lcore";
    AddressThere = "address_there" EXIST -3 "the address is ours already: `addr show` says where";
    AddressAbsent = "address_absent" NOTEXIST -4 "the device has no such address";
    AddressBad = "address_bad" INVAL -1
        "no host may have this address: it is a subnet's own, its broadcast, or of no unicast class";
    LifetimeRange = "lifetime_range" INVAL -1 "an address is valid for 1s to 49 days, or for ever";
    MacBad = "mac_bad" INVAL -1 "a neighbour has a unicast MAC";
    NeighOurs = "neigh_ours" INVAL -1 "the address is our own, so no neighbour has it";
    RouteThere = "route_there" EXIST -3
        "there is a route to exactly this prefix by this device: delete it first";
    RouteAbsent = "route_absent" NOTEXIST -4 "there is no route to exactly this prefix";
    RouteConnected = "route_connected" INVAL -1
        "an address brings this route: delete the address, and it goes";
    RouteAmbiguous = "route_ambiguous" INVAL -1
        "several devices have a route to this prefix: say which with `dev`";
    RouteNowhere = "route_nowhere" INVAL -1 "a route needs a gateway (`via`) or a device (`dev`)";
    GatewayOffLink = "gateway_off_link" INVAL -1
        "the gateway is on no subnet of the device: add an address of its subnet first";
    GatewayOurs = "gateway_ours" INVAL -1 "the gateway is our own address";
    MtuRange = "mtu_range" INVAL -1 "an MTU is from 68 to 9000";
    MtuOverPort = "mtu_over_port" INVAL -1 "the MTU of a VLAN device is at most its port's";
    MtuUnderVlan = "mtu_under_vlan" INVAL -1
        "a VLAN device on the port has a larger MTU: lower that first";
    NotPort = "not_port" INVAL -1 "a VLAN device is on a physical port";
    NotVlan = "not_vlan" INVAL -1 "it is no VLAN device: a physical port stays";
    VlanThere = "vlan_there" EXIST -3 "the port has a device for this VLAN already";
    NameTaken = "name_taken" EXIST -3 "another device has this name";
    NoDeviceId = "no_device_id" NOROOM -19
        "every number of a device was given once in this run: there is none left";
    HasKernel = "has_kernel" NOTSUPP -14
        "the device has a kernel side, which is a port of the run and stays: so does the device";
    HasQsch = "has_qsch" BUSY -13
        "traffic control has a Qsch on the device, or a classifier for it: delete those first";
    IftrafAlready = "iftraf_already" EXIST -3 "traffic statistics are as they should be already";
    NoKernel = "no_kernel" NOTSUPP -14 "the device has no kernel side to forward to";
    KniLcore = "kni_lcore" NOTSUPP -14
        "the kni lcore takes no messages, so that it would not hear of it";
    NeighTableFull = "neigh_table_full" NOROOM -19
        "it knows as many neighbours as it may (limits.neigh_entries)";
    NeighRingFull = "neigh_ring_full" DPDKAPIFAIL -11
        "its ring of neighbours is full: it never hears of this one";
    ReloadBroken = "reload_broken" INVAL -1 "the file is broken; the old configuration stays";
    ReloadFixed = "reload_fixed" NOTSUPP -14
        "a running box cannot change this; the old configuration stays";
}
