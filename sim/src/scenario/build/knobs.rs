//! Limits, policy switches and costs.

use super::super::error::Mistake;
use super::super::file::{CostTable, Profile, RateLimitTable};
use super::super::ranges;
use super::super::value::{At, Text};
use super::Builder;
use super::lcores::takes_echoes;
use super::orders::MSG_TIMEOUT;
use crate::plan::{Cost, Costs};
use dataplane::Nanos;
use dataplane::config::{LcoreConfig, Limits, Policy, RateLimit};
use dataplane::job::{JobKind, JobTable, Role, Rows};

/// The most that a job may cost, per run and per item: what keeps every sum within 64 bits.
const COST_MAX: Nanos = Nanos::from_secs(1);
/// How often `timer_manage` may look at the wheel.
const TIMER_INTERVAL: (Nanos, Nanos) = (Nanos::from_micros(1), Nanos::from_secs(10));
/// How long a neighbour may be trusted.
const NEIGH_REACHABLE: (Nanos, Nanos) = (Nanos::from_secs(1), Nanos::from_secs(3600));
/// How coarse the clock of a tbf may be.
const TBF_QUANTUM: (Nanos, Nanos) = (Nanos::ZERO, Nanos::from_secs(1));
const NEIGH_JITTER: (Nanos, Nanos) = (Nanos::ZERO, Nanos::from_secs(10));

impl Builder<'_> {
    pub(super) fn limits(&mut self) -> Limits {
        let (table, default) = (&self.file.limits, Limits::default());
        macro_rules! limits {
            ($($field:ident: $range:ident),* $(,)?) => {
                Limits {
                    $($field: {
                        let given = table.$field.as_ref();
                        self.ranged(ranges::$range, given, default.$field)
                    }),*
                }
            };
        }
        limits! {
            neigh_queue: NEIGH_QUEUE,
            neigh_entries: NEIGH_ENTRIES,
            reasm_datagrams: REASM_DATAGRAMS,
            reasm_fragments: REASM_FRAGMENTS,
            reasm_bytes: REASM_BYTES,
            arp_ring: ARP_RING,
            neigh_ring: NEIGH_RING,
            msg_ring: MSG_RING,
            msg_open: MSG_OPEN,
            isol_ring: ISOL_RING,
            kni_ring: KNI_RING,
            icmp_redirect_ring: ICMP_REDIRECT_RING,
            iftraf_ring: IFTRAF_RING,
            iftraf_flows: IFTRAF_FLOWS,
            iftraf_hosts: IFTRAF_HOSTS,
            rx_burst: RX_BURST,
            tx_burst: TX_BURST,
            pool: POOL,
            rx_descriptors: RX_DESCRIPTORS,
            tx_descriptors: TX_DESCRIPTORS,
        }
    }

    pub(super) fn policy(&mut self) -> Policy {
        let table = &self.file.policy;
        let mut policy = match self.file.profile {
            Some(Profile::Lockstep) | None => Policy::default(),
            Some(Profile::Dpvs) => Policy::dpvs(),
        };
        macro_rules! switches {
            ($($field:ident),* $(,)?) => {
                $(policy.$field = table.$field.unwrap_or(policy.$field);)*
            };
        }
        switches! {
            forwarding, drop_fragments, icmp_errors_when_not_forwarding, arp_unsolicited_creates,
            arp_other_host, arp_learn_requests, arp_check_sender, weak_host, vid0_untagged,
            icmp_unreachable, icmp_redirects, icmp_check_redirects, neigh_retransmit, check_options,
            echo_any_code, drop_martians, forward2kni_ring_copies, timer_catch_up,
            msg_late_execution, msg_partial_multicast, reassembly_icmp, reassembly_sweep,
        }
        let ttl = table.default_ttl.as_ref();
        policy.default_ttl = self.ranged(ranges::DEFAULT_TTL, ttl, policy.default_ttl);
        let skip = table.neigh_sync_skip.as_ref();
        policy.neigh_sync_skip = self.ranged(ranges::NEIGH_SYNC_SKIP, skip, policy.neigh_sync_skip);
        let skip = table.ipv4_frag_skip.as_ref();
        policy.ipv4_frag_skip = self.ranged(ranges::IPV4_FRAG_SKIP, skip, policy.ipv4_frag_skip);
        if let Some(limit) = &table.icmp_rate_limit {
            policy.icmp_rate_limit = Some(self.bucket(limit));
        }
        if let Some(limit) = &table.icmp_redirect_rate_limit {
            policy.icmp_redirect_rate_limit = self.bucket(limit);
        }
        self.reassembly(&mut policy);
        let interval = table.timer_interval.as_ref();
        policy.timer_interval =
            self.span_of("timer_interval", interval, TIMER_INTERVAL, policy.timer_interval);
        let reachable = table.neigh_reachable.as_ref();
        policy.neigh_reachable =
            self.span_of("neigh_reachable", reachable, NEIGH_REACHABLE, policy.neigh_reachable);
        let timeout = table.msg_timeout.as_ref();
        policy.msg_timeout = self.span_of("msg_timeout", timeout, MSG_TIMEOUT, policy.msg_timeout);
        if let Some(level) = table.msg_priority_level {
            policy.msg_priority_level = level.into();
        }
        let quantum = table.tbf_quantum.as_ref();
        policy.tbf_quantum = self.span_of("tbf_quantum", quantum, TBF_QUANTUM, policy.tbf_quantum);
        let jitter = table.neigh_jitter.as_ref();
        policy.neigh_jitter =
            self.span_of("neigh_jitter", jitter, NEIGH_JITTER, policy.neigh_jitter);
        policy
    }

    fn reassembly(&mut self, policy: &mut Policy) {
        let table = &self.file.policy;
        let most = table.reassembly_fragments.as_ref();
        policy.reassembly_fragments =
            self.ranged(ranges::REASSEMBLY_FRAGMENTS, most, policy.reassembly_fragments);
        let (given, bounds) = (table.reassembly_timeout.as_ref(), Policy::REASSEMBLY_TIMEOUT);
        policy.reassembly_timeout =
            self.span_of("reassembly_timeout", given, bounds, policy.reassembly_timeout);
    }

    fn bucket(&mut self, limit: &RateLimitTable) -> RateLimit {
        RateLimit {
            per_second: self.ranged(ranges::PER_SECOND, Some(&limit.per_second), 1),
            burst: self.ranged(ranges::BURST, Some(&limit.burst), 1),
        }
    }

    /// A duration within bounds.
    pub(super) fn span_of(
        &mut self,
        key: &str,
        given: Option<&At<Text<Nanos>>>,
        (min, max): (Nanos, Nanos),
        default: Nanos,
    ) -> Nanos {
        let Some(At { value: Text(value), span }) = given else { return default };
        if *value < min || *value > max {
            let expected = format!("expected {min} to {max}");
            self.mistake(Mistake::new(span, format!("{key} is {value}"), expected));
        }
        *value
    }

    pub(super) fn costs(&mut self, lcores: &[LcoreConfig]) -> Costs {
        let table = &self.file.costs;
        let tables = [
            (JobKind::CfgfileReload, &table.cfgfile_reload),
            (JobKind::QschSched, &table.qsch_sched),
            (JobKind::RecvFwd, &table.recv_fwd),
            (JobKind::Xmit, &table.xmit),
            (JobKind::TimerManage, &table.timer_manage),
            (JobKind::KniMaster, &table.kni_master_proc),
            (JobKind::MsgMaster, &table.msg_master_job),
            (JobKind::MsgSlave, &table.msg_slave_job),
            (JobKind::Sockopt, &table.sockopt_job),
            (JobKind::IcmpRedirect, &table.icmp_redirect_proc),
            (JobKind::NeighSync, &table.neigh_sync),
            (JobKind::Ipv4Frag, &table.ipv4_frag),
            (JobKind::IftrafRing, &table.iftraf_ring_proc),
            (JobKind::IsolPktRcv, &table.isol_pkt_rcv),
            (JobKind::KniLoop, &table.kni_loop),
        ];
        let mut costs = Costs::default();
        for (kind, given) in tables {
            let Some(CostTable { idle, per_item }) = given else { continue };
            let cost = costs.0[kind.index()];
            let mut read = |key, given: &Option<_>, default| {
                let bounds = (Nanos::ZERO, COST_MAX);
                self.span_of(key, given.as_ref(), bounds, Nanos::new(default)).get()
            };
            costs.0[kind.index()] = Cost {
                idle: read("idle", idle, cost.idle),
                per_item: read("per_item", per_item, cost.per_item),
            };
        }
        self.time_passes(&costs, lcores, &tables);
        costs
    }

    /// An idle turn of each loop takes time; else virtual time would stand still in it.
    fn time_passes(
        &mut self,
        costs: &Costs,
        lcores: &[LcoreConfig],
        tables: &[(JobKind, &Option<CostTable>)],
    ) {
        let kni_lcore = lcores.iter().any(|l| l.role == Role::Kni);
        let icmp_redirect = self.file.lcore.iter().any(|l| takes_echoes(&l.value));
        let rows = Rows { kni_lcore, icmp_redirect, ..Rows::default() };
        let Ok(jobs) = JobTable::dpvs(rows) else { return };
        for role in Role::ALL {
            let schedule = jobs.schedule(role);
            // Not the SLOW jobs: they do not run in each turn.
            let each = schedule.each();
            let turn: u64 = each.iter().map(|kind| costs.idle(*kind).get()).sum();
            if turn > 0 || each.is_empty() || !lcores.iter().any(|l| l.role == role) {
                continue;
            }
            let zero = tables
                .iter()
                .filter(|(kind, _)| each.contains(kind))
                .find_map(|(_, t)| t.as_ref()?.idle.as_ref());
            let span = zero.map_or(0..0, |at| at.span.clone());
            let names: Vec<&str> = each.iter().map(|kind| kind.name()).collect();
            let message = format!("an idle turn of a {role} costs nothing: time would stand still");
            let mistake = Mistake::new(&span, message, "");
            self.mistake(mistake.help(format!("give idle of {} at least 1ns", names.join(" or "))));
        }
    }
}
