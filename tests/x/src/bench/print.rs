//! What was measured, for people and for machines.

use super::lines::{Line, Measure};
use super::side::Sample;

/// A line with its samples: of each round, in the order of the measure.
pub(super) struct Done {
    pub line: &'static Line,
    pub samples: Vec<Vec<Sample>>,
}

/// The middle one, the least and the most of some ratios.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        // Of an even number, what is between the two in the middle.
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Spread { median: f64::midpoint(low, high), least, most })
    }
}

impl Done {
    /// Sample `at` of each round, by some measure.
    fn spread(&self, at: usize, measure: impl Fn(&[Sample]) -> f64) -> Option<Spread> {
        Spread::of(self.samples.iter().filter(|round| round.len() > at).map(|round| measure(round)))
    }

    /// The cost of one item of sample `at`.
    fn cost(&self, at: usize) -> Option<Spread> {
        self.spread(at, |round| round[at].nanos())
    }

    /// What is to be compared with what is to be reached.
    fn result(&self) -> Option<Spread> {
        match &self.line.measure {
            Measure::Against { .. } => self.spread(1, |round| round[0].nanos() / round[1].nanos()),
            Measure::Alone { at_most, .. } => self.spread(0, |round| round[0].nanos() / at_most),
            Measure::Grows { sizes, .. } => {
                let last = sizes.len() - 1;
                self.spread(last, |round| round[last].nanos() / round[0].nanos())
            }
        }
    }

    fn at_most(&self) -> Option<f64> {
        match &self.line.measure {
            Measure::Against { at_most, .. } => *at_most,
            Measure::Alone { .. } => Some(1.0),
            Measure::Grows { at_most, .. } => Some(*at_most),
        }
    }

    /// The most memory that any process had, in KiB.
    fn resident(&self) -> Option<u64> {
        self.samples.iter().flatten().filter_map(|sample| sample.resident).max()
    }

    fn reached(&self) -> Option<bool> {
        let enough = match (&self.line.measure, self.resident()) {
            (Measure::Grows { flat: Some(most), .. }, Some(kilobytes)) => kilobytes <= most * 1024,
            _ => true,
        };
        Some(self.result()?.median <= self.at_most()? && enough)
    }

    fn verdict(&self) -> &'static str {
        match self.reached() {
            Some(true) => "reached",
            Some(false) => "NOT REACHED",
            None => "-",
        }
    }
}

/// A time in the unit that suits it.
pub(super) fn nanos(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} us", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// What came out of one line.
pub(super) fn line(done: &Done) {
    println!("{}: {}", done.line.name, done.line.what);
    if let Measure::Grows { sizes, .. } = &done.line.measure {
        plot(done, sizes);
    } else if let Some(ours) = done.cost(0) {
        println!("    ours {:>11}", nanos(ours.median));
        if let Some(peer) = done.cost(1) {
            println!("    peer {:>11}   {}", nanos(peer.median), done.line.against);
        }
    }
    if let Some(Spread { median, least, most }) = done.result() {
        let reach = done.at_most().map_or("-".to_owned(), |most| format!("{most:.2}"));
        let of = match &done.line.measure {
            Measure::Alone { at_most, .. } => format!(" of {}", nanos(*at_most)),
            _ => String::new(),
        };
        println!(
            "    ratio {median:.2}{of} ({least:.2} to {most:.2}), to reach {reach}: {}",
            done.verdict()
        );
    }
    if let Some(kilobytes) = done.resident() {
        println!("    resident memory {} MiB at most", kilobytes / 1024);
    }
    println!();
}

/// Cost against size, a bar each.
fn plot(done: &Done, sizes: &[u64]) {
    let Some(first) = done.cost(0) else { return };
    for (at, size) in sizes.iter().enumerate() {
        let Some(cost) = done.cost(at) else { continue };
        let ratio = cost.median / first.median;
        let bar: String =
            (1..=60).take_while(|n| f64::from(*n) <= ratio * 15.0).map(|_| '#').collect();
        println!("    {size:>10} {:>11} {ratio:>5.2} |{bar}", nanos(cost.median));
    }
}

/// All lines, a row each, as Markdown.
pub(super) fn table(all: &[Done]) {
    println!("| line | ours | peer | ratio | spread | to reach | |\n|---|---|---|---|---|---|---|");
    for done in all {
        let shown = |cost: Option<Spread>| cost.map_or("-".to_owned(), |cost| nanos(cost.median));
        let (ours, peer) = match &done.line.measure {
            Measure::Against { .. } | Measure::Alone { .. } => (done.cost(0), done.cost(1)),
            Measure::Grows { sizes, .. } => (done.cost(sizes.len() - 1), done.cost(0)),
        };
        let result = done.result();
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            done.line.name,
            shown(ours),
            shown(peer),
            result.map_or("-".to_owned(), |ratio| format!("{:.2}", ratio.median)),
            result.map_or("-".to_owned(), |r| format!("{:.2} to {:.2}", r.least, r.most)),
            done.at_most().map_or("-".to_owned(), |most| format!("{most:.2}")),
            done.verdict()
        );
    }
}

/// All lines as one JSON object. Names and numbers only: nothing needs escapes.
pub(super) fn json(all: &[Done]) {
    let number = |n: Option<f64>| n.map_or("null".to_owned(), |n| format!("{n:.4}"));
    let mut rows = Vec::new();
    for done in all {
        let costs = (0..).map_while(|at| done.cost(at)).map(|cost| number(Some(cost.median)));
        let costs: Vec<String> = costs.collect();
        let result = done.result();
        rows.push(format!(
            "{{\"name\":\"{}\",\"nanos\":[{}],\"ratio\":{},\"least\":{},\"most\":{},\
             \"at_most\":{},\"resident_kib\":{},\"reached\":{}}}",
            done.line.name,
            costs.join(","),
            number(result.map(|ratio| ratio.median)),
            number(result.map(|ratio| ratio.least)),
            number(result.map(|ratio| ratio.most)),
            number(done.at_most()),
            done.resident().map_or("null".to_owned(), |kilobytes| kilobytes.to_string()),
            done.reached().map_or("null".to_owned(), |reached| reached.to_string()),
        ));
    }
    println!("{{\"lines\":[\n{}\n]}}", rows.join(",\n"));
}
