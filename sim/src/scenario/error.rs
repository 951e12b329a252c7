//! What is wrong with a scenario, and where: file, line, column, what was expected, what helps.
//!
//! A [`ScenarioError`] holds every problem that was found, in the order of the file. Its `Display`
//! is one line a problem, `file:line:column: message`; the command line draws each with its source
//! line, since a [`Problem`] is a `miette::Diagnostic`.

use super::value::Span;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use std::fmt;
use std::sync::Arc;

/// A scenario from which no plan can be made.
#[derive(Debug)]
pub struct ScenarioError {
    /// What is wrong, in the order of the file; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a scenario.
#[derive(Debug)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// The bytes of the file at which it points.
    pub span: Span,
    /// Line of the first of them, from 1.
    pub line: usize,
    /// Column of the first of them, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected there; a few words for beside the arrow.
    pub expected: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the scenario is right, but a file that it names cannot be read.
    pub unreadable: bool,
    source: NamedSource<Arc<str>>,
}

/// A complaint about bytes of a file that is not named yet.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) expected: String,
    pub(super) help: Option<String>,
    pub(super) unreadable: bool,
}

impl Mistake {
    /// `message`, about `span`, where `expected` should have been.
    pub(super) fn new(
        span: &Span,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> Mistake {
        Mistake {
            span: span.clone(),
            message: message.into(),
            expected: expected.into(),
            help: None,
            unreadable: false,
        }
    }

    /// The same, with advice.
    pub(super) fn help(self, help: impl Into<String>) -> Mistake {
        Mistake { help: Some(help.into()), ..self }
    }

    /// The same, with advice if there is any.
    pub(super) fn maybe_help(self, help: Option<String>) -> Mistake {
        Mistake { help, ..self }
    }

    /// What the TOML reader or serde says, in our form.
    pub(super) fn from_toml(error: &toml::de::Error, text: &str) -> Mistake {
        let span = error.span().unwrap_or(0..0);
        let (message, expected) = match error.message().split_once(", expected ") {
            Some((message, expected)) => (message.to_owned(), format!("expected {expected}")),
            None => (error.message().to_owned(), String::new()),
        };
        let help = unknown_name(&message).and_then(|name| {
            let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            did_you_mean(name, &known)
        });
        let header = text.get(span.clone()).filter(|t| is_single_header(t));
        if let (Some(header), "expected a sequence") = (header, expected.as_str()) {
            let message = format!("{header} is one table");
            return Mistake::new(
                &span,
                message,
                format!("expected [{header}]: there can be several"),
            );
        }
        let expected = match expected.as_str() {
            "expected u64" => "expected a whole number, 0 or more".to_owned(),
            "expected a sequence" => "expected a list, in brackets".to_owned(),
            "expected a boolean" => "expected true or false".to_owned(),
            _ => expected,
        };
        let message =
            match message.strip_prefix("missing field `").and_then(|m| m.strip_suffix('`')) {
                Some(key) => format!("the key `{key}` is missing"),
                None => message.replace("unknown field", "unknown key").replace(" as i128", ""),
            };
        Mistake::new(&span, message, expected).maybe_help(help)
    }

    /// The same, in its file.
    pub(super) fn locate(self, file: &str, text: &Arc<str>) -> Problem {
        let start = floor_char(text, self.span.start);
        let end = floor_char(text, self.span.end.max(start));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Problem {
            file: file.to_owned(),
            span: start..end,
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
            message: self.message,
            expected: self.expected,
            help: self.help,
            unreadable: self.unreadable,
            source: NamedSource::new(file, Arc::clone(text)).with_language("toml"),
        }
    }
}

/// The largest character boundary that is not behind `at`.
fn floor_char(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

/// Whether this is the header of one table, `[port]`.
fn is_single_header(text: &str) -> bool {
    text.starts_with('[') && !text.starts_with("[[") && text.ends_with(']') && !text.contains(',')
}

/// The name that serde does not know.
fn unknown_name(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("unknown ")?;
    let (_, quoted) = rest.split_once('`')?;
    quoted.split('`').next()
}

/// The known name that is nearest to `name`, as a question; nothing if none is near.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> Option<String> {
    let best = known.iter().map(|k| (distance(name, k), *k)).min()?;
    (best.0 <= 1 + name.len() / 4).then(|| format!("did you mean `{}`?", best.1))
}

/// How many characters must be added, removed, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: [Vec<usize>; 3] = [Vec::new(), Vec::new(), (0..=b.len()).collect()];
    for i in 1..=a.len() {
        rows.rotate_left(1);
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            row.push(least);
        }
        rows[2] = row;
    }
    rows[2][b.len()]
}

impl ScenarioError {
    pub(super) fn new(file: &str, text: &str, mut mistakes: Vec<Mistake>) -> ScenarioError {
        mistakes.sort_by_key(|f| (f.span.start, f.span.end));
        // Whatever file it is, it says nothing to a terminal. A byte stays a byte: spans are of the text as it was.
        let is_told = |c: char| c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t');
        let text: Arc<str> = Arc::from(text.replace(is_told, "."));
        ScenarioError { problems: mistakes.into_iter().map(|f| f.locate(file, &text)).collect() }
    }

    /// Whether all that is wrong is that files cannot be read.
    pub fn is_unreadable_input(&self) -> bool {
        self.problems.iter().all(|p| p.unreadable)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            let Problem { file, line, column, .. } = problem;
            write!(f, "{file}:{line}:{column}: {}", problem.message)?;
            if !problem.expected.is_empty() {
                write!(f, " ({})", problem.expected)?;
            }
            if let Some(help) = &problem.help {
                write!(f, "; {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = Some(self.expected.clone()).filter(|e| !e.is_empty());
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(label, self.span.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["name", "mtu", "mac", "addresses"];
        assert_eq!(did_you_mean("adresses", &known).as_deref(), Some("did you mean `addresses`?"));
        assert_eq!(did_you_mean("mut", &known).as_deref(), Some("did you mean `mtu`?"));
        assert_eq!(did_you_mean("gateway", &known), None);
        assert_eq!(did_you_mean("", &[]), None);
    }

    #[test]
    fn a_place_is_counted_in_characters() {
        let text: Arc<str> = Arc::from("a = 1\nµ = 2\n");
        let problem = Mistake::new(&(9..10), "x", "").locate("f", &text);
        assert_eq!((problem.line, problem.column), (2, 3));
        let beyond = Mistake::new(&(900..901), "x", "").locate("f", &text);
        assert_eq!((beyond.line, beyond.column), (3, 1));
    }
}
