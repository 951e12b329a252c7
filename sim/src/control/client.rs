//! The client: `lockstep ctl`.

use super::reply::Reply;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The longest reply that is read.
const REPLY_MAX: u64 = 256 * 1024 * 1024;

/// A run cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// Nobody listens, or nobody answers.
    #[error("{}: no run can be asked there: {why}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// Somebody answers something else.
    #[error("{}: what answers there is no run of lockstep: {why}", path.display())]
    Stranger {
        /// The socket.
        path: PathBuf,
        /// What is wrong with the answer.
        why: String,
    },
}

/// Asks a run to do what `line` says, and waits for its reply: the line as it came, and read.
///
/// # Errors
/// Nobody listens at `path`, or it is no run of ours.
pub fn ask(path: &Path, line: &str) -> Result<(String, Reply), CtlError> {
    let socket = |why| CtlError::Socket { path: path.to_owned(), why };
    let mut stream = UnixStream::connect(path).map_err(socket)?;
    stream.write_all(format!("{line}\n").as_bytes()).map_err(socket)?;
    let mut reply = String::new();
    BufReader::new(stream.take(REPLY_MAX)).read_line(&mut reply).map_err(socket)?;
    if reply.is_empty() {
        return Err(socket(io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up")));
    }
    match Reply::from_line(&reply) {
        Ok(read) => Ok((reply.trim_end().to_owned(), read)),
        Err(why) => Err(CtlError::Stranger { path: path.to_owned(), why: why.to_string() }),
    }
}
