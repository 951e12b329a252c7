//! Qschs and classifiers: those that are there from the start, and what is changed on the way.
//!
//! All changes are tried in the order in which they will be made, on a plan as the master has one:
//! so a mistake is told with its place, before the run.

use super::super::error::Mistake;
use super::super::file::{ClsTable, QschKind, QschTable};
use super::super::ranges;
use super::super::value::{At, Span, Text};
use super::{Builder, header};
use crate::plan::Command;
use dataplane::config::LcoreConfig;
use dataplane::control::Order;
use dataplane::device::Devices;
use dataplane::tc::{
    ClsConfig, DEFAULT_LATENCY, DEFAULT_PACKETS, Handle, Hook, Kind, Match, QschConfig, Tbf,
    TcChange, TcError, TcPlan, TokenRate, Verb, Verdict,
};
use dataplane::{Config, Instant, Nanos, PortId};

/// What traffic control is from the start, and what is changed on the way.
#[derive(Default)]
pub(super) struct Shaping {
    pub qschs: Vec<QschConfig>,
    pub classes: Vec<ClsConfig>,
    pub commands: Vec<Command>,
}

/// A table, and when it is for.
enum Table<'a> {
    Qsch(&'a At<QschTable>),
    Cls(&'a At<ClsTable>),
}

type When<'a> = Option<&'a At<Text<Nanos>>>;

impl Builder<'_> {
    pub(super) fn shaping(&mut self, lcores: &[LcoreConfig]) -> Shaping {
        let file = self.file;
        let qschs = file.qsch.iter().map(|table| (table.value.at.as_ref(), Table::Qsch(table)));
        let classes = file.cls.iter().map(|table| (table.value.at.as_ref(), Table::Cls(table)));
        let mut tables: Vec<(When<'_>, Table<'_>)> = qschs.chain(classes).collect();
        // Those without a time come first; those of one time, in the order of the file, Qschs first.
        tables.sort_by_key(|(at, _)| at.map(|at| at.value.0));
        let (ports, kni) = (self.ports.clone(), self.kni.clone());
        let config = Config { ports, kni, lcores: lcores.to_vec(), ..Config::default() };
        // A device that is wrong may be missing; what is told of it then would only confuse.
        let devices = self.mistakes.is_empty().then(|| Devices::new(&config));
        let (mut plan, mut shaping) = (TcPlan::default(), Shaping::default());
        for (at, table) in &tables {
            let change = match table {
                Table::Qsch(table) => self.qsch_change(table, &plan, devices.as_ref()),
                Table::Cls(table) => self.cls_change(table),
            };
            let (Some(change), Some(devices)) = (change, &devices) else { continue };
            if let Err(why) = plan.apply(change, devices) {
                let (span, dev) = match table {
                    Table::Qsch(table) => (qsch_place(table, why), &table.value.dev.value),
                    Table::Cls(table) => (cls_place(table, why), &table.value.dev.value),
                };
                self.mistake(Mistake::new(&span, format!("device {dev}: {why}"), ""));
                continue;
            }
            match (at, change) {
                (Some(at), what) => {
                    let at = Instant::from_nanos(at.value.0.get());
                    shaping.commands.push(Command { at, what: Order::Tc(what) });
                }
                (None, TcChange::Qsch(_, qsch)) => shaping.qschs.push(qsch),
                (None, TcChange::Cls(_, cls)) => shaping.classes.push(cls),
                (None, TcChange::DeleteQsch { .. } | TcChange::DeleteCls { .. }) => {}
            }
        }
        for At { value: Text(at), .. } in &file.show_tc {
            let at = Instant::from_nanos(at.get());
            shaping.commands.push(Command { at, what: Order::ShowTc });
        }
        shaping
    }

    /// What is to be done with what is there: nothing, change it, or delete it.
    fn verb(
        &mut self,
        at: When<'_>,
        change: Option<&At<bool>>,
        delete: Option<&At<bool>>,
    ) -> Option<Option<Verb>> {
        let (change, delete) = (change.filter(|c| c.value), delete.filter(|d| d.value));
        if let (Some(word), None) = (delete.or(change), at) {
            let message = "before the first tick there is nothing to change or delete";
            self.mistake(Mistake::new(&word.span, message, "").help("say when: at = \"5ms\""));
            return None;
        }
        match (change, delete) {
            (Some(change), Some(_)) => {
                let message = "it cannot be changed and deleted at once";
                self.mistake(Mistake::new(&change.span, message, "expected one of them"));
                None
            }
            (Some(_), None) => Some(Some(Verb::Change)),
            (None, Some(_)) => Some(None),
            (None, None) => Some(Some(Verb::Add)),
        }
    }

    fn qsch_change(
        &mut self,
        table: &At<QschTable>,
        plan: &TcPlan,
        devices: Option<&Devices>,
    ) -> Option<TcChange> {
        let qsch = &table.value;
        let dev = self.device(&qsch.dev)?;
        let verb = self.verb(qsch.at.as_ref(), qsch.change.as_ref(), qsch.delete.as_ref())?;
        let (handle, parent) = self.qsch_name(qsch)?;
        let old = plan.qsch(dev, handle).map(|planned| planned.config);
        let Some(verb) = verb else { return Some(TcChange::DeleteQsch { dev, handle }) };
        let old = old.filter(|_| verb == Verb::Change);
        let mtu = devices.and_then(|d| d.iter().nth(dev.index())).map_or(1500, |d| d.mtu);
        let kind = self.qsch_kind(table, old.map(|old| old.kind), mtu)?;
        let parent =
            if qsch.parent.is_none() { old.map_or(parent, |old| old.parent) } else { parent };
        Some(TcChange::Qsch(verb, QschConfig { dev, handle, parent, kind }))
    }

    /// Name and parent.
    fn qsch_name(&mut self, qsch: &QschTable) -> Option<(Handle, Handle)> {
        let (handle, parent) = (qsch.handle.as_ref(), qsch.parent.as_ref());
        if let Some(direction) = &qsch.direction {
            if handle.is_some() || parent.is_some() {
                let message = "`direction` is for the top of a tree, which has no other name";
                let help = "take it away: a Qsch is in the tree of its parent";
                self.mistake(Mistake::new(&direction.span, message, "").help(help));
                return None;
            }
            return Some((Hook::from(direction.value).top(), Handle::NONE));
        }
        let parent = parent.map_or(Handle::NONE, |parent| parent.value.0);
        Some(match handle {
            Some(handle) => (handle.value.0, parent),
            None if parent == Handle::NONE => (Handle::ROOT, parent),
            None => (Handle::NONE, parent),
        })
    }

    fn qsch_kind(&mut self, table: &At<QschTable>, old: Option<Kind>, mtu: u16) -> Option<Kind> {
        let qsch = &table.value;
        let kind = match (qsch.kind.as_ref().map(|kind| kind.value), old) {
            (Some(kind), _) => kind,
            (None, Some(Kind::Pfifo { .. })) => QschKind::Pfifo,
            (None, Some(Kind::Bfifo { .. })) => QschKind::Bfifo,
            (None, Some(Kind::PfifoFast { .. })) => QschKind::PfifoFast,
            (None, Some(Kind::Tbf(_))) => QschKind::Tbf,
            (None, None) => {
                self.mistake(Mistake::new(header(table), "the key `kind` is missing", ""));
                return None;
            }
        };
        if kind == QschKind::Tbf {
            let old = match old {
                Some(Kind::Tbf(tbf)) => Some(tbf),
                _ => None,
            };
            return self.tbf(table, old, mtu).map(Kind::Tbf);
        }
        let tokens = [
            ("rate", qsch.rate.as_ref().map(|at| &at.span)),
            ("burst", qsch.burst.as_ref().map(|at| &at.span)),
            ("latency", qsch.latency.as_ref().map(|at| &at.span)),
            ("peakrate", qsch.peakrate.as_ref().map(|at| &at.span)),
            ("minburst", qsch.minburst.as_ref().map(|at| &at.span)),
        ];
        for (key, span) in tokens {
            if let Some(span) = span {
                self.mistake(Mistake::new(span, format!("`{key}` belongs to kind \"tbf\""), ""));
            }
        }
        let limit = qsch.limit.as_ref();
        let old_packets = match old {
            Some(Kind::Pfifo { limit } | Kind::PfifoFast { limit }) => limit,
            _ => DEFAULT_PACKETS,
        };
        let packets = self.ranged(ranges::QSCH_LIMIT, limit, old_packets);
        Some(match (kind, old) {
            (QschKind::Pfifo, _) => Kind::Pfifo { limit: packets },
            (QschKind::PfifoFast, _) => Kind::PfifoFast { limit: packets },
            (QschKind::Bfifo | QschKind::Tbf, Some(Kind::Bfifo { limit: old })) => {
                Kind::Bfifo { limit: self.ranged(ranges::QSCH_LIMIT, limit, old) }
            }
            (QschKind::Bfifo | QschKind::Tbf, _) => match limit {
                Some(limit) => Kind::Bfifo { limit: self.noted(ranges::QSCH_LIMIT.check(limit))? },
                None => Kind::bfifo(mtu),
            },
        })
    }

    fn tbf(&mut self, table: &At<QschTable>, old: Option<Tbf>, mtu: u16) -> Option<Tbf> {
        let qsch = &table.value;
        let missing = [("rate", qsch.rate.is_none()), ("burst", qsch.burst.is_none())];
        for (key, _) in missing.iter().filter(|(_, missing)| *missing && old.is_none()) {
            let message = format!("the key `{key}` is missing: a tbf has one");
            self.mistake(Mistake::new(header(table), message, ""));
        }
        if let (Some(limit), Some(latency)) = (&qsch.limit, &qsch.latency) {
            let message = "`limit` and `latency` both say how much waits";
            let span =
                if limit.span.start > latency.span.start { &limit.span } else { &latency.span };
            self.mistake(Mistake::new(span, message, "expected one of them"));
        }
        if let (Some(minburst), None, None) =
            (&qsch.minburst, &qsch.peakrate, old.and_then(|old| old.peak))
        {
            let message = "`minburst` is that of a `peakrate`, and there is none";
            self.mistake(Mistake::new(&minburst.span, message, ""));
        }
        let bits = match (&qsch.rate, old) {
            (Some(rate), _) => rate.value.0.0,
            (None, old) => old?.rate.bits,
        };
        let burst = match (&qsch.burst, old) {
            (Some(burst), _) => self.noted(ranges::QSCH_BURST.check(burst))?,
            (None, old) => old?.rate.burst,
        };
        let rate = TokenRate { bits, burst };
        let old_peak = old.and_then(|old| old.peak);
        let peak_bits = qsch.peakrate.as_ref().map(|rate| rate.value.0.0);
        let peak = peak_bits.or(old_peak.map(|peak| peak.bits)).map(|bits| {
            let full = u64::from(mtu) + dataplane::wire::ethernet::HEADER_LEN as u64;
            let given = qsch.minburst.as_ref();
            let given = given.and_then(|at| self.noted(ranges::QSCH_MINBURST.check(at)));
            TokenRate { bits, burst: given.or(old_peak.map(|p| p.burst)).unwrap_or(full) }
        });
        let latency = qsch.latency.as_ref().map(|latency| latency.value.0);
        let limit = match (&qsch.limit, latency, old) {
            (Some(limit), _, _) => self.noted(ranges::QSCH_LIMIT.check(limit))?,
            (None, None, Some(old)) => old.limit,
            (None, latency, _) => Tbf::limit_of(rate, peak, latency.unwrap_or(DEFAULT_LATENCY)),
        };
        Some(Tbf { rate, peak, limit })
    }

    fn cls_change(&mut self, table: &At<ClsTable>) -> Option<TcChange> {
        let cls = &table.value;
        let dev = self.device(&cls.dev)?;
        let verb = self.verb(cls.at.as_ref(), cls.change.as_ref(), cls.delete.as_ref())?;
        let qsch = cls.qsch.as_ref().map_or(Handle::ROOT, |qsch| qsch.value.0);
        let handle = cls.handle.as_ref().map_or(Handle::NONE, |handle| handle.value.0);
        if verb != Some(Verb::Add) && handle == Handle::NONE {
            let mistake = Mistake::new(header(table), "the key `handle` is missing", "");
            self.mistake(
                mistake.help("say which classifier; one without a handle was named 8001:"),
            );
            return None;
        }
        let Some(verb) = verb else { return Some(TcChange::DeleteCls { dev, qsch, handle }) };
        let drops = cls.drop.as_ref().filter(|drop| drop.value);
        let verdict = match (&cls.target, drops) {
            (Some(target), None) => Verdict::To(target.value.0),
            (None, Some(_)) => Verdict::Drop,
            (Some(target), Some(_)) => {
                let message = "what matches cannot go to a target and be dropped";
                self.mistake(Mistake::new(&target.span, message, "expected one of them"));
                return None;
            }
            (None, None) => {
                let mistake = Mistake::new(header(table), "the key `target` is missing", "");
                self.mistake(mistake.help("or say drop = true"));
                return None;
            }
        };
        let prio = self.ranged(ranges::CLS_PRIO, cls.prio.as_ref(), 0);
        let pattern = self.pattern(cls)?;
        Some(TcChange::Cls(verb, ClsConfig { dev, qsch, handle, prio, pattern, verdict }))
    }

    fn pattern(&mut self, cls: &ClsTable) -> Option<Match> {
        let mut named = |name: &Option<At<String>>| -> Option<Option<PortId>> {
            match name {
                Some(name) => self.device(name).map(Some),
                None => Some(None),
            }
        };
        let (iif, oif) = (named(&cls.iif)?, named(&cls.oif)?);
        Some(Match {
            ether_type: cls.ether_type.as_ref().map(|at| at.value.0.0),
            protocol: cls.proto.as_ref().map(|at| at.value.0.0),
            src: cls.src.as_ref().map(|at| at.value.0.0),
            dst: cls.dst.as_ref().map(|at| at.value.0.0),
            sport: cls.sport.as_ref().map(|at| at.value.0.0),
            dport: cls.dport.as_ref().map(|at| at.value.0.0),
            iif,
            oif,
        })
    }
}

/// Where a Qsch that is refused is wrong.
fn qsch_place(table: &At<QschTable>, why: TcError) -> Span {
    let qsch = &table.value;
    let (handle, parent) = (&qsch.handle, &qsch.parent);
    let span = match why {
        TcError::NoDevice | TcError::KernelSide | TcError::ManyQschs => Some(&qsch.dev.span),
        TcError::Limit => qsch.limit.as_ref().map(|at| &at.span),
        TcError::Rate => qsch.rate.as_ref().map(|at| &at.span),
        TcError::Burst => qsch.burst.as_ref().map(|at| &at.span),
        TcError::PeakRate => qsch.peakrate.as_ref().map(|at| &at.span),
        TcError::MinBurst => qsch.minburst.as_ref().map(|at| &at.span),
        TcError::OtherKind(_) => qsch.kind.as_ref().map(|at| &at.span),
        TcError::NoQsch(of) if handle.as_ref().is_none_or(|at| at.value.0 != of) => {
            parent.as_ref().map(|at| &at.span)
        }
        TcError::OtherParent(_) | TcError::TopWithParent => parent.as_ref().map(|at| &at.span),
        _ => handle.as_ref().map(|at| &at.span),
    };
    span.unwrap_or(header(table)).clone()
}

/// Where a classifier that is refused is wrong.
fn cls_place(table: &At<ClsTable>, why: TcError) -> Span {
    let cls = &table.value;
    let span = match why {
        TcError::NoDevice | TcError::KernelSide => Some(&cls.dev.span),
        TcError::NoQsch(_) | TcError::ManyClasses => cls.qsch.as_ref().map(|at| &at.span),
        TcError::NoChild(_) => cls.target.as_ref().map(|at| &at.span),
        TcError::WrongWay => cls.iif.as_ref().or(cls.oif.as_ref()).map(|at| &at.span),
        _ => cls.handle.as_ref().map(|at| &at.span),
    };
    span.unwrap_or(header(table)).clone()
}
