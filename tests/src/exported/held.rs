//! Exported by `lockstep export`.

use sim::fabric::HeapFabric;
use sim::scenario::{Overrides, Request};
use sim::trial::{Trying, trial};

#[test]
fn held() {
    let overrides = Overrides::default();
    let scenario = include_str!("held.toml").to_owned();
    let file = "held.toml".to_owned();
    let request = Request { file, scenario, overrides, ..Request::default() };
    let plan = request.plan().unwrap().plan;
    let trying = Trying::default();
    let verdict = trial(&plan, trying, &mut HeapFabric::new(), ()).unwrap();
    insta::assert_debug_snapshot!(verdict.breaches, @"[]");
    let trace = verdict.outcome().unwrap().digests.trace.to_string();
    insta::assert_snapshot!(trace, @"a66f700ccebaf4d3");
}
