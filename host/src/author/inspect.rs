//! Says what a component is: what it wants, what it has, what it is made of, and whether Berth would serve it.
//!
//! The verdict is the engine's own, come to in the way of a verification. Nothing of the component runs.

use std::collections::BTreeMap;

use anyhow::Context as _;
use wasmparser::{KnownCustom, Parser, Payload};

use super::Rig;
use crate::{
    contract::Failure,
    engine::{CONTRACT, Offer, offer},
    toolchain,
};

/// A component, taken apart.
#[derive(Debug)]
pub struct Anatomy {
    /// Bytes of all of it.
    pub bytes: usize,
    /// The version: its digest.
    pub digest: String,
    /// Versions of the contract that its imports name. One, for a policy.
    pub contract: Vec<String>,
    /// What it imports, and what Berth says to each.
    pub imports: Vec<(String, Offer)>,
    /// What it exports.
    pub exports: Vec<String>,
    /// Bytes of its parts, largest first.
    pub sections: Vec<(String, usize)>,
    /// Languages and tools that made it, each with its version.
    pub producers: Vec<Producer>,
    /// What a verification would say of it.
    pub verdict: Result<(), Failure>,
}

/// A language or a tool that a component was made with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    /// Its name.
    pub name: String,
    /// Its version, as it says.
    pub version: String,
}

impl Anatomy {
    /// Takes a component apart, and has the engine judge it.
    ///
    /// # Errors
    ///
    /// If the bytes are no component.
    pub async fn of(component: &[u8], rig: &Rig) -> anyhow::Result<Self> {
        let verdict = rig.judge(component).await;
        let summary = match (toolchain::inspect(component), &verdict) {
            (Ok(summary), _) => summary,
            // The engine says better what else this may be.
            (Err(_), Err(failure)) => anyhow::bail!("{}", failure.reason),
            (Err(error), Ok(())) => return Err(error.into()),
        };
        let (sections, producers) = parts(component).context("failed to read the component's sections")?;
        let imports: Vec<(String, Offer)> =
            summary.imports.into_iter().map(|name| (name.clone(), offer(&name))).collect();
        let versions = imports.iter().filter_map(|(name, _)| name.strip_prefix(CONTRACT)?.split_once('@'));
        let mut contract: Vec<String> = versions.map(|(_, version)| version.to_owned()).collect();
        contract.sort();
        contract.dedup();
        Ok(Self {
            bytes: summary.size,
            digest: summary.digest,
            contract,
            imports,
            exports: summary.exports,
            sections,
            producers,
            verdict,
        })
    }
}

/// Bytes of each kind of section.
type Sizes = Vec<(String, usize)>;

/// The sizes of all sections, those of modules inside included, and who made them.
fn parts(component: &[u8]) -> anyhow::Result<(Sizes, Vec<Producer>)> {
    let mut sizes = BTreeMap::<String, usize>::new();
    let mut producers = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        let Some((_, range)) = payload.as_section() else { continue };
        if let Some(kind) = kind(&payload) {
            *sizes.entry(kind).or_default() += range.len();
        }
        if let Payload::CustomSection(section) = &payload
            && let KnownCustom::Producers(fields) = section.as_known()
        {
            for field in fields {
                let field = field?;
                for value in field.values {
                    let value = value?;
                    let text = str::to_owned;
                    producers.push(Producer {
                        field: text(field.name),
                        name: text(value.name),
                        version: text(value.version),
                    });
                }
            }
        }
    }
    producers.sort();
    producers.dedup();
    let mut sizes: Vec<(String, usize)> = sizes.into_iter().collect();
    sizes.sort_by(|(one, left), (other, right)| right.cmp(left).then(one.cmp(other)));
    Ok((sizes, producers))
}

/// What a section is, in an author's words. `None` for what only holds other sections.
fn kind(section: &Payload<'_>) -> Option<String> {
    let kind = match section {
        Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => return None,
        Payload::CodeSectionStart { .. } => "code",
        Payload::DataSection(_) => "data",
        Payload::CustomSection(custom) => match custom.name() {
            "name" | "component-name" => "names",
            name if name.starts_with(".debug") => "debug information",
            name => return Some(format!("custom: {name}")),
        },
        Payload::TypeSection(_)
        | Payload::ImportSection(_)
        | Payload::FunctionSection(_)
        | Payload::TableSection(_)
        | Payload::MemorySection(_)
        | Payload::TagSection(_)
        | Payload::GlobalSection(_)
        | Payload::ExportSection(_)
        | Payload::StartSection { .. }
        | Payload::ElementSection(_)
        | Payload::DataCountSection { .. } => "declarations of modules",
        _ => "component",
    };
    Some(kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_counted_once_each() {
        let text = r#"(component (core module (func) (data "abc") (memory 1) (@custom "x" "yy")))"#;
        let bytes = wat::parse_str(text).unwrap();
        let (sizes, producers) = parts(&bytes).unwrap();
        let names: Vec<&str> = sizes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["declarations of modules", "data", "code", "custom: x"]);
        assert!(sizes.iter().map(|(_, bytes)| bytes).sum::<usize>() < bytes.len());
        assert_eq!(producers, []);
    }
}
