//! A summary as JUnit XML, which CI systems show.
//!
//! A suite a scenario; in it one case for all units that hold, and one for each kind of failure.
//!
//! Invariant: the file is well-formed whatever an oracle says. Not here: what is wrong
//! (`summary.rs`).

use super::summary::{Failure, Summary};
use crate::bundle::Said;
use std::fmt::Write as _;

/// The text of the file.
pub fn junit(summary: &Summary) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites name=\"lockstep swarm\">");
    for (build, name, tally) in summary.scenarios() {
        let of_it = |failure: &&Failure| failure.scenario == name;
        let kinds: Vec<_> = summary
            .failures()
            .filter_map(|(oracle, words, all)| Some((oracle, words, all.shown.iter().find(of_it)?)))
            .collect();
        let (suite, tests) = (escaped(name), 1 + kinds.len());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{suite}\" tests=\"{tests}\" failures=\"{}\">",
            kinds.len()
        );
        let _ = writeln!(
            text,
            "    <testcase classname=\"{suite}\" name=\"{} of {} units hold ({})\"/>",
            tally.ok,
            tally.units(),
            escaped(build)
        );
        for (oracle, words, failure) in kinds {
            case(&mut text, &suite, &format!("{oracle}: {words}"), failure);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, suite: &str, name: &str, failure: &Failure) {
    let Failure { events, unit, breaches, again, .. } = failure;
    let name = escaped(name);
    let _ = writeln!(text, "    <testcase classname=\"{suite}\" name=\"{name}\">");
    let _ = writeln!(text, "      <failure message=\"seed {unit}, {events} events\">");
    for Said { oracle, why } in breaches {
        let _ = writeln!(text, "{}: {}", escaped(oracle), escaped(why));
    }
    if let Some(again) = again {
        let _ = writeln!(text, "have it again: {}", escaped(again));
    }
    text.push_str("      </failure>\n    </testcase>\n");
}

/// A text in XML. What XML 1.0 has no characters for becomes `?`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            c if c.is_control() => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::line::{Status, tests::line};
    use super::*;

    #[test]
    fn a_kind_of_failure_is_a_case() {
        let mut summary = Summary::default();
        let mut odd = line(3, Status::Fail);
        odd.breaches[0].why = "a < b && \"c\"\u{1}".to_owned();
        for line in [line(1, Status::Ok), line(2, Status::Fail), odd] {
            summary.add(&line);
        }
        insta::assert_snapshot!(junit(&summary), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="lockstep swarm">
          <testsuite name="router" tests="3" failures="2">
            <testcase classname="router" name="1 of 3 units hold (0.1.0)"/>
            <testcase classname="router" name="packets: a &lt; b &amp;&amp; &quot;c&quot;?">
              <failure message="seed 3, 103 events">
        packets: a &lt; b &amp;&amp; &quot;c&quot;?
        have it again: lockstep run router.toml --seed 3
              </failure>
            </testcase>
            <testcase classname="router" name="packets: not conserved">
              <failure message="seed 2, 102 events">
        packets: not conserved: in 3
        have it again: lockstep run router.toml --seed 2
              </failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }
}
