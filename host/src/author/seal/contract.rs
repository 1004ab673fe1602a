//! The outside of a sealed component: what every policy may import, and what it exports, as the contract has them.
//!
//! Written from the contract's WIT, so that it cannot differ from it.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Context as _, bail};
use wasmparser::{Parser, Payload};
use wit_parser::{Function, Interface, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

use super::of_contract;

/// The contract.
const WIT: &str = include_str!("../../../../wit/allocation.wit");

/// The contract's interfaces, each after those it uses: imported in this order.
pub(super) const INTERFACES: [&str; 4] = ["types", "log", "settings", "tables"];

/// The contract, read.
pub(super) fn resolve() -> anyhow::Result<Resolve> {
    let mut resolve = Resolve::default();
    resolve.push_source("allocation.wit", WIT).context("failed to read the contract")?;
    Ok(resolve)
}

/// The beginning of a component: its imports, and the types of what it will export.
pub(super) struct Outer {
    /// The bytes, to which further sections may be added.
    pub(super) bytes: Vec<u8>,
    /// The type of `allocate`, by its number.
    pub(super) allocate: u32,
    /// The type of `validate-settings`.
    pub(super) validate_settings: u32,
    /// The types of the interface `types`, by name, each with its number.
    pub(super) types: Vec<(String, u32)>,
}

impl Outer {
    pub(super) fn new() -> anyhow::Result<Self> {
        let resolve = resolve()?;
        // They come after the type of the interface itself.
        let (_, interface) = interface(&resolve, "types")?;
        let types_of_interface = interface.types.keys().cloned().zip(1..).collect();
        let bytes = wat::parse_str(text(&resolve)?).context("failed to describe the contract")?;
        // The two types that come last.
        let count = types(&bytes)?;
        let last = |back: u32| count.checked_sub(back).context("the contract has no types");
        Ok(Self { allocate: last(2)?, validate_settings: last(1)?, types: types_of_interface, bytes })
    }
}

/// How many types a component's sections define. Its aliases are all of types, its imports are not.
fn types(component: &[u8]) -> anyhow::Result<u32> {
    let mut count = 0;
    for payload in Parser::new(0).parse_all(component) {
        count += match payload? {
            Payload::ComponentTypeSection(section) => section.count(),
            Payload::ComponentAliasSection(section) => section.count(),
            _ => 0,
        };
    }
    Ok(count)
}

fn interface<'a>(resolve: &'a Resolve, name: &str) -> anyhow::Result<(InterfaceId, &'a Interface)> {
    let found = resolve.interfaces.iter().find(|(_, interface)| interface.name.as_deref() == Some(name));
    found.with_context(|| format!("the contract has no interface {name}"))
}

fn text(resolve: &Resolve) -> anyhow::Result<String> {
    let mut out = "(component $outer\n".to_owned();
    for name in INTERFACES {
        let (_, interface) = interface(resolve, name)?;
        let body = InstanceType::of(resolve, interface)?;
        write!(out, "(type ${name}-type (instance\n{body}))\n")?;
        writeln!(out, "(import \"{}\" (instance ${name} (type ${name}-type)))", of_contract(name))?;
        if name == "types" {
            for known in interface.types.keys() {
                writeln!(out, "(alias export $types \"{known}\" (type $types.{known}))")?;
            }
        }
    }
    // The contract's world, whose functions are checked against the engine's own types when the result is verified.
    out.push_str(
        "(type $answer (result $types.decision (error $types.refusal)))
(type $judgement (result (error string)))
(type $allocate (func (param \"request\" $types.request) (result $answer)))
(type $validate-settings (func (param \"settings\" $types.json) (result $judgement))))",
    );
    Ok(out)
}

/// Writes an interface as the type of an instance.
struct InstanceType<'a> {
    resolve: &'a Resolve,
    out: String,
    written: BTreeSet<String>,
}

impl<'a> InstanceType<'a> {
    fn of(resolve: &'a Resolve, interface: &'a Interface) -> anyhow::Result<String> {
        let mut this = Self { resolve, out: String::new(), written: BTreeSet::new() };
        for id in interface.types.values() {
            this.define(*id)?;
        }
        for function in interface.functions.values() {
            this.function(function)?;
        }
        Ok(this.out)
    }

    /// Writes a named type, those it is made of first.
    fn define(&mut self, id: TypeId) -> anyhow::Result<()> {
        let definition = self.resolve.types.get(id).context("a type that is not there")?;
        let Some(name) = &definition.name else { return Ok(()) };
        if !self.written.insert(name.clone()) {
            return Ok(());
        }
        let text = match &definition.kind {
            TypeDefKind::Record(record) => {
                let mut text = "(record".to_owned();
                for field in &record.fields {
                    write!(text, " (field \"{}\" {})", field.name, self.value(&field.ty)?)?;
                }
                text + ")"
            }
            TypeDefKind::Variant(variant) => {
                let mut text = "(variant".to_owned();
                for case in &variant.cases {
                    let carries = case.ty.as_ref().map(|ty| self.value(ty)).transpose()?.unwrap_or_default();
                    write!(text, " (case \"{}\" {carries})", case.name)?;
                }
                text + ")"
            }
            TypeDefKind::Enum(cases) => {
                let mut text = "(enum".to_owned();
                for case in &cases.cases {
                    write!(text, " \"{}\"", case.name)?;
                }
                text + ")"
            }
            TypeDefKind::Type(Type::Id(other)) if self.is_foreign(id, *other) => {
                // `use`d from `types`.
                writeln!(self.out, "(alias outer $outer $types.{name} (type $of-{name}))")?;
                writeln!(self.out, "(export \"{name}\" (type ${name} (eq $of-{name})))")?;
                return Ok(());
            }
            TypeDefKind::Type(other) => self.value(other)?,
            other => bail!("the contract has a type that no sealed policy can have: {}", other.as_str()),
        };
        writeln!(self.out, "(type $of-{name} {text})\n(export \"{name}\" (type ${name} (eq $of-{name})))")?;
        Ok(())
    }

    fn is_foreign(&self, id: TypeId, other: TypeId) -> bool {
        let owner = |id: TypeId| self.resolve.types.get(id).map(|definition| definition.owner);
        matches!(owner(other), Some(TypeOwner::Interface(_))) && owner(id) != owner(other)
    }

    fn function(&mut self, function: &Function) -> anyhow::Result<()> {
        let mut text = format!("(export \"{}\" (func", function.name);
        for parameter in &function.params {
            write!(text, " (param \"{}\" {})", parameter.name, self.value(&parameter.ty)?)?;
        }
        if let Some(result) = &function.result {
            write!(text, " (result {})", self.value(result)?)?;
        }
        writeln!(self.out, "{text}))")?;
        Ok(())
    }

    /// A type where one is used.
    fn value(&mut self, ty: &Type) -> anyhow::Result<String> {
        Ok(match ty {
            Type::String => "string".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::U32 => "u32".to_owned(),
            Type::Id(id) => {
                let definition = self.resolve.types.get(*id).context("a type that is not there")?;
                if let Some(name) = &definition.name {
                    self.define(*id)?;
                    return Ok(format!("${name}"));
                }
                match &definition.kind {
                    TypeDefKind::Option(inside) => format!("(option {})", self.value(inside)?),
                    TypeDefKind::List(inside) => format!("(list {})", self.value(inside)?),
                    TypeDefKind::Result(result) => {
                        let good = result.ok.as_ref().map(|ty| self.value(ty)).transpose()?.unwrap_or_default();
                        let bad = result.err.as_ref().map(|ty| self.value(ty)).transpose()?;
                        let bad = bad.map(|bad| format!("(error {bad})")).unwrap_or_default();
                        format!("(result {good} {bad})")
                    }
                    other => bail!("the contract has a type that no sealed policy can have: {}", other.as_str()),
                }
            }
            other => bail!("the contract has a type that no sealed policy can have: {other:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outside_is_a_component_of_the_contracts_imports() {
        let outer = Outer::new().unwrap();
        let summary = crate::toolchain::inspect(&outer.bytes).unwrap();
        let mut imports = INTERFACES.map(of_contract).to_vec();
        imports.sort();
        assert_eq!(summary.imports, imports);
        assert_eq!(outer.allocate + 1, outer.validate_settings);
    }
}
