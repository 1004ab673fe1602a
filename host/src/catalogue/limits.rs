//! `[limits]`: how much one decision may use, as all three files have it.

use std::{
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::ManifestError;
use crate::contract::Limits;

/// The most that can be set of each limit. None of them is a way to have no limit.
mod most {
    /// A minute: far longer than DPS waits for an answer.
    pub(super) const TIME_MS: u32 = 60_000;
    pub(super) const MEMORY_MIB: u16 = 1024;
    pub(super) const MEMORIES: u8 = 16;
    pub(super) const TABLES: u8 = 64;
    pub(super) const TABLE_ELEMENTS: u32 = 200_000;
    pub(super) const INSTANCES: u8 = 100;
    pub(super) const HANDLES: u32 = 100_000;
    pub(super) const HOST_CALL_KIB: u32 = 65_536;
    /// What DPS takes.
    pub(super) const ANSWER_KIB: u8 = 96;
    /// What the parser takes.
    pub(super) const JSON_DEPTH: u8 = 127;
    pub(super) const LOG_LINES: u16 = 10_000;
    pub(super) const LOG_KIB: u16 = 1024;
    pub(super) const TABLE_LOOKUPS: u32 = 1_000_000;
}

/// Limits of one decision. What is not set here keeps the default; the tightest of server, tenant and policy wins, and no
/// limit can be switched off.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Milliseconds of wall time, from the making of the instance to its answer: a device waits for it, and the slowest
    /// language needs a few milliseconds. Looked at every millisecond.
    #[schemars(range(min = 1, max = most::TIME_MS), extend("default" = Limits::default().time.as_millis() as u64))]
    time_ms: Option<NonZeroU32>,
    /// Milliseconds of processor time of the guest alone, whatever others take of a busy machine: what a policy costs its
    /// neighbours. A hundred times what the slowest language needs. Looked at every millisecond.
    #[schemars(range(min = 1, max = most::TIME_MS), extend("default" = Limits::default().cpu.as_millis() as u64))]
    cpu_ms: Option<NonZeroU32>,
    /// MiB of memory, summed over all linear memories of the instance. Python and JavaScript need 16.
    #[schemars(range(min = 1, max = most::MEMORY_MIB), extend("default" = Limits::default().memory >> 20))]
    memory_mib: Option<NonZeroU16>,
    /// Linear memories. A policy in Rust, C or Go has one; JavaScript and Python have several.
    #[schemars(range(min = 1, max = most::MEMORIES), extend("default" = Limits::default().memories))]
    memories: Option<NonZeroU8>,
    /// Function tables of the engine (not those that a policy looks things up in). Each module and each shim has one.
    #[schemars(range(min = 1, max = most::TABLES), extend("default" = Limits::default().tables))]
    tables: Option<NonZeroU8>,
    /// Elements of those tables, all together, eight bytes each. Python needs a few thousand.
    #[schemars(range(min = 1, max = most::TABLE_ELEMENTS), extend("default" = Limits::default().table_elements))]
    table_elements: Option<NonZeroU32>,
    /// Core instances: the modules of the component, and the shims that its imports need.
    #[schemars(range(min = 1, max = most::INSTANCES), extend("default" = Limits::default().instances))]
    instances: Option<NonZeroU8>,
    /// Handles to resources at the same time. The contract has no resources, so these are between a component's own parts.
    #[schemars(range(min = 1, max = most::HANDLES), extend("default" = Limits::default().handles))]
    handles: Option<NonZeroU32>,
    /// KiB that cross over in all calls of log, settings and tables together; the answer, counted by itself, may have as
    /// much. Each byte is copied by Berth, in time that no other limit sees. The request is not counted: its size is
    /// `webhook.max_body_bytes`.
    #[schemars(range(min = 1, max = most::HOST_CALL_KIB), extend("default" = Limits::default().host_calls >> 10))]
    host_call_kib: Option<NonZeroU32>,
    /// KiB of the answer as it goes to DPS, which takes no more than the default.
    #[schemars(range(min = 1, max = most::ANSWER_KIB), extend("default" = Limits::default().answer >> 10))]
    answer_kib: Option<NonZeroU8>,
    /// Levels of nesting in the JSON of a request or an answer: deep JSON exhausts the stack of who reads it. For requests
    /// only the server's own counts.
    #[schemars(range(min = 1, max = most::JSON_DEPTH), extend("default" = Limits::default().json_depth))]
    json_depth: Option<NonZeroU8>,
    /// Lines a decision may log: all of them are in one line of Berth's log. More are counted and dropped.
    #[schemars(range(max = most::LOG_LINES), extend("default" = Limits::default().log_lines))]
    log_lines: Option<u16>,
    /// KiB of all those lines together. More is cut.
    #[schemars(range(max = most::LOG_KIB), extend("default" = Limits::default().log_bytes >> 10))]
    log_kib: Option<u16>,
    /// Table look-ups a decision may make. The policy is told that there are no more.
    #[schemars(range(max = most::TABLE_LOOKUPS), extend("default" = Limits::default().table_lookups))]
    table_lookups: Option<u32>,
}

impl LimitsSection {
    /// Whether each limit is one that the server can set.
    ///
    /// # Errors
    ///
    /// The first that is too large.
    pub fn check(&self) -> Result<(), ManifestError> {
        let set = [
            ("time_ms", self.time_ms.map(NonZeroU32::get), most::TIME_MS),
            ("cpu_ms", self.cpu_ms.map(NonZeroU32::get), most::TIME_MS),
            ("memory_mib", self.memory_mib.map(|mib| mib.get().into()), most::MEMORY_MIB.into()),
            ("memories", self.memories.map(|count| count.get().into()), most::MEMORIES.into()),
            ("tables", self.tables.map(|count| count.get().into()), most::TABLES.into()),
            ("table_elements", self.table_elements.map(NonZeroU32::get), most::TABLE_ELEMENTS),
            ("instances", self.instances.map(|count| count.get().into()), most::INSTANCES.into()),
            ("handles", self.handles.map(NonZeroU32::get), most::HANDLES),
            ("host_call_kib", self.host_call_kib.map(NonZeroU32::get), most::HOST_CALL_KIB),
            ("answer_kib", self.answer_kib.map(|kib| kib.get().into()), most::ANSWER_KIB.into()),
            ("json_depth", self.json_depth.map(|levels| levels.get().into()), most::JSON_DEPTH.into()),
            ("log_lines", self.log_lines.map(u32::from), most::LOG_LINES.into()),
            ("log_kib", self.log_kib.map(u32::from), most::LOG_KIB.into()),
            ("table_lookups", self.table_lookups, most::TABLE_LOOKUPS),
        ];
        let too_large = set.into_iter().find(|(_, value, most)| value.is_some_and(|value| value > *most));
        if let Some((key, _, most)) = too_large {
            return Err(ManifestError::Limit { key, most: most.into() });
        }
        Ok(())
    }

    /// These limits, where they are set, in place of those.
    #[must_use]
    pub fn over(&self, base: Limits) -> Limits {
        let milliseconds = |ms: NonZeroU32| Duration::from_millis(ms.get().into());
        let kib = |kib: u32| usize::try_from(kib).unwrap_or(usize::MAX).saturating_mul(1024);
        let count = |count: NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
        Limits {
            time: self.time_ms.map_or(base.time, milliseconds),
            cpu: self.cpu_ms.map_or(base.cpu, milliseconds),
            memory: self.memory_mib.map_or(base.memory, |mib| usize::from(mib.get()) << 20),
            memories: self.memories.map_or(base.memories, |count| usize::from(count.get())),
            tables: self.tables.map_or(base.tables, |count| usize::from(count.get())),
            table_elements: self.table_elements.map_or(base.table_elements, count),
            instances: self.instances.map_or(base.instances, |count| usize::from(count.get())),
            handles: self.handles.map_or(base.handles, count),
            stack: base.stack,
            host_calls: self.host_call_kib.map_or(base.host_calls, |size| kib(size.get())),
            answer: self.answer_kib.map_or(base.answer, |size| kib(size.get().into())),
            json_depth: self.json_depth.map_or(base.json_depth, |levels| usize::from(levels.get())),
            log_lines: self.log_lines.map_or(base.log_lines, usize::from),
            log_bytes: self.log_kib.map_or(base.log_bytes, |size| kib(size.into())),
            table_lookups: self.table_lookups.unwrap_or(base.table_lookups),
        }
    }

    /// These limits, where they are set and tighter than those.
    #[must_use]
    pub fn within(&self, outer: Limits) -> Limits {
        outer.tightest(self.over(outer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_can_only_tighten() {
        let section: LimitsSection = toml::from_str("time_ms = 100\nmemory_mib = 128").unwrap();
        let limits = section.within(Limits::default());
        assert_eq!(limits.time, Duration::from_millis(100));
        assert_eq!(limits.memory, Limits::default().memory);
    }

    #[test]
    fn no_limit_is_without_limit() {
        let schema = schemars::schema_for!(LimitsSection).to_value();
        for (key, of) in schema["properties"].as_object().unwrap() {
            let most = of["maximum"].as_u64().unwrap_or_else(|| panic!("{key} has no maximum"));
            let check = |value: u64| toml::from_str::<LimitsSection>(&format!("{key} = {value}")).unwrap().check();
            check(most).unwrap();
            if most < u64::from(u8::MAX) || toml::from_str::<LimitsSection>(&format!("{key} = {}", most + 1)).is_ok() {
                let error = check(most + 1).unwrap_err().to_string();
                assert!(error.contains(key) && error.contains(&most.to_string()), "{error}");
            }
        }
    }
}
