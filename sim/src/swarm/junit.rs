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
        // The smallest examples of each kind may all be of other scenarios.
        let elsewhere = if kinds.is_empty() { tally.failed } else { 0 };
        let (suite, tests) = (escaped(name), 1 + kinds.len());
        let failures = kinds.len() + usize::from(elsewhere > 0);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{suite}\" tests=\"{tests}\" failures=\"{failures}\">",
        );
        let hold = format!("{} of {} units hold ({})", tally.ok, tally.units(), escaped(build));
        let end = if elsewhere > 0 { ">" } else { "/>" };
        let _ = writeln!(text, "    <testcase classname=\"{suite}\" name=\"{hold}\"{end}");
        if elsewhere > 0 {
            let why = "fail as smaller ones of other scenarios do, where each kind is shown";
            let _ = writeln!(text, "      <failure message=\"{elsewhere} units {why}\"/>");
            text.push_str("    </testcase>\n");
        }
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
    use super::super::line::{Line, Status, tests::line};
    use super::*;

    #[test]
    fn a_scenario_whose_failures_are_shown_with_others_fails_too() {
        let mut summary = Summary::default();
        for unit in 0..3 {
            summary.add(&line(unit, Status::Fail));
        }
        let other = "vlan".to_owned();
        summary.add(&Line { events: 9999, scenario: other, ..line(7, Status::Fail) });
        let text = junit(&summary);
        let suite = text.split("<testsuite ").nth(2).unwrap();
        insta::assert_snapshot!(suite, @r#"
        name="vlan" tests="1" failures="1">
            <testcase classname="vlan" name="0 of 1 units hold (0.1.0)">
              <failure message="1 units fail as smaller ones of other scenarios do, where each kind is shown"/>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

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
