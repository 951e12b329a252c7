use super::*;
use crate::scenario::{Overrides, Scenario};
use std::path::Path;

#[test]
fn the_whole_table_has_every_job_of_the_dataplane() {
    let table = whole().unwrap();
    for kind in JobKind::ALL {
        let rows = table.iter().flat_map(|lcore| &lcore.jobs);
        assert!(rows.into_iter().any(|row| row.job == kind.name()), "{kind}");
    }
    assert!(text(&table).lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn as_json_a_row_is_an_object_and_what_is_not_known_is_not_there() {
    let json = serde_json::to_value(whole().unwrap()).unwrap();
    let row = &json[1]["jobs"][6];
    assert_eq!((&row["type"], &row["order"]), (&"SLOW/100".into(), &7.into()));
    assert_eq!((&row["job"], &row["idle_ns"]), (&"neigh_sync".into(), &20.into()));
    assert!(row.get("drains").is_none() && row.get("run").is_none());
    assert_eq!(json[4]["jobs"].as_array().map(Vec::len), Some(0), "an idle lcore");
}

#[test]
fn whatever_an_lcore_polls_or_drains_is_drained_by_a_job_of_it() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios");
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let plan = Scenario::load(&path, &Overrides::default()).unwrap().plan;
        let config = &plan.config;
        let drained = of(&plan, None).unwrap().into_iter().flat_map(|lcore| lcore.jobs);
        let drained: usize = drained.map(|row| row.drains.unwrap().len()).sum();
        let polled = config.lcores.iter().map(|lcore| config.polled(lcore.id).len());
        let tx = config.lcores.iter().flat_map(|l| &l.queues).map(|q| q.tx.len());
        let expected = polled.sum::<usize>() + config.rings().len() + tx.sum::<usize>();
        assert_eq!(drained, expected, "{}", path.display());
    }
}
