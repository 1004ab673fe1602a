//! Writes a module anew: with all of its state to be looked at, and with that state as its first.

use std::{borrow::Cow, convert::Infallible};

use wasm_encoder::{
    ConstExpr, DataSection, ExportKind, ExportSection, GlobalSection, MemorySection,
    reencode::{Error as Unreadable, Reencode, utils},
};
use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};
use wasmtime::{Error, Result, Val};

/// The name by which a module exports its memory.
pub(super) const MEMORY: &str = "memory";
/// What is of one value goes together: as much as the kernel maps at a time.
const PAGE: usize = 4096;
/// Bytes of a page of WebAssembly.
const WASM_PAGE: u64 = 1 << 16;

/// What of a module changes as it runs.
pub(super) struct Found {
    /// For each global of its own, the name by which it is exported once the module is opened. `None` if it never changes.
    pub(super) globals: Vec<Option<String>>,
    /// The index of the first of them.
    first: u32,
}

/// What a module has come to.
pub(super) struct State<'a> {
    /// The value of each global of its own that changes.
    pub(super) globals: Vec<Option<Val>>,
    /// What is in its memory, if it has one of its own.
    pub(super) memory: Option<Cow<'a, [u8]>>,
}

impl Found {
    /// What of this module changes, if it is nothing but globals and one memory.
    pub(super) fn of(module: &[u8]) -> Result<Self> {
        let mut found = Self { globals: Vec::new(), first: 0 };
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        found.first += u32::from(matches!(import?.ty, TypeRef::Global(_)));
                    }
                }
                Payload::GlobalSection(section) => {
                    for (number, global) in section.into_iter().enumerate() {
                        found.globals.push(global?.ty.mutable.then(|| format!("berth:global:{number}")));
                    }
                }
                Payload::MemorySection(section) if section.count() > 1 => {
                    return Err(Error::msg("it has several memories"));
                }
                Payload::StartSection { .. } => return Err(Error::msg("it starts when it is instantiated")),
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        unchanging(&operator?)?;
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Refuses what changes a table, or which data and elements there still are: neither can be kept.
fn unchanging(operator: &Operator<'_>) -> Result<()> {
    match operator {
        Operator::TableSet { .. }
        | Operator::TableGrow { .. }
        | Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. }
        | Operator::ElemDrop { .. }
        | Operator::MemoryInit { .. }
        | Operator::DataDrop { .. } => Err(Error::msg("it changes what cannot be kept")),
        _ => Ok(()),
    }
}

/// The module with all that changes exported.
pub(super) fn open(module: &[u8], found: &Found) -> Result<Vec<u8>> {
    written(module, &mut Open(found))
}

/// The module in this state, without the export by which it started.
pub(super) fn started(module: &[u8], start: &str, state: &State<'_>) -> Result<Vec<u8>> {
    written(module, &mut Started { start, state })
}

fn written<R: Reencode<Error = Infallible>>(module: &[u8], by: &mut R) -> Result<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    by.parse_core_module(&mut out, Parser::new(0), module).map_err(|error| Error::msg(error.to_string()))?;
    Ok(out.finish())
}

struct Open<'a>(&'a Found);

impl Reencode for Open<'_> {
    type Error = Infallible;

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Unreadable> {
        utils::parse_export_section(self, exports, section)?;
        for (name, index) in self.0.globals.iter().zip(self.0.first..) {
            if let Some(name) = name {
                exports.export(name, ExportKind::Global, index);
            }
        }
        Ok(())
    }
}

struct Started<'a> {
    start: &'a str,
    state: &'a State<'a>,
}

impl Reencode for Started<'_> {
    type Error = Infallible;

    fn parse_export(&mut self, exports: &mut ExportSection, export: wasmparser::Export<'_>) -> Result<(), Unreadable> {
        if export.kind == ExternalKind::Func && export.name == self.start {
            return Ok(());
        }
        utils::parse_export(self, exports, export)
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Unreadable> {
        for (global, value) in section.into_iter().zip(&self.state.globals) {
            let global = global?;
            let ty = self.global_type(global.ty)?;
            let value = match value {
                Some(Val::I32(value)) => ConstExpr::i32_const(*value),
                Some(Val::I64(value)) => ConstExpr::i64_const(*value),
                Some(Val::F32(bits)) => ConstExpr::f32_const(f32::from_bits(*bits).into()),
                Some(Val::F64(bits)) => ConstExpr::f64_const(f64::from_bits(*bits).into()),
                Some(_) => return Err(Unreadable::InvalidConstExpr),
                None => self.const_expr(global.init_expr)?,
            };
            globals.global(ty, &value);
        }
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), Unreadable> {
        for memory in section {
            let mut ty = self.memory_type(memory?)?;
            if let Some(content) = &self.state.memory {
                ty.minimum = content.len() as u64 / WASM_PAGE;
            }
            memories.memory(ty);
        }
        Ok(())
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        section: wasmparser::DataSectionReader<'_>,
    ) -> Result<(), Unreadable> {
        let Some(content) = &self.state.memory else { return utils::parse_data_section(self, data, section) };
        for (at, piece) in pieces(content) {
            data.active(0, &ConstExpr::i32_const(at as i32), piece.iter().copied());
        }
        Ok(())
    }

    fn data_count(&mut self, count: u32) -> Result<u32, Unreadable> {
        let pieces = self.state.memory.as_ref().map(|content| pieces(content).len());
        Ok(pieces.map_or(count, |pieces| pieces as u32))
    }
}

/// The pages that are not all zeros, those in a row as one piece, and where each begins.
fn pieces(content: &[u8]) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    let mut begun = None;
    let pages = content.chunks(PAGE).map(|page| page.iter().any(|byte| *byte != 0)).chain([false]);
    for (number, used) in pages.enumerate() {
        let at = number * PAGE;
        match begun {
            None if used => begun = Some(at),
            Some(from) if !used => {
                pieces.extend(content.get(from..at).map(|piece| (from, piece)));
                begun = None;
            }
            _ => {}
        }
    }
    pieces
}
