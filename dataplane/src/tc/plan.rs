//! The trees as the control plane knows them: what may be changed, and what a change comes to.
//!
//! A [`TcPlan`] holds no packet. The configuration is one, the master keeps one, and whoever writes
//! a script of changes can try it on one: [`TcPlan::apply`] either refuses a [`TcChange`] and has
//! changed nothing, or returns the [`Edit`] that every worker makes after it.
//!
//! DPVS: the master's own tree is changed first and stays changed when the workers cannot be told
//! (defect B70); deleting a Qsch leaves its children and its classifiers behind (B62).

use super::Handle;
use super::config::{ClsConfig, Hook, Kind, Match, QschConfig, Tbf, Verdict};
use super::error::TcError;
use crate::config::Limits;
use crate::device::Devices;
use crate::types::PortId;

/// How a [`TcChange`] treats what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It must not be there.
    Add,
    /// It must be there.
    Change,
    /// Either.
    Replace,
}

/// Something that is to be changed. `dpip qsch add|change|replace|del`, and the same of `cls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcChange {
    /// A Qsch, as it is to be. Its kind and its parent cannot be changed.
    Qsch(Verb, QschConfig),
    /// A Qsch is to go, with all its children, their packets and classifiers.
    DeleteQsch {
        /// The device.
        dev: PortId,
        /// Its name.
        handle: Handle,
    },
    /// A classifier, as it is to be.
    Cls(Verb, ClsConfig),
    /// A classifier is to go.
    DeleteCls {
        /// The device.
        dev: PortId,
        /// Its Qsch.
        qsch: Handle,
        /// Its name.
        handle: Handle,
    },
}

/// What a change comes to, with all that the control plane decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Of Qschs.
    Qsch(QschEdit),
    /// Of classifiers.
    Cls(ClsEdit),
}

/// A change of Qschs that was found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QschEdit {
    /// There is this Qsch now.
    Put(PlannedQsch),
    /// It is gone with all below it.
    Delete(PortId, Handle),
}

/// A change of classifiers that was found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClsEdit {
    /// There is this classifier now.
    Put(ClsConfig),
    /// It is gone: device, Qsch, name.
    Delete(PortId, Handle, Handle),
}

/// A Qsch of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedQsch {
    /// What it was told, with its name.
    pub config: QschConfig,
    /// The tree that it belongs to.
    pub hook: Hook,
    /// The number of its bucket: see [`BucketId`](super::BucketId).
    pub made: u32,
}

/// All trees, without a packet in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcPlan {
    /// In the order of their creation.
    qschs: Vec<PlannedQsch>,
    /// In the order of their creation.
    classes: Vec<ClsConfig>,
    next_qsch: Handle,
    next_cls: Handle,
    made: u32,
}

impl Default for TcPlan {
    fn default() -> TcPlan {
        let next = Handle::FIRST_AUTO;
        let (qschs, classes) = (Vec::new(), Vec::new());
        TcPlan { qschs, classes, next_qsch: next, next_cls: next, made: 0 }
    }
}

impl TcPlan {
    /// Whether a Qsch is on this device, or a classifier asks for it.
    pub fn names(&self, device: PortId) -> bool {
        let of = |dev: &Option<PortId>| *dev == Some(device);
        let asks = |cls: &ClsConfig| of(&cls.pattern.iif) || of(&cls.pattern.oif);
        self.qschs().iter().any(|qsch| qsch.config.dev == device) || self.classes().iter().any(asks)
    }

    /// The Qschs, in the order of their creation.
    pub fn qschs(&self) -> &[PlannedQsch] {
        &self.qschs
    }

    /// The classifiers, in the order of their creation.
    pub fn classes(&self) -> &[ClsConfig] {
        &self.classes
    }

    /// The Qsch of this name on a device.
    pub fn qsch(&self, dev: PortId, handle: Handle) -> Option<&PlannedQsch> {
        self.qschs.iter().find(|q| (q.config.dev, q.config.handle) == (dev, handle))
    }

    /// The classifier of this name of a Qsch.
    pub fn cls(&self, dev: PortId, qsch: Handle, handle: Handle) -> Option<&ClsConfig> {
        self.classes.iter().find(|c| (c.dev, c.qsch, c.handle) == (dev, qsch, handle))
    }

    /// Makes a change, and says what it comes to.
    ///
    /// # Errors
    /// Why it cannot be made. Nothing has changed then.
    pub fn apply(&mut self, change: TcChange, devices: &Devices) -> Result<Edit, TcError> {
        match change {
            TcChange::Qsch(verb, qsch) => self.put_qsch(verb, qsch, devices),
            TcChange::DeleteQsch { dev, handle } => self.delete_qsch(dev, handle),
            TcChange::Cls(verb, cls) => self.put_cls(verb, cls, devices),
            TcChange::DeleteCls { dev, qsch, handle } => {
                let gone = |c: &ClsConfig| (c.dev, c.qsch, c.handle) == (dev, qsch, handle);
                let at = self.classes.iter().position(gone).ok_or(TcError::NoCls(handle))?;
                self.classes.remove(at);
                Ok(Edit::Cls(ClsEdit::Delete(dev, qsch, handle)))
            }
        }
    }

    fn put_qsch(
        &mut self,
        verb: Verb,
        mut config: QschConfig,
        devices: &Devices,
    ) -> Result<Edit, TcError> {
        let mtu = mtu(config.dev, devices)?;
        let hook = self.place(&config)?;
        kind(&config.kind, mtu)?;
        let there = self.qsch(config.dev, config.handle).copied();
        match (verb, there) {
            (Verb::Add, Some(_)) => return Err(TcError::QschExists(config.handle)),
            (Verb::Change, None) => return Err(TcError::NoQsch(config.handle)),
            (Verb::Change | Verb::Replace, Some(old)) => {
                let kinds =
                    [old.config.kind, config.kind].map(|kind| std::mem::discriminant(&kind));
                if kinds[0] != kinds[1] {
                    return Err(TcError::OtherKind(config.handle));
                }
                if old.config.parent != config.parent {
                    return Err(TcError::OtherParent(config.handle));
                }
            }
            (Verb::Add | Verb::Replace, None) => {
                let on = self.qschs.iter().filter(|q| q.config.dev == config.dev);
                if on.count() >= Limits::QSCHS {
                    return Err(TcError::ManyQschs);
                }
            }
        }
        if config.handle == Handle::NONE {
            let dev = config.dev;
            let free = |handle| self.qsch(dev, handle).is_none();
            config.handle = chosen(self.next_qsch, free).ok_or(TcError::NoHandle)?;
            self.next_qsch = config.handle.next_auto();
        }
        self.made += 1;
        let planned = PlannedQsch { config, hook, made: self.made };
        let same =
            |q: &&mut PlannedQsch| (q.config.dev, q.config.handle) == (config.dev, config.handle);
        match self.qschs.iter_mut().find(same) {
            Some(old) => *old = planned,
            None => self.qschs.push(planned),
        }
        Ok(Edit::Qsch(QschEdit::Put(planned)))
    }

    /// The tree that a Qsch with this name and parent belongs to.
    fn place(&self, config: &QschConfig) -> Result<Hook, TcError> {
        match (config.handle, config.parent) {
            (Handle::ROOT, Handle::NONE) => Ok(Hook::Egress),
            (Handle::INGRESS, Handle::NONE) => Ok(Hook::Ingress),
            (handle, _) if handle.is_top() => Err(TcError::TopWithParent),
            (_, Handle::NONE) => Err(TcError::NeedsParent),
            (_, parent) => match self.qsch(config.dev, parent) {
                Some(parent) => Ok(parent.hook),
                None => Err(TcError::NoQsch(parent)),
            },
        }
    }

    fn delete_qsch(&mut self, dev: PortId, handle: Handle) -> Result<Edit, TcError> {
        self.qsch(dev, handle).ok_or(TcError::NoQsch(handle))?;
        let family = self.qschs.iter().map(|q| (q.config.dev, q.config.handle, q.config.parent));
        let gone = family_of(family, dev, handle);
        let stays = |on: PortId, handle: Handle| on != dev || !gone.contains(&handle);
        self.qschs.retain(|q| stays(q.config.dev, q.config.handle));
        self.classes.retain(|c| stays(c.dev, c.qsch));
        Ok(Edit::Qsch(QschEdit::Delete(dev, handle)))
    }

    fn put_cls(
        &mut self,
        verb: Verb,
        mut cls: ClsConfig,
        devices: &Devices,
    ) -> Result<Edit, TcError> {
        mtu(cls.dev, devices)?;
        let qsch = self.qsch(cls.dev, cls.qsch).ok_or(TcError::NoQsch(cls.qsch))?;
        pattern(&cls.pattern, qsch.hook, devices)?;
        if let Verdict::To(target) = cls.verdict {
            let child = self.qsch(cls.dev, target).filter(|t| t.config.parent == cls.qsch);
            child.ok_or(TcError::NoChild(target))?;
        }
        let there = self.cls(cls.dev, cls.qsch, cls.handle).is_some();
        match (verb, there) {
            (Verb::Add, true) => return Err(TcError::ClsExists(cls.handle)),
            (Verb::Change, false) => return Err(TcError::NoCls(cls.handle)),
            (Verb::Add | Verb::Replace, false) => {
                let of = self.classes.iter().filter(|c| (c.dev, c.qsch) == (cls.dev, cls.qsch));
                if of.count() >= Limits::CLASSES {
                    return Err(TcError::ManyClasses);
                }
            }
            (Verb::Change | Verb::Replace, true) => {}
        }
        if cls.handle == Handle::NONE {
            let free = |handle| self.cls(cls.dev, cls.qsch, handle).is_none();
            cls.handle = chosen(self.next_cls, free).ok_or(TcError::NoHandle)?;
            self.next_cls = cls.handle.next_auto();
        }
        self.classes.retain(|c| (c.dev, c.qsch, c.handle) != (cls.dev, cls.qsch, cls.handle));
        self.classes.push(cls);
        Ok(Edit::Cls(ClsEdit::Put(cls)))
    }
}

/// A Qsch and all below it, on one device.
pub(super) fn family_of(
    qschs: impl Iterator<Item = (PortId, Handle, Handle)> + Clone,
    dev: PortId,
    top: Handle,
) -> Vec<Handle> {
    let mut family = vec![top];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        let children = qschs.clone().filter(|(on, _, of)| (*on, *of) == (dev, parent));
        family.extend(children.map(|(_, handle, _)| handle));
        at += 1;
    }
    family
}

/// A free name from `first` on: DPVS tries half of all.
fn chosen(first: Handle, free: impl Fn(Handle) -> bool) -> Option<Handle> {
    let mut handle = first;
    for _ in 0..0x8000 {
        if free(handle) {
            return Some(handle);
        }
        handle = handle.next_auto();
    }
    None
}

/// The MTU of a device that may have Qschs.
fn mtu(dev: PortId, devices: &Devices) -> Result<u16, TcError> {
    let device = devices.find(dev).ok_or(TcError::NoDevice)?;
    // What goes to the kernel does not go along the path.
    if devices.iter().any(|other| other.kni.is_some_and(|kni| kni.port == dev)) {
        return Err(TcError::KernelSide);
    }
    Ok(device.mtu)
}

fn within<T: PartialOrd>(value: T, (min, max): (T, T), error: TcError) -> Result<(), TcError> {
    if min <= value && value <= max { Ok(()) } else { Err(error) }
}

/// Whether the numbers of a Qsch make sense.
fn kind(kind: &Kind, mtu: u16) -> Result<(), TcError> {
    match *kind {
        Kind::Pfifo { limit } | Kind::PfifoFast { limit } => {
            within(u64::from(limit), Limits::QSCH_LIMIT, TcError::Limit)
        }
        Kind::Bfifo { limit } => within(limit, Limits::QSCH_LIMIT, TcError::Limit),
        Kind::Tbf(Tbf { rate, peak, limit }) => {
            within(rate.bits, Limits::TBF_RATE, TcError::Rate)?;
            within(rate.burst, Limits::QSCH_LIMIT, TcError::Burst)?;
            within(limit, Limits::QSCH_LIMIT, TcError::Limit)?;
            let Some(peak) = peak else { return Ok(()) };
            within(peak.bits, (rate.bits, Limits::TBF_RATE.1), TcError::PeakRate)?;
            within(peak.burst, (u64::from(mtu), Limits::QSCH_LIMIT.1), TcError::MinBurst)
        }
    }
}

/// Whether there can be a packet that looks like this.
fn pattern(pattern: &Match, hook: Hook, devices: &Devices) -> Result<(), TcError> {
    let Match { ether_type: _, protocol: _, src, dst, sport, dport, iif, oif } = pattern;
    let addresses = [src, dst].into_iter().flatten().all(|range| range.is_valid());
    let ports = [sport, dport].into_iter().flatten().all(|range| range.is_valid());
    if !addresses || !ports {
        return Err(TcError::EmptyRange);
    }
    for (dev, wrong) in [(iif, Hook::Egress), (oif, Hook::Ingress)] {
        match dev {
            Some(_) if hook == wrong => return Err(TcError::WrongWay),
            // DPVS: a name that nobody has is no condition at all (defect B69).
            Some(dev) if devices.find(*dev).is_none() => return Err(TcError::NoDevice),
            Some(_) | None => {}
        }
    }
    Ok(())
}
