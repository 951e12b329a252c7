//! The bytes of a capture file, uncompressed, behind a window that only grows for a long record.

use super::error::Problem;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// Bytes asked of the file at a time.
const WINDOW: usize = 256 * 1024;

/// A file read from front to back.
pub(super) struct Source {
    input: Input,
    window: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

enum Input {
    Plain(Hashed),
    Gzip(Box<MultiGzDecoder<Hashed>>),
}

/// The file itself. Its digest is of the bytes on the disk, compressed or not.
struct Hashed {
    file: Box<dyn Read + Send>,
    len: u64,
    digest: Option<Box<Xxh3>>,
}

impl Source {
    /// Opens a file; with `digest`, hashes what is read.
    pub(super) fn open(path: &Path, digest: bool) -> Result<Source, Problem> {
        let mut file = File::open(path).map_err(Problem::Unreadable)?;
        if !file.metadata().map_err(Problem::Unreadable)?.is_file() {
            return Err(Problem::NotAFile);
        }
        let mut magic = Vec::with_capacity(2);
        file.by_ref().take(2).read_to_end(&mut magic).map_err(Problem::Unreadable)?;
        file.rewind().map_err(Problem::Unreadable)?;
        Ok(Source::new(Box::new(file), &magic, WINDOW, digest))
    }

    /// The same of what a file would hold.
    pub(super) fn of(bytes: Vec<u8>) -> Source {
        let magic = bytes.get(..2).unwrap_or_default().to_vec();
        let window = bytes.len().clamp(1, WINDOW);
        Source::new(Box::new(io::Cursor::new(bytes)), &magic, window, false)
    }

    fn new(file: Box<dyn Read + Send>, magic: &[u8], window: usize, digest: bool) -> Source {
        let digest = digest.then(|| Box::new(Xxh3::new()));
        let file = Hashed { file, len: 0, digest };
        let input = match magic {
            [0x1f, 0x8b] => Input::Gzip(Box::new(MultiGzDecoder::new(file))),
            _ => Input::Plain(file),
        };
        Source { input, window: vec![0; window], start: 0, end: 0, offset: 0 }
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self.input, Input::Gzip(_))
    }

    /// Offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Brings the next `need` bytes into the window and gives how many there are: fewer only at
    /// the end of the file.
    #[inline]
    pub(super) fn fill(&mut self, need: usize) -> Result<usize, Problem> {
        if self.end - self.start < need {
            self.fill_slowly(need)?;
        }
        Ok(need.min(self.end - self.start))
    }

    #[cold]
    fn fill_slowly(&mut self, need: usize) -> Result<(), Problem> {
        self.window.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.window.len() < need {
            self.window.resize(need, 0);
        }
        while self.end < need {
            let space = &mut self.window[self.end..];
            let read = match &mut self.input {
                Input::Plain(file) => file.read(space),
                Input::Gzip(gzip) => gzip.read(space),
            };
            match read {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_problem(error)),
            }
        }
        Ok(())
    }

    fn read_problem(&self, source: io::Error) -> Problem {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let decoder = matches!(source.kind(), InvalidData | InvalidInput | UnexpectedEof);
        match self.input {
            Input::Gzip(_) if decoder => {
                let held = u64::try_from(self.end - self.start).unwrap_or(u64::MAX);
                Problem::Gzip { offset: self.offset + held, source }
            }
            Input::Gzip(_) | Input::Plain(_) => Problem::Unreadable(source),
        }
    }

    /// The bytes that `fill` brought.
    pub(super) fn peek(&self, len: usize) -> &[u8] {
        &self.window[self.start..self.start + len]
    }

    /// Steps over bytes that `fill` brought. They stay readable until the next `fill`.
    pub(super) fn take(&mut self, len: usize) -> Range<usize> {
        let taken = self.start..self.start + len;
        assert!(taken.end <= self.end, "only what was filled can be taken");
        self.start = taken.end;
        self.offset += u64::try_from(len).unwrap_or(u64::MAX);
        taken
    }

    /// What `take` gave the place of.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.window[range]
    }

    /// Reads on to the end of the file.
    pub(super) fn drain(&mut self) -> Result<(), Problem> {
        loop {
            match self.fill(WINDOW)? {
                0 => return Ok(()),
                got => self.take(got),
            };
        }
    }

    /// Length and digest of the file as far as it was read; wholly after `drain`.
    pub(super) fn digest(&self) -> (u64, u128) {
        let file = match &self.input {
            Input::Plain(file) => file,
            Input::Gzip(gzip) => gzip.get_ref(),
        };
        (file.len, file.digest.as_ref().map_or(0, |digest| digest.digest128()))
    }
}

impl Read for Hashed {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(space)?;
        self.len += u64::try_from(got).unwrap_or(u64::MAX);
        if let Some(digest) = &mut self.digest {
            digest.update(&space[..got]);
        }
        Ok(got)
    }
}
