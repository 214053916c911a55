//! The words messages are searched by. See `term` and `span` in the first
//! migration for why they are kept in spans.

use rusqlite::{Connection, params};

use super::fault::Outcome;

/// Messages in a span, as a power of two. Small enough that the newest span's
/// pages stay in memory, large enough that a search of ten million messages
/// looks into some 2,500 spans, which takes some twenty milliseconds.
const SPAN_BITS: u32 = 12;

/// What a word is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    OpenId,
    Reference,
}

impl Field {
    fn tag(self) -> u8 {
        match self {
            Self::OpenId => 1,
            Self::Reference => 2,
        }
    }
}

/// The span of a message.
pub(super) fn span(seq: i64) -> i64 {
    seq >> SPAN_BITS
}

/// The first and the last message of a span.
pub(super) fn messages(span: i64) -> (i64, i64) {
    (span << SPAN_BITS, ((span + 1) << SPAN_BITS) - 1)
}

/// What stands for a word in the index: FNV-1a, 64 bits. Two words may meet in
/// one number; searches compare the text too.
pub(super) fn hash(field: Field, text: &str) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in std::iter::once(field.tag()).chain(text.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash.cast_signed()
}

/// Enters a word of a message.
pub(super) fn enter(db: &Connection, seq: i64, field: Field, text: &str) -> Outcome<()> {
    db.prepare_cached("-- term.enter\nINSERT INTO term (span, term, seq) VALUES (?1, ?2, ?3)")?
        .execute(params![span(seq), hash(field, text), seq])?;
    Ok(())
}

/// Takes a word of a message out again.
pub(super) fn forget(db: &Connection, seq: i64, field: Field, text: &str) -> Outcome<()> {
    db.prepare_cached(
        "-- term.forget\nDELETE FROM term WHERE span = ?1 AND term = ?2 AND seq = ?3",
    )?
    .execute(params![span(seq), hash(field, text), seq])?;
    Ok(())
}

/// Notes that the span of `seq` has messages made from `oldest` to `newest`.
pub(super) fn widen(db: &Connection, seq: i64, oldest: i64, newest: i64) -> Outcome<()> {
    db.prepare_cached(
        "-- term.widen\n\
         INSERT INTO span (n, oldest, newest) VALUES (?1, ?2, ?3) \
         ON CONFLICT (n) DO UPDATE SET \
            oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest)",
    )?
    .execute(params![span(seq), oldest, newest])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_holds_its_messages() {
        for seq in [1, 4095, 4096, 9999] {
            let (first, last) = messages(span(seq));
            assert!((first..=last).contains(&seq));
            assert_ne!(span(first - 1), span(seq));
            assert_ne!(span(last + 1), span(seq));
        }
    }

    #[test]
    fn stored_hashes_stay_what_they_are() {
        assert_eq!(hash(Field::OpenId, "oPerson"), -8_500_982_599_739_558_324);
        assert_ne!(hash(Field::OpenId, "a"), hash(Field::Reference, "a"));
    }
}
