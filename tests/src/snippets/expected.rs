//! Compares what was printed with what a page says is printed.

use serde_json::Value;

/// Stands for anything.
const ANY: &str = "…";

/// Whether text is as expected: line by line, ends of lines aside.
pub(super) fn text_matches(expected: &str, found: &str) -> bool {
    let expected: Vec<&str> = expected.trim_end().lines().map(str::trim_end).collect();
    let found: Vec<&str> = found.trim_end().lines().map(str::trim_end).collect();
    lines_match(&expected, &found)
}

fn lines_match(expected: &[&str], found: &[&str]) -> bool {
    match (expected, found) {
        ([], found) => found.is_empty(),
        ([first, rest @ ..], _) if first.trim() == ANY => {
            (0..=found.len()).any(|skipped| lines_match(rest, found.get(skipped..).unwrap_or_default()))
        }
        ([first, rest @ ..], [line, more @ ..]) => line_matches(first, line) && lines_match(rest, more),
        (_, []) => false,
    }
}

/// Whether a line is as expected.
fn line_matches(expected: &str, found: &str) -> bool {
    let mut parts = expected.split(ANY);
    let Some(rest) = parts.next().and_then(|first| found.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    let mut rest = rest;
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether text is JSON of the expected value.
pub(super) fn json_matches(expected: &str, found: &str) -> anyhow::Result<bool> {
    use anyhow::Context as _;
    let expected: Value = serde_json::from_str(expected).context("what the page expects is not JSON")?;
    Ok(serde_json::from_str(found).is_ok_and(|found| value_matches(&expected, &found)))
}

fn value_matches(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(text), _) if text == ANY => true,
        (Value::String(text), Value::String(found)) => line_matches(text, found),
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(a, b)| value_matches(a, b))
        }
        (Value::Object(expected), Value::Object(found)) => {
            let named = |name: &String| name != ANY;
            let open = expected.contains_key(ANY);
            let all = expected
                .iter()
                .filter(|(name, _)| named(name))
                .all(|(name, value)| found.get(name).is_some_and(|found| value_matches(value, found)));
            all && (open || found.keys().all(|name| expected.contains_key(name)))
        }
        _ => expected == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ellipses_stand_for_anything() {
        assert!(text_matches("a\nb\n", "a  \nb"));
        assert!(text_matches("a … c … e", "a b c d e"));
        assert!(text_matches("…\nend", "1\n2\nend\n"));
        assert!(text_matches("…\nend", "end"));
        assert!(text_matches("…", ""));
        assert!(!text_matches("a … c", "a b d"));
        assert!(!text_matches("a", "a\nb"));
        assert!(!text_matches("a\nb", "a"));
        assert!(!text_matches("ab…ba", "aba"));
    }

    #[test]
    fn json_is_compared_as_values() {
        let matches = |expected, found| json_matches(expected, found).unwrap();
        assert!(matches(r#"{"a": 1, "b": "…"}"#, r#"{"b":[2],"a":1}"#));
        assert!(matches(r#"{"a": "x-…", "…": ""}"#, r#"{"a":"x-1","c":2}"#));
        assert!(matches(r#"[{"a": "…"}]"#, r#"[{"a":null}]"#));
        assert!(!matches(r#"{"a": 1}"#, r#"{"a":1,"b":2}"#));
        assert!(!matches(r#"{"a": 1, "b": 2}"#, r#"{"a":1}"#));
        assert!(!matches("1", "not JSON"));
        assert!(json_matches("{", "{}").is_err());
    }
}
