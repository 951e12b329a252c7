//! The tables of a scenario made fewer: each part of it, the large ones first, is left out.
//!
//! It knows no table by name but those of lcores: what cannot be left out does not make a plan any
//! more, and stays. So tables that are new need nothing here.
//!
//! Invariant: an edit leaves less than there was. Not here: frames (`frames.rs`), times (`times.rs`).

use toml::{Table, Value};

/// The way to a part of a scenario.
pub(super) type Path = Vec<Step>;

/// A step to a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    At(usize),
}

/// All parts of a scenario, each before its own parts; but for its name.
pub(super) fn parts(tables: &Table) -> Vec<Path> {
    let mut found = Vec::new();
    for (key, value) in tables.iter().filter(|(key, _)| *key != "name") {
        walk(value, vec![Step::Key(key.clone())], &mut found);
    }
    found
}

fn walk(value: &Value, path: Path, found: &mut Vec<Path>) {
    found.push(path.clone());
    let with = |step| path.iter().cloned().chain([step]).collect();
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(key, value)| walk(value, with(Step::Key(key.clone())), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| walk(value, with(Step::At(at)), found));
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

/// The scenario without one of its parts.
pub(super) fn without(tables: &Table, path: &[Step]) -> Option<Table> {
    let mut value = Value::Table(tables.clone());
    let (last, way) = path.split_last()?;
    let mut inner = &mut value;
    for step in way {
        inner = match step {
            Step::Key(key) => inner.get_mut(key.as_str())?,
            Step::At(at) => inner.get_mut(*at)?,
        };
    }
    match (last, inner) {
        (Step::Key(key), Value::Table(table)) => drop(table.remove(key)?),
        (Step::At(at), Value::Array(list)) if *at < list.len() => drop(list.remove(*at)),
        _ => return None,
    }
    match value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// The lists of tables, by key, and how long they are.
pub(super) fn lists(tables: &Table) -> Vec<(String, usize)> {
    let list = |(key, value): (&String, &Value)| Some((key.clone(), value.as_array()?.len()));
    tables.iter().filter_map(list).collect()
}

/// The scenario with only these elements of a list.
pub(super) fn with_only(tables: &Table, key: &str, kept: &[usize]) -> Table {
    let mut tables = tables.clone();
    if let Some(Value::Array(list)) = tables.get_mut(key) {
        let mut at = 0;
        list.retain(|_| {
            at += 1;
            kept.contains(&(at - 1))
        });
    }
    tables
}

/// The scenario with so many plain workers, instead of the lcores that it has.
pub(super) fn with_workers(tables: &Table, workers: usize) -> Table {
    let mut new = tables.clone();
    new.remove("lcore");
    new.insert("workers".to_owned(), Value::Integer(i64::try_from(workers).unwrap_or(1)));
    if let Some(Value::Array(ports)) = new.get_mut("port") {
        for port in ports.iter_mut().filter_map(Value::as_table_mut) {
            port.remove("rx_queues");
            port.remove("tx_queues");
        }
    }
    new
}

/// How many tables there are in a scenario: elements of lists of tables, and tables by themselves.
pub(super) fn count(tables: &Table) -> usize {
    let of = |value: &Value| match value {
        Value::Table(_) => 1,
        Value::Array(list) => list.iter().filter(|value| value.is_table()).count(),
        _ => 0,
    };
    tables.values().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn each_part_can_be_left_out() {
        let tables =
            read("name = \"x\"\nworkers = 2\n[[port]]\nmtu = 9\nlist = [1, 2]\n[policy]\n");
        let left: Vec<_> = parts(&tables)
            .iter()
            .map(|path| without(&tables, path).unwrap())
            .map(|table| toml::to_string(&table).unwrap().replace('\n', " "))
            .collect();
        assert_eq!(
            left,
            [
                "name = \"x\"  [[port]] mtu = 9 list = [1, 2]  [policy] ",
                "name = \"x\" workers = 2  [policy] ",
                "name = \"x\" workers = 2 port = []  [policy] ",
                "name = \"x\" workers = 2  [[port]] list = [1, 2]  [policy] ",
                "name = \"x\" workers = 2  [[port]] mtu = 9  [policy] ",
                "name = \"x\" workers = 2  [[port]] mtu = 9 list = [2]  [policy] ",
                "name = \"x\" workers = 2  [[port]] mtu = 9 list = [1]  [policy] ",
                "name = \"x\" workers = 2  [[port]] mtu = 9 list = [1, 2] ",
            ]
        );
        assert_eq!(count(&tables), 2);
    }

    #[test]
    fn workers_take_the_place_of_all_lcores() {
        let tables = read("[[port]]\nname = \"a\"\nrx_queues = 2\n[[lcore]]\nid = 0\n[[lcore]]\n");
        let expected = read("workers = 1\n[[port]]\nname = \"a\"\n");
        assert_eq!(with_workers(&tables, 1), expected);
        assert_eq!(lists(&tables), [("port".to_owned(), 1), ("lcore".to_owned(), 2)]);
        assert_eq!(lists(&with_only(&tables, "lcore", &[1]))[1].1, 1);
    }
}
