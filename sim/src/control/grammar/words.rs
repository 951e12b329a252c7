//! The words of a line, and what each is read as.

use super::{Names, ParseError, either, meant};
use crate::scenario::text;
use dataplane::types::DeviceName;
use dataplane::{LcoreId, Nanos, PortId};
use std::ops::Range;

/// The words of a line that have not been read yet.
pub(super) struct Words<'a> {
    line: &'a str,
    at: usize,
    names: &'a Names,
}

/// A word and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    pub span: Range<usize>,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a str, names: &'a Names) -> Words<'a> {
        Words { line, at: 0, names }
    }

    /// The next word, which stays unread.
    pub fn peek(&self) -> Option<Word<'a>> {
        let rest = self.line.get(self.at..)?;
        let start = self.at + rest.find(|c: char| !c.is_whitespace())?;
        let word = self.line.get(start..)?;
        let end = start + word.find(char::is_whitespace).unwrap_or(word.len());
        Some(Word { text: self.line.get(start..end)?, span: start..end })
    }

    /// The next word.
    pub fn next(&mut self) -> Option<Word<'a>> {
        let word = self.peek()?;
        self.at = word.span.end;
        Some(word)
    }

    /// The next word, of which there has to be one.
    pub fn need(&mut self, expected: &str) -> Result<Word<'a>, ParseError> {
        let end = self.line.trim_end().len();
        self.next().ok_or_else(|| self.error(end..end, "the line ends here", expected))
    }

    /// The next word, which is one of these.
    pub fn one_of(&mut self, known: &[&'static str]) -> Result<&'static str, ParseError> {
        let word = self.need(&either(known))?;
        match known.iter().find(|name| **name == word.text) {
            Some(name) => Ok(name),
            None => Err(self.unknown(&word, known)),
        }
    }

    /// That there is no word any more.
    pub fn end(&mut self) -> Result<(), ParseError> {
        match self.next() {
            None => Ok(()),
            Some(word) => {
                let message = format!("`{}` is one word too many", word.text);
                Err(self.error(word.span, message, "the end of the line"))
            }
        }
    }

    /// The next word, read by a function of `scenario::text`: its error is cut at the comma.
    pub fn read<T>(
        &mut self,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ParseError> {
        let word = self.need(expected)?;
        self.value(&word, expected, read)
    }

    /// The same of a word that was taken.
    pub fn value<T>(
        &self,
        word: &Word<'_>,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ParseError> {
        read(word.text).map_err(|why| {
            let message = why.split_once(", expected ").map_or(why.as_str(), |(what, _)| what);
            self.error(word.span.clone(), message, expected)
        })
    }

    /// A whole number in a range.
    pub fn number(&mut self, what: &str, (min, max): (u64, u64)) -> Result<u64, ParseError> {
        let expected = format!("{what} from {min} to {max}");
        let word = self.need(&expected)?;
        let number = word.text.parse::<u64>().ok().filter(|_| !word.text.starts_with('+'));
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(number),
            Some(_) => {
                Err(self.error(word.span, format!("`{}` is out of range", word.text), expected))
            }
            None => {
                Err(self.error(word.span, format!("`{}` is no whole number", word.text), expected))
            }
        }
    }

    /// A duration; a bare number is in seconds, as dpip's.
    pub fn seconds(&mut self) -> Result<Nanos, ParseError> {
        self.read("a duration, such as `5s`, or seconds", |word| match word.parse::<u64>() {
            Ok(seconds) => Ok(Nanos::from_secs(seconds)),
            Err(_) => text::duration(word),
        })
    }

    /// The name of a device that is there.
    pub fn device(&mut self) -> Result<DeviceName, ParseError> {
        let word = self.need("the name of a device")?;
        self.as_device(&word)
    }

    /// The same of a word that was taken.
    pub fn as_device(&self, word: &Word<'_>) -> Result<DeviceName, ParseError> {
        self.there(word.text, word.span.clone())
    }

    /// The device of this name, which these words say.
    fn there(&self, name: &str, span: Range<usize>) -> Result<DeviceName, ParseError> {
        let known: Vec<&str> = self.names.devices.iter().map(String::as_str).collect();
        match DeviceName::try_new(name).filter(|_| known.contains(&name)) {
            Some(name) => Ok(name),
            None => {
                let message = format!("there is no device `{name}`");
                let mut error = self.error(span, message, either(&known));
                error.help = meant(name, &known);
                Err(error)
            }
        }
    }

    /// The same, said by all words from `start` to those that were read last.
    pub fn there_since(&self, start: usize, name: &str) -> Result<DeviceName, ParseError> {
        self.there(name, start..self.at)
    }

    /// The number of a device that traffic control may be about.
    pub fn shaped(&mut self) -> Result<PortId, ParseError> {
        let word = self.need("the name of a device")?;
        self.as_device(&word)?;
        let known = self.names.shaped.iter().find(|(name, _)| name == word.text);
        known.map(|(_, id)| *id).ok_or_else(|| {
            let message = format!("`{}` was added on the way", word.text);
            self.error(word.span.clone(), message, "a device of the configuration")
        })
    }

    /// What has to be there by the end of the line.
    pub fn required<T>(&mut self, what: &str, value: Option<T>) -> Result<T, ParseError> {
        let end = self.line.trim_end().len();
        value.ok_or_else(|| self.error(end..end, "the line ends here", what))
    }

    /// Something that does not go with the rest of the line.
    pub fn misplaced(&self, why: &str) -> ParseError {
        let end = self.line.trim_end().len();
        self.error(end..end, why, "")
    }

    /// A name for a device that is to be.
    pub fn new_name(&mut self) -> Result<DeviceName, ParseError> {
        const EXPECTED: &str = "1 to 32 letters, digits, `-`, `_` or `.`";
        let word = self.need(EXPECTED)?;
        let name = DeviceName::try_new(word.text).filter(|_| crate::scenario::is_name(word.text));
        let message = || format!("`{}` is no name for a device", word.text);
        name.ok_or_else(|| self.error(word.span.clone(), message(), EXPECTED))
    }

    /// The number of an lcore that takes messages.
    pub fn as_lcore(&self, word: &Word<'_>) -> Result<LcoreId, ParseError> {
        let known: Vec<String> = self.names.lcores.iter().map(ToString::to_string).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let id = word.text.parse().ok().map(LcoreId).filter(|id| self.names.lcores.contains(id));
        id.ok_or_else(|| {
            let message = format!("no lcore `{}` takes messages", word.text);
            self.error(word.span.clone(), message, either(&known))
        })
    }

    /// A word that is none of those it could be.
    pub fn unknown(&self, word: &Word<'_>, known: &[&str]) -> ParseError {
        let message = format!("`{}` is not known here", word.text);
        let mut error = self.error(word.span.clone(), message, either(known));
        error.help = meant(word.text, known);
        error
    }

    /// A key that is given twice.
    pub fn twice(&self, word: &Word<'_>) -> ParseError {
        self.error(word.span.clone(), format!("`{}` is there twice", word.text), "it once")
    }

    pub fn error(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> ParseError {
        let before = self.line.get(..span.start).unwrap_or(self.line);
        ParseError {
            column: before.chars().count() + 1,
            span,
            message: message.into(),
            expected: expected.into(),
            help: None,
        }
    }
}
