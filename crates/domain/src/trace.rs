//! A place in a trace: how a caller's own trace and ours become one.
//!
//! The texts are those of W3C Trace Context, level 1 (Recommendation of
//! 23 November 2021): `traceparent` and `tracestate`.

use std::fmt;
use std::str::FromStr;

/// How long a `traceparent` of version 00 is.
const TRACEPARENT: usize = 55;

/// The longest `tracestate` we keep; the recommendation asks for at least this
/// much to be passed on (3.3.1.5).
const LONGEST_STATE: usize = 512;

/// A span of a trace, as those who continue the trace need to know it.
///
/// Its text is the `traceparent` and, where the caller sent one, a blank and the
/// `tracestate`: at most 568 visible ASCII characters and blanks. That is how a
/// message keeps it until it is sent, by whatever node at whatever time.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
    state: Option<Box<str>>,
}

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct TraceContextError;

impl TraceContext {
    /// The first span of a new trace. Ids of zeros alone are not valid (2.2.2);
    /// drawn by chance they do not come.
    #[must_use]
    pub fn root(trace_id: [u8; 16], span_id: [u8; 8], sampled: bool) -> Self {
        Self {
            trace_id,
            span_id,
            sampled,
            state: None,
        }
    }

    /// Reads a caller's headers. A `tracestate` that cannot be passed on is left
    /// out, as the recommendation asks (4.3): the trace itself still holds.
    ///
    /// # Errors
    /// When `traceparent` is none. Then a new trace begins.
    pub fn from_headers(
        traceparent: &str,
        tracestate: Option<&str>,
    ) -> Result<Self, TraceContextError> {
        let (known, more) = traceparent
            .split_at_checked(TRACEPARENT)
            .ok_or(TraceContextError)?;
        let mut parts = known.split('-');
        let mut part = |length| parts.next().filter(|part| part.len() == length);
        let (Some(version), Some(trace_id), Some(span_id), Some(flags)) =
            (part(2), part(32), part(16), part(2))
        else {
            return Err(TraceContextError);
        };
        let [version] = hex(version)?;
        // A later version may have more parts, and means the same by these.
        let well_formed = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        let (trace_id, span_id, [flags]) = (hex(trace_id)?, hex(span_id)?, hex(flags)?);
        if !well_formed || trace_id == [0; 16] || span_id == [0; 8] {
            return Err(TraceContextError);
        }
        let state = tracestate.map(str::trim).filter(|state| {
            (1..=LONGEST_STATE).contains(&state.len())
                && state.bytes().all(|c| matches!(c, b' '..=b'~'))
        });
        Ok(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
            state: state.map(Into::into),
        })
    }

    /// Another span of the same trace, with the same state.
    #[must_use]
    pub fn with_span(&self, span_id: [u8; 8]) -> Self {
        Self {
            span_id,
            ..self.clone()
        }
    }

    /// The trace, the same in every service that takes part in it.
    #[must_use]
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The span: the parent of those that continue from here.
    #[must_use]
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether the trace is being recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// What tracing systems noted for themselves; passed on unchanged.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// `N` bytes of lower-case hexadecimal digits; the recommendation allows no
/// other (2.2.2).
fn hex<const N: usize>(digits: &str) -> Result<[u8; N], TraceContextError> {
    let value = |c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(TraceContextError),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Ok(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        for byte in self.trace_id {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("-")?;
        for byte in self.span_id {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "-{:02x}", u8::from(self.sampled))?;
        match &self.state {
            Some(state) => write!(f, " {state}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceContext {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        match text.split_once(' ') {
            Some((parent, state)) => Self::from_headers(parent, Some(state)),
            None => Self::from_headers(text, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_kept_reads_back() {
        for state in [None, Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")] {
            let context = TraceContext::from_headers(PARENT, state).unwrap();
            assert!(context.is_sampled());
            assert_eq!(context.state(), state);
            assert_eq!(context.span_id()[0..2], [0x00, 0xf0]);
            assert_eq!(context.to_string().parse(), Ok(context.clone()));
            let child = context.with_span([7; 8]);
            assert_eq!(child.trace_id(), context.trace_id());
            assert_eq!(child.state(), state);
        }
        assert_eq!(
            PARENT.parse::<TraceContext>().unwrap().to_string(),
            PARENT,
            "the wire form"
        );
    }

    #[test]
    fn later_versions_are_read_as_far_as_they_are_known() {
        let later = PARENT.replacen("00", "cc", 1);
        assert!(later.parse::<TraceContext>().is_ok());
        assert!(format!("{later}-what-else").parse::<TraceContext>().is_ok());
        // Flags that mean nothing to us are not passed on.
        let flagged = PARENT
            .replace("-01", "-09")
            .parse::<TraceContext>()
            .unwrap();
        assert_eq!(flagged.to_string(), PARENT);
    }

    #[test]
    fn what_breaks_the_form_begins_no_trace() {
        for bad in [
            String::new(),
            PARENT.to_uppercase(),
            PARENT.replacen("00", "ff", 1),
            format!("{PARENT}-00"),
            PARENT.replacen("00", "cc", 1) + "x",
            PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            PARENT.replace("-00f067", "_00f067"),
            PARENT[..54].to_owned(),
            "鸿".repeat(55),
        ] {
            assert!(bad.parse::<TraceContext>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_state_that_cannot_be_passed_on_is_left_out() {
        for bad in ["", "a=\u{1}", &"x".repeat(513)] {
            let context = TraceContext::from_headers(PARENT, Some(bad)).unwrap();
            assert_eq!(context.state(), None, "{bad:?}");
        }
    }
}
