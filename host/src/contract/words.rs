//! What parsers say.

/// What a parser says of a type or a value, without that value: it may be a secret that stands where something else should, and
/// what is said goes into answers and logs.
#[must_use]
pub fn without_value(said: &str) -> String {
    let expected = said.rfind(", expected ").filter(|_| said.starts_with("invalid "));
    match (said.split_once(':'), expected.and_then(|at| said.get(at..))) {
        (Some((what, _)), Some(expected)) => format!("{what}{expected}"),
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_value_is_left_out() {
        let said = "invalid type: string \"a, expected secret\", expected a map at line 1";
        assert_eq!(without_value(said), "invalid type, expected a map at line 1");
        assert_eq!(without_value("missing field `a: b`"), "missing field `a: b`");
    }
}
