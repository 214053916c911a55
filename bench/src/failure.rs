//! Why a measurement came to nothing.

use std::io;

/// Why a measurement came to nothing. Its text is one sentence for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no program to measure.
    #[error(
        "there is no program at {0}: build it with `cargo build --release -p hongyan`, or name one in HONGYAN_BIN"
    )]
    NoBinary(String),
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A child process did not start or ended.
    #[error("`hongyan {command}` {how}\n{log}")]
    Child {
        /// Its subcommand.
        command: &'static str,
        /// What happened to it.
        how: String,
        /// The last lines of its log.
        log: String,
    },
    /// A call that prepares or checks was not answered as expected.
    #[error("{what} was answered with {status}: {body}")]
    Refused {
        /// Method and path.
        what: String,
        /// HTTP status.
        status: u16,
        /// The answer.
        body: String,
    },
    /// Requests of a measured load failed: its figures would mean nothing.
    #[error("{failed} requests of the load \"{load}\" failed; the first: {first}")]
    Load {
        /// Which load.
        load: &'static str,
        /// How many failed.
        failed: u64,
        /// How the first of them ended.
        first: String,
    },
    /// Messages stopped arriving.
    #[error(
        "{arrived} of {expected} messages have arrived, and no further one for {seconds} seconds"
    )]
    Stalled {
        /// Arrived.
        arrived: u64,
        /// Accepted.
        expected: u64,
        /// How long nothing happened.
        seconds: u64,
    },
    /// Messages did not arrive exactly once, or something else is not as it must be.
    #[error("{0}")]
    Wrong(String),
    /// The PostgreSQL server cannot be used.
    #[error("PostgreSQL: {what}: {said}")]
    Postgres {
        /// What was tried.
        what: String,
        /// What the server or its client said.
        said: String,
    },
    /// The database refused what fills it with old messages.
    #[error("the old messages cannot be made: {0}")]
    Past(String),
    /// Some cases have no figures.
    #[error("{failed} of {all} cases have no figures; the tables say why")]
    Cases {
        /// Those without.
        failed: usize,
        /// All.
        all: usize,
    },
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Names what was tried when the system refused it.
pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
    let what = what.into();
    move |source| Failure::System { what, source }
}
