//! What Rust source says about an enum: its variants, their documentation, and the word each is written as.
//!
//! Reads lines, not syntax: enough for the plain enums of Berth, and an error where it is not.

use anyhow::Context as _;

/// A variant of an enum.
#[derive(Debug, PartialEq, Eq)]
pub struct Variant {
    /// The word that `as_str` gives for it.
    pub word: String,
    /// Its documentation.
    pub docs: String,
}

/// The variants of the enum of this name, in order.
///
/// # Errors
///
/// If the source has no such enum, or no word for one of its variants.
pub fn variants(source: &str, name: &str) -> anyhow::Result<Vec<Variant>> {
    let head = format!("pub enum {name} {{\n");
    let (_, rest) = source.split_once(&head).with_context(|| format!("no enum {name}"))?;
    let (body, _) = rest.split_once("\n}").with_context(|| format!("the enum {name} has no end"))?;
    let mut variants = Vec::new();
    let mut docs: Vec<&str> = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            docs.push(text.trim());
        } else if let Some(variant) = line.strip_suffix(',') {
            let (_, word) = source
                .split_once(&format!("Self::{variant} => \""))
                .with_context(|| format!("no word for {name}::{variant}"))?;
            let (word, _) = word.split_once('"').context("a word has no end")?;
            variants.push(Variant { word: word.to_owned(), docs: std::mem::take(&mut docs).join(" ") });
        }
    }
    Ok(variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_have_words_and_docs() {
        let source = "pub enum A {\n    /// One\n    /// thing.\n    Some,\n    /// Two.\n    #[default]\n    Other,\n}\n\
                      match self { Self::Some => \"some\", Self::Other => \"other-one\" }";
        let variant = |word: &str, docs: &str| Variant { word: word.to_owned(), docs: docs.to_owned() };
        assert_eq!(variants(source, "A").unwrap(), [variant("some", "One thing."), variant("other-one", "Two.")]);
        assert!(variants(source, "B").is_err());
    }
}
