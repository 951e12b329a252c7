//! How an early end is shown: scenario mistakes with their source lines, all else in a sentence.

use super::{Io, Stop, exit, nobody_reads};
use crate::cli::execute::Failure;
use crate::decode::DecodeError;
use crate::guess::GuessError;
use crate::scenario::{LoadError, RequestError, ScenarioError};
use miette::{GraphicalReportHandler, GraphicalTheme};

/// Shows what clap has to say: help and version as results, all else as mistakes.
pub(super) fn clap(error: &clap::Error, io: &mut Io<'_>) -> u8 {
    let text = error.render();
    let (to, code) = match error.use_stderr() {
        true => (&mut io.err, exit::USAGE),
        false => (&mut io.out, exit::OK),
    };
    // Nobody may read it; the exit code still says it.
    let _ = match io.color && code == exit::USAGE {
        true => write!(to, "{}", text.ansi()),
        false => write!(to, "{text}"),
    };
    code
}

/// Shows why a command ended, and gives its exit code.
pub(super) fn stop(stop: &Stop, io: &mut Io<'_>) -> u8 {
    let (code, text) = match stop {
        Stop::Write(error) if nobody_reads(error) => return exit::OK,
        Stop::Write(error) => (exit::ENVIRONMENT, sentence(&format!("cannot write: {error}"))),
        Stop::Request(RequestError::Scenario(LoadError::Bad(error))) => {
            let code = match error.is_unreadable_input() {
                true => exit::ENVIRONMENT,
                false => exit::USAGE,
            };
            (code, scenario(error, io.color))
        }
        Stop::Request(RequestError::Scenario(error @ LoadError::Unreadable { .. })) => {
            (exit::ENVIRONMENT, sentence(error))
        }
        Stop::Request(RequestError::Capture(error)) => (exit::ENVIRONMENT, sentence(error)),
        Stop::Decode(DecodeError::Write(error)) if nobody_reads(error) => return exit::OK,
        Stop::Decode(error @ DecodeError::NoInterface { .. }) => (exit::USAGE, sentence(error)),
        Stop::Decode(error) => (exit::ENVIRONMENT, sentence(error)),
        Stop::Request(error @ RequestError::Ports(_)) => (exit::USAGE, sentence(error)),
        Stop::Guess(GuessError::Capture(error)) => (exit::ENVIRONMENT, sentence(error)),
        Stop::Guess(error @ GuessError::Name(_)) => (exit::USAGE, sentence(error)),
        Stop::Engine(error @ Failure::Usage(_)) => (exit::USAGE, sentence(error)),
        Stop::Engine(error @ Failure::Environment(_)) => (exit::ENVIRONMENT, sentence(error)),
        Stop::Usage(why) => (exit::USAGE, sentence(why)),
        Stop::Environment(why) => (exit::ENVIRONMENT, sentence(why)),
    };
    // If even this cannot be written, the exit code still says it.
    let _ = io.err.write_all(text.as_bytes());
    code
}

fn sentence(error: &dyn std::fmt::Display) -> String {
    format!("error: {error}\n")
}

/// Each mistake, drawn with its source line.
fn scenario(error: &ScenarioError, color: bool) -> String {
    let theme = match color {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    let mut text = String::new();
    for problem in &error.problems {
        if handler.render_report(&mut text, problem).is_err() {
            text.push_str(&error.to_string());
        }
        text.push('\n');
    }
    let count = error.problems.len();
    let things = if count == 1 { "mistake" } else { "mistakes" };
    text + &format!("error: {count} {things} in {}\n", error.problems[0].file)
}
