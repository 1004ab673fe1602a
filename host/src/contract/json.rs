//! The two things a JSON parser lets through that Berth does not: nesting without end, and text that is not Unicode.
//!
//! This is not a parser. It runs beside one, on text that a parser judges as well.

use memchr::memchr2;
use thiserror::Error;

/// Why JSON text is not taken although its syntax may be right.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum JsonFlaw {
    /// Objects and arrays stand in one another too deep.
    #[error("JSON is nested deeper than {limit} levels at byte {at}")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where it was passed.
        at: usize,
    },
    /// An escape names half of a surrogate pair, so the string is not Unicode.
    #[error("JSON holds a lone surrogate escape at byte {at}")]
    LoneSurrogate {
        /// Where.
        at: usize,
    },
}

/// Looks for a flaw in JSON text.
///
/// # Errors
///
/// The first flaw found. Text that is not JSON at all may pass.
pub fn check_json(text: &str, max_depth: usize) -> Result<(), JsonFlaw> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > max_depth {
                    return Err(JsonFlaw::TooDeep { limit: max_depth, at });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = end_of_string(bytes, at + 1)?,
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The index of the closing quotation mark of a string whose text begins at `at`, or the end of the bytes.
fn end_of_string(bytes: &[u8], mut at: usize) -> Result<usize, JsonFlaw> {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return Ok(at);
        }
        match code_unit(bytes, at) {
            Some(0xD800..=0xDBFF) => match code_unit(bytes, at + 6) {
                Some(0xDC00..=0xDFFF) => at += 12,
                _ => return Err(JsonFlaw::LoneSurrogate { at }),
            },
            Some(0xDC00..=0xDFFF) => return Err(JsonFlaw::LoneSurrogate { at }),
            _ => at += 2,
        }
    }
    Ok(bytes.len())
}

/// The UTF-16 code unit of the escape `\uXXXX` at this place, if one stands there.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_levels_outside_strings_only() {
        assert_eq!(check_json(r#"{"a":[[1]],"b":"[[[[[["}"#, 3), Ok(()));
        assert_eq!(check_json(r#"{"a":[[1]]}"#, 2), Err(JsonFlaw::TooDeep { limit: 2, at: 6 }));
        assert_eq!(check_json(&"[".repeat(10_000), 64), Err(JsonFlaw::TooDeep { limit: 64, at: 64 }));
    }

    #[test]
    fn brackets_side_by_side_are_not_deep() {
        assert_eq!(check_json(&"[]".repeat(1000), 1), Ok(()));
    }

    #[test]
    fn takes_pairs_and_refuses_halves() {
        assert_eq!(check_json(r#""\ud83d\ude00 \u00e9 \\ud800 \" x""#, 1), Ok(()));
        assert_eq!(check_json(r#""\ud83d""#, 1), Err(JsonFlaw::LoneSurrogate { at: 1 }));
        assert_eq!(check_json(r#""a\ude00""#, 1), Err(JsonFlaw::LoneSurrogate { at: 2 }));
        assert_eq!(check_json(r#""\ud83d\n""#, 1), Err(JsonFlaw::LoneSurrogate { at: 1 }));
    }

    #[test]
    fn survives_text_that_ends_anywhere() {
        let text = r#"{"a":"\ud83d\ude00\\"}"#;
        for end in 0..text.len() {
            let _ = check_json(&text[..end], 8);
        }
    }
}
