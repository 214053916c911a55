//! Reads a licence expression as package manifests carry it (SPDX 2.3, annex D,
//! and the older `MIT/Apache-2.0`) and says whether the list allows it.

/// Licences under which a library may be part of a binary that we pass on under
/// Apache-2.0.
const ALLOWED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Whether the list allows what `expression` asks for.
///
/// # Errors
/// What is wrong with the expression.
pub(crate) fn is_allowed(expression: &str) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = any_of(&mut words)?;
    match words.next() {
        None => Ok(allowed),
        Some(word) => Err(format!("{word:?} is one word too many")),
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>) -> Result<bool, String> {
    let mut allowed = all_of(words)?;
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all_of(words)?;
    }
    Ok(allowed)
}

fn all_of(words: &mut Words<'_>) -> Result<bool, String> {
    let mut allowed = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words)?;
    }
    Ok(allowed)
}

fn one(words: &mut Words<'_>) -> Result<bool, String> {
    match words.next() {
        Some("(") => {
            let allowed = any_of(words)?;
            words.next_if_eq(&")").ok_or("a bracket is not closed")?;
            Ok(allowed)
        }
        None | Some(")" | "AND" | "OR" | "WITH") => Err("a licence is missing".to_owned()),
        Some(name) => {
            if words.next_if_eq(&"WITH").is_none() {
                return Ok(ALLOWED.contains(&name));
            }
            let exception = words.next().ok_or("an exception is missing")?;
            Ok(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()))
        }
    }
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0-only OR MIT",
        "(MIT OR GPL-3.0-only) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    ] {
        assert_eq!(is_allowed(good), Ok(true), "{good}");
    }
    // AND binds closer than OR.
    for bad in [
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "GPL-3.0-only OR MIT AND AGPL-3.0-only",
        "MIT WITH Something-exception",
    ] {
        assert_eq!(is_allowed(bad), Ok(false), "{bad}");
    }
    for broken in ["", "MIT AND", "(MIT", "MIT Apache-2.0", "MIT WITH"] {
        assert!(is_allowed(broken).is_err(), "{broken}");
    }
}
