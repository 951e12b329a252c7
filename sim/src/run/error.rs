//! Why a run cannot start, or not end.

use crate::capture::CaptureError;
use crate::fabric::FabricError;
use crate::source::SourceError;
use dataplane::{ConfigError, LcoreId};
use std::io;
use std::path::PathBuf;

/// A run that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No dataplane can be built from the plan.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The plan contradicts itself.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An input cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The fabric cannot do what the plan says.
    #[error(transparent)]
    Fabric(#[from] FabricError),
    /// What a run leaves cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder for what a run leaves holds something else.
    #[error(
        "{}: is not empty and has no manifest.json of a run, so no run of lockstep made it; \
         name another folder, or remove it first",
        .0.display()
    )]
    NotOurs(PathBuf),
    /// Two runs cannot leave their files in one folder.
    #[error(
        "{}: another run is writing its files there; wait for it, or name another folder",
        .0.display()
    )]
    Busy(PathBuf),
}

/// A plan that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not as many ports behind the dataplane as it has.
    #[error("{ports} ports are configured, but {plans} are planned")]
    Ports {
        /// How many the dataplane has.
        ports: usize,
        /// How many the plan has.
        plans: usize,
    },
    /// An input comes to a port that has no wire.
    #[error("port {0} has no wire, so nothing can come to it: only a ring port takes input")]
    NoWire(String),
    /// An input comes to a port that is not there.
    #[error("an input comes to port {port}, and there are only {ports}")]
    NoPort {
        /// The port's number.
        port: u16,
        /// How many there are.
        ports: usize,
    },
    /// A null port never ends.
    #[error("port {0} receives without end: the run needs a time to stop (`until`)")]
    Endless(String),
    /// The frames of an input, or the commands, run back in time.
    #[error("{0} are not in order of time")]
    Order(&'static str),
    /// A fault is about a port or an lcore that is not there.
    #[error("{0}")]
    Fault(String),
    /// A loop that takes no time never ends.
    #[error("lcore {0}: an idle turn of its loop costs nothing, so that time would stand still")]
    Free(LcoreId),
}

impl From<CaptureError> for RunError {
    fn from(error: CaptureError) -> RunError {
        RunError::Source(error.into())
    }
}

impl RunError {
    /// The exit code: 2 for a plan that nobody can run, 3 for an environment that cannot run it.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::Config(_) | RunError::Plan(_) | RunError::NotOurs(_) => 2,
            RunError::Source(_)
            | RunError::Fabric(_)
            | RunError::Output { .. }
            | RunError::Busy(_) => 3,
        }
    }
}
