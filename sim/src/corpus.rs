//! Frames as the files of a fuzzing corpus, one file a frame, and back into a capture.
//!
//! A file of a corpus is the bytes of one frame and nothing else, as the fuzz targets that begin with
//! a frame take it. It is named by the digest of its bytes, so that a frame is there once, however
//! often it was captured, and an import that is repeated changes nothing.
//!
//! Invariant: a frame comes back out of a corpus byte for byte. Not here: the corpora of targets whose
//! inputs are no frames, and what fuzzes (`cargo x fuzz`).

use crate::capture::{CaptureError, CaptureReader, Frame, MAX_FRAME, PcapngWriter};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// How long after the frame before it each frame of an export is, in nanoseconds.
const APART: u64 = 1_000_000;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Frames that were read.
    pub frames: u64,
    /// Files that were written.
    pub new: u64,
    /// Frames that were there already, from this import or an earlier one.
    pub known: u64,
    /// Frames of which the capture holds only the front: they are left out.
    pub snapped: u64,
}

/// Why frames could not be brought into a corpus or out of it.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A file or folder cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A file of the corpus is no frame.
    #[error(
        "{}: has {len} bytes, and a frame {MAX_FRAME} at most; only corpora of frames can be exported",
        path.display()
    )]
    NoFrame {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// There is nothing to be exported.
    #[error("{}: has no files; `lockstep corpus import` makes some", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, CorpusError> {
    result.map_err(|why| CorpusError::File { path: path.to_owned(), why })
}

/// Writes each frame of `captures` into the folder `dir`, which is made if it is not there.
///
/// # Errors
/// A capture cannot be read, or a file cannot be written. What was written before stays.
pub fn import(captures: &[PathBuf], dir: &Path) -> Result<Imported, CorpusError> {
    let mut done = Imported::default();
    at(dir, fs::create_dir_all(dir))?;
    for capture in captures {
        let mut reader = CaptureReader::open(capture)?;
        while let Some(record) = reader.next_record()? {
            done.frames += 1;
            if record.is_snapped() {
                done.snapped += 1;
                continue;
            }
            let path = dir.join(format!("{:016x}", xxh3_64(record.data)));
            if path.exists() {
                done.known += 1;
                continue;
            }
            at(&path, fs::write(&path, record.data))?;
            done.new += 1;
        }
    }
    Ok(done)
}

/// Writes the frames in `dir` into one capture, in the order of the files' names, a millisecond apart,
/// each with the name of its file as a comment. Returns how many there are.
///
/// # Errors
/// A file cannot be read, is too long for a frame, or the capture cannot be written; it must not be
/// there yet.
pub fn export(dir: &Path, output: &Path) -> Result<u64, CorpusError> {
    let mut files = BTreeMap::new();
    for entry in at(dir, fs::read_dir(dir))? {
        let entry = at(dir, entry)?;
        if at(dir, entry.file_type())?.is_file() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), entry.path());
        }
    }
    if files.is_empty() {
        return Err(CorpusError::Empty { path: dir.to_owned() });
    }
    let mut frames = Vec::with_capacity(files.len());
    for (name, path) in files {
        let bytes = at(&path, fs::read(&path))?;
        if bytes.len() > MAX_FRAME as usize {
            return Err(CorpusError::NoFrame { path, len: bytes.len() });
        }
        frames.push((name, bytes));
    }
    let file = at(output, File::create_new(output))?;
    at(output, write(file, &frames))
}

fn write(file: File, frames: &[(String, Vec<u8>)]) -> io::Result<u64> {
    let mut writer = PcapngWriter::new(file, &["corpus"], None)?;
    let mut written = 0;
    for (name, bytes) in frames {
        writer.write(&Frame {
            interface: 0,
            time: written * APART,
            direction: None,
            orig_len: None,
            segments: &[bytes],
            comments: &[name],
        })?;
        written += 1;
    }
    writer.finish()?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::{ALICE, BOB, arp_request, udp};

    /// A folder of this test's own.
    fn scratch(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("lockstep-corpus-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn frames_of(capture: &Path) -> Vec<(u64, Vec<u8>, Vec<String>)> {
        let mut reader = CaptureReader::open(capture).unwrap();
        let mut frames = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            let comments = record.comments().map(|comment| comment.into_owned()).collect();
            frames.push((record.time, record.data.to_vec(), comments));
        }
        frames
    }

    #[test]
    fn frames_go_into_a_corpus_once_and_come_out_byte_for_byte() {
        let dir = scratch("there-and-back");
        let frames = [udp(ALICE, BOB).build(), arp_request(ALICE, BOB).build(), vec![1, 2, 3]];
        let twice: Vec<(String, Vec<u8>)> =
            frames.iter().chain(&frames[..1]).map(|f| (String::new(), f.clone())).collect();
        let capture = dir.join("in.pcapng");
        write(File::create_new(&capture).unwrap(), &twice).unwrap();

        let corpus = dir.join("corpus");
        let done = import(std::slice::from_ref(&capture), &corpus).unwrap();
        assert_eq!(done, Imported { frames: 4, new: 3, known: 1, snapped: 0 });
        let again = import(&[capture], &corpus).unwrap();
        assert_eq!(again, Imported { frames: 4, new: 0, known: 4, snapped: 0 });

        let out = dir.join("out.pcapng");
        assert_eq!(export(&corpus, &out).unwrap(), 3);
        let read = frames_of(&out);
        let mut bytes: Vec<&Vec<u8>> = read.iter().map(|(_, bytes, _)| bytes).collect();
        let mut wanted: Vec<&Vec<u8>> = frames.iter().collect();
        bytes.sort();
        wanted.sort();
        assert_eq!(bytes, wanted);
        for (n, (time, bytes, comments)) in read.iter().enumerate() {
            assert_eq!(*time, n as u64 * APART);
            assert_eq!(comments, &[format!("{:016x}", xxh3_64(bytes))]);
        }
        let there = export(&corpus, &out).unwrap_err().to_string();
        assert!(
            there.starts_with(&out.display().to_string()),
            "a file that is there stays: {there}"
        );
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_frame_of_which_only_the_front_was_captured_is_left_out() {
        let dir = scratch("snapped");
        let capture = dir.join("in.pcapng");
        let mut writer = PcapngWriter::new(Vec::new(), &["lan"], None).unwrap();
        let bytes = udp(ALICE, BOB).build();
        let segments: &[&[u8]] = &[&bytes[..20]];
        let (direction, orig_len) = (None, Some(60));
        let frame = Frame { interface: 0, time: 0, direction, orig_len, segments, comments: &[] };
        writer.write(&frame).unwrap();
        fs::write(&capture, writer.finish().unwrap()).unwrap();
        let done = import(&[capture], &dir.join("corpus")).unwrap();
        assert_eq!(done, Imported { frames: 1, new: 0, known: 0, snapped: 1 });
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_is_just_too_long_is_no_frame_and_an_empty_folder_no_corpus() {
        let dir = scratch("limits");
        let out = dir.join("out.pcapng");
        let corpus = dir.join("corpus");
        fs::create_dir(&corpus).unwrap();
        assert!(matches!(export(&corpus, &out), Err(CorpusError::Empty { .. })));
        fs::write(corpus.join("a"), vec![0; MAX_FRAME as usize]).unwrap();
        fs::write(corpus.join("b"), vec![0; MAX_FRAME as usize + 1]).unwrap();
        let error = export(&corpus, &out).unwrap_err().to_string();
        assert!(error.contains("b: has 65536 bytes, and a frame 65535 at most"), "{error}");
        assert!(!out.exists(), "nothing is left");
        fs::remove_file(corpus.join("b")).unwrap();
        assert_eq!(export(&corpus, &out).unwrap(), 1);
        fs::remove_dir_all(dir).unwrap();
    }
}
