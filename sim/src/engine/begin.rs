//! What is looked at before a run begins: whether the plan can be run, and what it has told before.
//!
//! Not here: whether the configuration is right (`Config::check`).

use crate::capture::CaptureInfo;
use crate::fabric::FabricError;
use crate::fault::Fault;
use crate::plan::{Plan, PortPlan, Source};
use crate::run::{PlanError, RunError};
use dataplane::config::Checked;
use dataplane::{Instant, PortId};
use std::collections::VecDeque;

/// The captures that pcap ports poll. They are walked through here, so that no poll can fail.
pub(super) fn polled(plan: &Plan) -> Result<Vec<(PortId, CaptureInfo)>, RunError> {
    let mut polled = Vec::new();
    for (id, port) in (0..).zip(&plan.ports) {
        if let PortPlan::Pcap { rx: Some(path) } = port {
            let info = CaptureInfo::scan(path)?;
            if let Some(why) = info.libpcap {
                return Err(FabricError::NotPollable { path: path.clone(), why }.into());
            }
            polled.push((PortId(id), info));
        }
    }
    Ok(polled)
}

/// When which lcore is stalled, in order of time; before all, whose clock is another.
pub(super) fn stalls(faults: &[Fault]) -> VecDeque<(Instant, Fault)> {
    let stall = |fault: &Fault| match fault {
        Fault::Stall { at, .. } => Some((*at, fault.clone())),
        Fault::Ahead { .. } | Fault::Drift { .. } => Some((Instant::EPOCH, fault.clone())),
        _ => None,
    };
    let mut stalls: Vec<_> = faults.iter().filter_map(stall).collect();
    stalls.sort();
    stalls.into()
}

/// Whether the plan can be run at all.
pub(super) fn check(plan: &Plan) -> Result<Checked<'_>, RunError> {
    let config = plan.config.checked()?;
    let ports = plan.config.ports.len();
    if plan.ports.len() != ports {
        return Err(PlanError::Ports { ports, plans: plan.ports.len() }.into());
    }
    for (config, port) in plan.config.ports.iter().zip(&plan.ports) {
        let endless = matches!(port, PortPlan::Null { rx_frame_len: Some(_) });
        if endless && config.rx_queues > 0 && plan.until.is_none() {
            return Err(PlanError::Endless(config.name.clone()).into());
        }
    }
    let inputs = plan.inputs.iter().map(|input| input.port);
    for port in inputs.chain(plan.peers.iter().map(|peer| peer.port)) {
        match plan.ports.get(port.index()) {
            None => return Err(PlanError::NoPort { port: port.0, ports }.into()),
            Some(PortPlan::Ring(_)) => {}
            Some(PortPlan::Pcap { .. } | PortPlan::Null { .. }) => {
                let name = plan.config.ports[port.index()].name.clone();
                return Err(PlanError::NoWire(name).into());
            }
        }
    }
    for input in &plan.inputs {
        if let Source::Frames(frames) = &input.source
            && !frames.is_sorted_by_key(|(at, _)| *at)
        {
            return Err(PlanError::Order("the frames of an input").into());
        }
    }
    if !plan.commands.is_sorted_by_key(|command| command.at) {
        return Err(PlanError::Order("the commands").into());
    }
    for fault in &plan.faults {
        fault.check(plan).map_err(PlanError::Fault)?;
    }
    Ok(config)
}
