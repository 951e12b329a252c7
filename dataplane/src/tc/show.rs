//! What the Qschs and classifiers of all lcores counted, added up; and how a change is written.

use super::config::{ClsConfig, Kind, QschConfig, Verdict};
use super::plan::{ClsEdit, Edit, PlannedQsch, QschEdit, TcChange, Verb};
use super::{Handle, QschStats};
use crate::event::Value;
use crate::msg::{Answer, Reply};
use crate::types::{LcoreId, PortId};
use std::collections::BTreeMap;

/// What a change is about: a device, and a Qsch or a classifier.
pub type About = (PortId, Handle);
/// A classifier: device, Qsch, name.
pub type ClsName = (PortId, Handle, Handle);

/// What the Qschs counted of which the workers told, each on all workers together.
pub fn sum_qschs(answers: &[(LcoreId, Answer)]) -> BTreeMap<About, QschStats> {
    let mut sums = BTreeMap::<About, QschStats>::new();
    for (_, answer) in answers {
        let Ok(Reply::Qschs(qschs)) = answer else { continue };
        qschs.iter().for_each(|(about, stats)| sums.entry(*about).or_default().add(stats));
    }
    sums
}

/// How often the classifiers matched of which the workers told, each on all workers together.
pub fn sum_classes(answers: &[(LcoreId, Answer)]) -> BTreeMap<ClsName, u64> {
    let mut sums = BTreeMap::<ClsName, u64>::new();
    for (_, answer) in answers {
        let Ok(Reply::Classes(classes)) = answer else { continue };
        classes.iter().for_each(|(name, hits)| *sums.entry(*name).or_default() += hits);
    }
    sums
}

impl TcChange {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            TcChange::Qsch(Verb::Add, _) => "qsch_add",
            TcChange::Qsch(Verb::Change, _) => "qsch_change",
            TcChange::Qsch(Verb::Replace, _) => "qsch_replace",
            TcChange::DeleteQsch { .. } => "qsch_del",
            TcChange::Cls(Verb::Add, _) => "cls_add",
            TcChange::Cls(Verb::Change, _) => "cls_change",
            TcChange::Cls(Verb::Replace, _) => "cls_replace",
            TcChange::DeleteCls { .. } => "cls_del",
        }
    }

    /// What it is about.
    pub const fn about(&self) -> About {
        match self {
            TcChange::Qsch(_, QschConfig { dev, handle, .. })
            | TcChange::DeleteQsch { dev, handle }
            | TcChange::Cls(_, ClsConfig { dev, handle, .. })
            | TcChange::DeleteCls { dev, handle, .. } => (*dev, *handle),
        }
    }

    /// Calls `field` with each field's name and value, always in the same order.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, Value)) {
        let (dev, handle) = self.about();
        field("change", Value::Text(self.name()));
        field("dev", Value::Port(dev));
        field("handle", Value::Handle(handle));
        match self {
            TcChange::Qsch(_, QschConfig { parent, kind, .. }) => {
                field("parent", Value::Handle(*parent));
                kind.fields(field);
            }
            TcChange::Cls(_, ClsConfig { qsch, prio, verdict, .. }) => {
                field("qsch", Value::Handle(*qsch));
                field("prio", Value::U64((*prio).into()));
                match verdict {
                    Verdict::Drop => field("target", Value::Text("drop")),
                    Verdict::To(target) => field("target", Value::Handle(*target)),
                }
            }
            TcChange::DeleteCls { qsch, .. } => field("qsch", Value::Handle(*qsch)),
            TcChange::DeleteQsch { .. } => {}
        }
    }
}

impl Kind {
    fn fields(&self, field: &mut dyn FnMut(&'static str, Value)) {
        field("kind", Value::Text(self.name()));
        match *self {
            Kind::Pfifo { limit } | Kind::PfifoFast { limit } => {
                field("limit", Value::U64(limit.into()));
            }
            Kind::Bfifo { limit } => field("limit", Value::U64(limit)),
            Kind::Tbf(tbf) => {
                field("limit", Value::U64(tbf.limit));
                field("rate", Value::U64(tbf.rate.bits));
                field("burst", Value::U64(tbf.rate.burst));
                if let Some(peak) = tbf.peak {
                    field("peakrate", Value::U64(peak.bits));
                    field("minburst", Value::U64(peak.burst));
                }
            }
        }
    }
}

impl Edit {
    /// The name in traces.
    pub const fn name(&self) -> &'static str {
        match self {
            Edit::Qsch(QschEdit::Put(_)) => "qsch_set",
            Edit::Qsch(QschEdit::Delete(..)) => "qsch_del",
            Edit::Cls(ClsEdit::Put(_)) => "cls_set",
            Edit::Cls(ClsEdit::Delete(..)) => "cls_del",
        }
    }

    /// What it is about, by the name that it has now.
    pub const fn about(&self) -> About {
        match self {
            Edit::Qsch(QschEdit::Put(PlannedQsch {
                config: QschConfig { dev, handle, .. },
                ..
            }))
            | Edit::Qsch(QschEdit::Delete(dev, handle))
            | Edit::Cls(ClsEdit::Put(ClsConfig { dev, handle, .. }))
            | Edit::Cls(ClsEdit::Delete(dev, _, handle)) => (*dev, *handle),
        }
    }
}
