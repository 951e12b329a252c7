//! Any text as a scenario: a plan that can be run, or mistakes that point at their bytes.

use miette::{GraphicalReportHandler, GraphicalTheme};
use sim::engine::Ended;
use sim::fabric::HeapFabric;
use sim::plan::{Plan, PortPlan, Source};
use sim::scenario::{Overrides, Scenario, ScenarioError};
use sim::trial::{Trying, trial};
use std::path::Path;

use ::dataplane::{Instant, Nanos};

/// `bytes` are a scenario file, as text.
///
/// # Panics
/// A plan that was made cannot be run, or breaks an invariant; or a mistake points nowhere.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let dir = Path::new("/nowhere");
    match Scenario::parse(&text, "fuzzed.toml", dir, &Overrides::default()) {
        Ok(scenario) => can_be_run(scenario.plan, &text),
        Err(error) => points_into(&text, &error),
    }
}

/// It is accepted below the scenario too, and its first moment passes.
fn can_be_run(mut plan: Plan, text: &str) {
    assert_eq!(plan.config.check().err(), None, "{text}");
    const MOMENT: Nanos = Nanos::from_micros(20);
    plan.until = Some(plan.until.map_or(MOMENT, |until| until.min(MOMENT)));
    // Whatever it names on the disk is not there.
    plan.inputs.retain(|input| matches!(input.source, Source::Frames(_)));
    let polled = |port: &PortPlan| matches!(port, PortPlan::Pcap { rx: Some(_) });
    let most = 1 << 16;
    if plan.ports.iter().any(polled) || plan.config.limits.pool > most {
        return;
    }
    let trying = Trying { patience: Some(Instant::EPOCH + MOMENT), ..Trying::default() };
    match trial(&plan, trying, &mut HeapFabric::new(), ()) {
        Ok(verdict) => {
            assert!(verdict.breaches.is_empty(), "{:?} in\n{text}", verdict.breaches);
            let ended = verdict.outcome().map(|outcome| outcome.ended);
            assert!(matches!(ended, Some(Ended::Until | Ended::Quiet)), "{ended:?}");
        }
        Err(why) => panic!("a plan that was made cannot be run: {why}\n{text}"),
    }
}

fn points_into(text: &str, error: &ScenarioError) {
    assert!(!error.problems.is_empty(), "{text}");
    for problem in &error.problems {
        assert!(text.get(problem.span.clone()).is_some(), "{problem:?} in\n{text}");
        assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty());
        let lines = text.split('\n').count();
        assert!(problem.line <= lines, "{problem:?} in\n{text}");
        let mut drawn = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
        assert!(handler.render_report(&mut drawn, problem).is_ok(), "{problem:?}");
        assert!(!drawn.is_empty());
    }
}
