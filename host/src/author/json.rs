//! JSON text for people, and without secrets. Works on text, so that numbers and the order of members stay as they are.

/// JSON text with a line for each member and element, and two spaces for each level.
pub(super) fn pretty(json: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut rest = json.trim();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(next) = rest.chars().next() {
        let (token, after) = rest.split_at(if next == '"' { end_of_string(rest) } else { next.len_utf8() });
        rest = after.trim_start();
        match next {
            '{' | '[' if rest.starts_with(['}', ']']) => {
                out.push_str(token);
                let (close, after) = rest.split_at(1);
                out.push_str(close);
                rest = after.trim_start();
            }
            '{' | '[' => {
                depth += 1;
                out.push_str(token);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push_str(token);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => out.push_str(token),
        }
    }
    out
}

/// Bytes of the string that a text begins with, its quotation marks included.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// JSON text in which the query of every URL is `****`, as DPS writes it: a query may be a key.
pub(super) fn mask_queries(json: &str) -> String {
    const OVER: [char; 7] = ['"', '\\', '<', '>', ' ', '\'', '`'];
    let mut out = String::new();
    let mut rest = json;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        let (url, after) = url.split_at(url.find(OVER).unwrap_or(url.len()));
        out.push_str(before);
        match url.split_once('?') {
            Some((place, query)) if !query.is_empty() => {
                out.push_str(place);
                out.push_str("?****");
            }
            _ => out.push_str(url),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_laid_out_and_nothing_else_changes() {
        let text = r#" {"b":1.0,"a":{"x":[ ],"y":{}},"s":"a,{\"b\":[1]}","l":[true,null,-1e9]} "#;
        let expected = "{\n  \"b\": 1.0,\n  \"a\": {\n    \"x\": [],\n    \"y\": {}\n  },\n  \
                        \"s\": \"a,{\\\"b\\\":[1]}\",\n  \"l\": [\n    true,\n    null,\n    -1e9\n  ]\n}";
        assert_eq!(pretty(text), expected);
        assert_eq!(pretty(expected), expected);
        assert_eq!(pretty("\"a b\""), "\"a b\"");
    }

    #[test]
    fn queries_are_masked_wherever_a_url_stands() {
        let masked = |text| mask_queries(text);
        assert_eq!(masked(r#"{"u":"https://a/b?code=x&y=1","v":2}"#), r#"{"u":"https://a/b?****","v":2}"#);
        assert_eq!(masked(r#""{\"u\":\"http://a?k\",\"w\":\"q?r\"}""#), r#""{\"u\":\"http://a?****\",\"w\":\"q?r\"}""#);
        assert_eq!(masked(r#"["mqtt://a","https://a?****","why?"]"#), r#"["mqtt://a","https://a?****","why?"]"#);
    }
}
