//! Mini programs' own calls outside `cgi-bin`.

mod check_session;

pub use self::check_session::CheckSession;
