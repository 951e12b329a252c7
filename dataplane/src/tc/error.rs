//! Why a change of traffic control is refused.

use super::Handle;

/// Why a change of traffic control is refused. [`TcError::name`] is the word of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TcError {
    /// There is no such device.
    #[error("there is no such device")]
    NoDevice,
    /// The kernel side of a device is no device of the path.
    #[error("it is the kernel side of a device, and no packet comes by its Qschs")]
    KernelSide,
    /// The Qsch is there already.
    #[error("Qsch {0} is there already")]
    QschExists(Handle),
    /// The Qsch is not there.
    #[error("there is no Qsch {0}")]
    NoQsch(Handle),
    /// The top of a tree has no parent.
    #[error("the top of a tree has no parent")]
    TopWithParent,
    /// All but the tops of trees have a parent.
    #[error("a Qsch needs a parent, unless it is root or ingress")]
    NeedsParent,
    /// The kind of a Qsch stays what it is.
    #[error("Qsch {0} is of another kind: delete it first")]
    OtherKind(Handle),
    /// A Qsch stays where it is.
    #[error("Qsch {0} has another parent: delete it first")]
    OtherParent(Handle),
    /// The device has as many Qschs as it may.
    #[error("the device has as many Qschs as it may")]
    ManyQschs,
    /// A limit is out of range.
    #[error("limit must be from 1 to 4294967295")]
    Limit,
    /// A rate is out of range.
    #[error("rate must be from 8 bits a second to 10 Tbit/s")]
    Rate,
    /// A burst is out of range.
    #[error("burst must be from 1 to 4294967295 bytes")]
    Burst,
    /// A peak rate is out of range.
    #[error("peakrate must be from rate to 10 Tbit/s")]
    PeakRate,
    /// A minburst is out of range.
    #[error("minburst must be at least the MTU of the device")]
    MinBurst,
    /// The classifier is there already.
    #[error("classifier {0} is there already")]
    ClsExists(Handle),
    /// The classifier is not there.
    #[error("there is no classifier {0}")]
    NoCls(Handle),
    /// The target of a classifier is not a child of its Qsch.
    #[error("the Qsch has no child {0}")]
    NoChild(Handle),
    /// The Qsch has as many classifiers as it may.
    #[error("the Qsch has as many classifiers as it may")]
    ManyClasses,
    /// A range ends before it begins.
    #[error("a range ends before it begins")]
    EmptyRange,
    /// iif is for ingress, oif for egress.
    #[error("iif is about what comes in, oif about what leaves")]
    WrongWay,
    /// No name is free.
    #[error("no handle is free")]
    NoHandle,
    /// The workers could not be told.
    #[error("the workers could not be told")]
    NotTold,
}

impl TcError {
    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            TcError::NoDevice => "no_device",
            TcError::KernelSide => "kernel_side",
            TcError::QschExists(_) => "qsch_exists",
            TcError::NoQsch(_) => "no_qsch",
            TcError::TopWithParent => "top_with_parent",
            TcError::NeedsParent => "needs_parent",
            TcError::OtherKind(_) => "other_kind",
            TcError::OtherParent(_) => "other_parent",
            TcError::ManyQschs => "many_qschs",
            TcError::Limit => "limit",
            TcError::Rate => "rate",
            TcError::Burst => "burst",
            TcError::PeakRate => "peakrate",
            TcError::MinBurst => "minburst",
            TcError::ClsExists(_) => "cls_exists",
            TcError::NoCls(_) => "no_cls",
            TcError::NoChild(_) => "no_child",
            TcError::ManyClasses => "many_classes",
            TcError::EmptyRange => "empty_range",
            TcError::WrongWay => "wrong_way",
            TcError::NoHandle => "no_handle",
            TcError::NotTold => "not_told",
        }
    }

    /// DPVS's number: INVAL -1, EXIST -3, NOTEXIST -4, DPDKAPIFAIL -11, NOROOM -19, NODEV -27.
    pub const fn number(self) -> i32 {
        match self {
            TcError::QschExists(_) | TcError::ClsExists(_) => -3,
            TcError::NoQsch(_) | TcError::NoCls(_) | TcError::NoChild(_) => -4,
            TcError::NotTold => -11,
            TcError::ManyQschs | TcError::ManyClasses | TcError::NoHandle => -19,
            TcError::NoDevice | TcError::KernelSide => -27,
            TcError::TopWithParent
            | TcError::NeedsParent
            | TcError::OtherKind(_)
            | TcError::OtherParent(_)
            | TcError::Limit
            | TcError::Rate
            | TcError::Burst
            | TcError::PeakRate
            | TcError::MinBurst
            | TcError::EmptyRange
            | TcError::WrongWay => -1,
        }
    }
}
