//! Why a run came to nothing. What is wrong with the product is not a failure of
//! the run but its result: see [`crate::judge`].

use std::io;

use hongyan_api::ApiError;

/// Why a run came to nothing. Its text is one sentence for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no program to break.
    #[error(
        "there is no program at {0}: build it with `cargo build -p hongyan` (and the same profile as this one), or name one with --binary"
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
    /// A program did not start.
    #[error("{name} did not become ready; the end of its log:\n{log}")]
    Start {
        /// Which.
        name: String,
        /// The last lines of its log.
        log: String,
    },
    /// A call that prepares or compares was not answered.
    #[error("{what}: {source}")]
    Call {
        /// What was asked.
        what: String,
        /// What came back.
        source: ApiError,
    },
    /// An answer lacks something.
    #[error("{0}")]
    Odd(String),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Names what was tried when the system refused it.
pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
    let what = what.into();
    move |source| Failure::System { what, source }
}

/// Names what was asked when no good answer came.
pub(crate) fn call(what: impl Into<String>) -> impl FnOnce(ApiError) -> Failure {
    let what = what.into();
    move |source| Failure::Call { what, source }
}
