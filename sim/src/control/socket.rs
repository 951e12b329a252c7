//! The socket: a line in, a line out, and nobody who waits for anybody.
//!
//! A Unix stream socket. A request is a line of UTF-8, at most [`LINE_MAX`] bytes; the reply is a
//! line of JSON. A client has one request open at a time, and may send the next when it likes.
//! Several clients take turns.
//!
//! Invariant: nothing here blocks. A client that is silent, slow, or talks without end costs a
//! bounded amount of memory and holds nobody up. The file of the socket is there as long as the
//! server is. Only what is heard comes from here into a run, and that is recorded.
//!
//! DPVS: ctrl.c `sockopt_ctl` reads from a client until it has all, so that a silent one stops the
//! master; takes any length that a client claims; and does not answer what it does not know
//! (defect B81).

use super::reply::Reply;
use super::session::Session;
use crate::engine::{Driver, Steered, Then};
use crate::run::RunError;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The longest request, in bytes, without its end.
pub const LINE_MAX: usize = 64 * 1024;
/// Clients at a time; one more is told so and closed.
const CLIENTS_MAX: usize = 64;
/// How long nothing is done when nothing is to be done.
const NAP: Duration = Duration::from_millis(1);
/// Naps for which the last reply is offered to its client when the run ends.
const LAST_NAPS: u32 = 500;

/// The socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something is there already.
    #[error(
        "{}: is there already: another run may listen there; if none does, remove it", .0.display()
    )]
    Exists(PathBuf),
    /// The system does not want to.
    #[error("{}: cannot listen there: {why}", path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

/// A run's end of the socket.
#[derive(Debug)]
pub struct Server<'a> {
    path: PathBuf,
    listener: UnixListener,
    clients: VecDeque<Client>,
    session: Session,
    interrupted: Option<&'a AtomicBool>,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    heard: Vec<u8>,
    unsent: Vec<u8>,
    /// It says nothing more, or is not listened to any more.
    closing: bool,
}

/// What a client has said.
enum Said {
    Line(String),
    Wrong(&'static str),
    Nothing,
}

impl<'a> Server<'a> {
    /// Listens at `path`.
    ///
    /// # Errors
    /// Something is there, or the system does not want to.
    pub fn bind(
        path: &Path,
        session: Session,
        interrupted: Option<&'a AtomicBool>,
    ) -> Result<Server<'a>, SocketError> {
        let failed = |why| SocketError::Bind { path: path.to_owned(), why };
        if path.symlink_metadata().is_ok() {
            return Err(SocketError::Exists(path.to_owned()));
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let (path, clients) = (path.to_owned(), VecDeque::new());
        let server = Server { path, listener, clients, session, interrupted };
        server.listener.set_nonblocking(true).map_err(failed)?;
        Ok(server)
    }

    /// What happened on it.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The next request, and the client that waits for the reply, which is the first of the queue.
    /// Nothing, if the run was interrupted before there was one.
    fn next(&mut self) -> Option<Said> {
        loop {
            if self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return None;
            }
            self.accept();
            self.clients.retain_mut(Client::lives);
            for _ in 0..self.clients.len() {
                match self.clients.front_mut().map_or(Said::Nothing, Client::said) {
                    Said::Nothing => self.clients.rotate_left(1),
                    said => return Some(said),
                }
            }
            nap();
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let mut client =
                Client { stream, heard: Vec::new(), unsent: Vec::new(), closing: false };
            if self.clients.len() >= CLIENTS_MAX {
                let why = format!("{CLIENTS_MAX} clients are connected: close one of them");
                client.say(&Reply::failed("BUSY", -13, why, dataplane::Instant::EPOCH));
                continue;
            }
            self.clients.push_back(client);
        }
    }

    /// Tells the client whose turn it was, and makes it the last.
    fn reply(&mut self, reply: &Reply) {
        if let Some(client) = self.clients.front_mut() {
            client.say(reply);
        }
        if !self.clients.is_empty() {
            self.clients.rotate_left(1);
        }
    }

    /// Offers what is unsent for a while longer.
    fn farewell(&mut self) {
        for _ in 0..LAST_NAPS {
            self.clients.iter_mut().for_each(Client::send);
            self.clients.retain(|client| !client.unsent.is_empty());
            if self.clients.is_empty() {
                break;
            }
            nap();
        }
    }
}

impl Driver for Server<'_> {
    fn drive(&mut self, run: &mut dyn Steered) -> Result<Then, RunError> {
        let then = loop {
            let (reply, then) = match self.next() {
                None => break Then::Interrupted,
                Some(Said::Line(line)) => self.session.line(&line, run)?,
                Some(Said::Wrong(why)) => (Reply::syntax(why, run.status().at), None),
                Some(Said::Nothing) => continue,
            };
            self.reply(&reply);
            if let Some(then) = then {
                break then;
            }
        };
        self.farewell();
        Ok(then)
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Client {
    /// Sends what there is to send. Whether anything is to be expected of it still.
    fn lives(&mut self) -> bool {
        self.send();
        !(self.closing && self.unsent.is_empty() && self.heard.is_empty())
    }

    /// Takes what it has said, if it has been told all that it asked for before.
    fn said(&mut self) -> Said {
        if !self.unsent.is_empty() {
            return Said::Nothing;
        }
        if !self.heard.contains(&b'\n') && !self.closing {
            self.hear();
        }
        let line = match self.heard.iter().position(|byte| *byte == b'\n') {
            Some(end) if end <= LINE_MAX => {
                let mut line: Vec<u8> = self.heard.drain(..=end).collect();
                line.pop();
                line
            }
            None if self.heard.len() <= LINE_MAX => match self.closing {
                // Whoever closes has ended the line.
                true => std::mem::take(&mut self.heard),
                false => return Said::Nothing,
            },
            Some(_) | None => {
                self.heard.clear();
                self.closing = true;
                return Said::Wrong(
                    "the line is longer than 65,536 bytes: nobody reads it to its end",
                );
            }
        };
        match String::from_utf8(line) {
            // Whoever closes behind his last line has said nothing more.
            Ok(line) if line.is_empty() && self.closing => Said::Nothing,
            Ok(line) if line.trim().is_empty() => {
                Said::Wrong("the line is empty: `help` says what may be asked")
            }
            Ok(line) => Said::Line(line),
            Err(_) => Said::Wrong("the line is no UTF-8 text"),
        }
    }

    /// Reads what is there, up to one byte more than a line may have.
    fn hear(&mut self) {
        let mut bytes = [0; 4096];
        while self.heard.len() <= LINE_MAX {
            match self.stream.read(&mut bytes) {
                Ok(0) => {
                    self.closing = true;
                    break;
                }
                Ok(n) => {
                    self.heard.extend_from_slice(&bytes[..n]);
                    if bytes[..n].contains(&b'\n') {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.gone();
                    break;
                }
            }
        }
    }

    fn say(&mut self, reply: &Reply) {
        self.unsent.extend_from_slice(reply.to_line().as_bytes());
        self.unsent.push(b'\n');
        self.send();
    }

    fn send(&mut self) {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => self.gone(),
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.gone(),
            }
        }
    }

    fn gone(&mut self) {
        self.closing = true;
        self.heard.clear();
        self.unsent.clear();
    }
}

/// Waits a moment: what happens in a run does not depend on it, only when it is asked for.
#[expect(clippy::disallowed_methods, reason = "it waits for people, between two steps of a run")]
fn nap() {
    std::thread::sleep(NAP);
}
