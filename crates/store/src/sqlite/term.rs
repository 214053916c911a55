//! The words messages are searched by. See `term` and `span` in the first
//! migration for why they are kept in spans.
//!
//! The words of a span are entered when it is full, all at once and in their
//! order: entered one by one they would touch some twenty pages of the span in
//! each small transaction, more than everything else about a message. The newest
//! span is searched by looking at its messages.

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

/// Enters the words of the span before that of `seq`, the first message of a
/// new one.
pub(super) fn enter_full_span(db: &Connection, seq: i64) -> Outcome<()> {
    let full = span(seq) - 1;
    let (first, last) = messages(full);
    let mut words = Vec::new();
    let mut of_span = db.prepare_cached(
        "-- term.messages\n\
         SELECT seq, openid, reference FROM message WHERE seq BETWEEN ?1 AND ?2",
    )?;
    let mut rows = of_span.query([first, last])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let text = |column| {
            row.get_ref(column)?
                .as_str_or_null()
                .map_err(rusqlite::Error::from)
        };
        if let Some(openid) = text(1)? {
            words.push((hash(Field::OpenId, openid), seq));
        }
        if let Some(reference) = text(2)? {
            words.push((hash(Field::Reference, reference), seq));
        }
    }
    words.sort_unstable();
    // Numbers are given again after the newest messages were removed: some words
    // may be there.
    let mut enter = db.prepare_cached(
        "-- term.enter\nINSERT OR IGNORE INTO term (span, term, seq) VALUES (?1, ?2, ?3)",
    )?;
    for (word, seq) in words {
        enter.execute([full, word, seq])?;
    }
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

/// Enters a word of a message by itself.
pub(super) fn enter(db: &Connection, seq: i64, field: Field, text: &str) -> Outcome<()> {
    db.prepare_cached(
        "-- term.enter\nINSERT OR IGNORE INTO term (span, term, seq) VALUES (?1, ?2, ?3)",
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
