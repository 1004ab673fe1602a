//! Berth's part in a unit test: settings, tables and log of the policy, per thread.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::{Map, Value};

use crate::imports::{Level, LookupFailure};

thread_local! {
    /// The host whose `run` is under way on this thread.
    static CURRENT: RefCell<Option<Rc<RefCell<State>>>> = const { RefCell::new(None) };
}

/// Plays the part of Berth for a policy under test.
///
/// A policy that runs outside of any host has no settings and no tables, and its log goes to standard output.
#[derive(Clone, Debug, Default)]
pub struct Host {
    state: Rc<RefCell<State>>,
}

/// One line of the policy's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

#[derive(Debug, Default)]
struct State {
    settings: Option<String>,
    tables: BTreeMap<String, BTreeMap<String, String>>,
    max_lookups: Option<usize>,
    lookups: usize,
    log: Vec<Line>,
}

impl Host {
    /// A host without settings and tables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the policy these settings: a JSON object.
    #[must_use]
    pub fn settings(self, settings: Value) -> Self {
        self.state.borrow_mut().settings = Some(settings.to_string());
        self
    }

    /// Gives the policy a table with these rows, in place of an earlier one of the same name.
    ///
    /// The row of a CSV file would be an object whose values are all strings.
    #[must_use]
    pub fn table<K: Into<String>>(self, name: &str, rows: impl IntoIterator<Item = (K, Value)>) -> Self {
        let rows = rows.into_iter().map(|(key, row)| (key.into(), row.to_string())).collect();
        self.state.borrow_mut().tables.insert(name.to_owned(), rows);
        self
    }

    /// Gives the policy a table from the text of its JSON file: an object with one member for each row.
    ///
    /// # Panics
    ///
    /// If the text is not a JSON object.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "only tests call this; a broken table ends them")]
    pub fn json_table(self, name: &str, text: &str) -> Self {
        match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(rows) => self.table(name, rows),
            Err(error) => panic!("table `{name}` is not a JSON object: {error}"),
        }
    }

    /// Limits the look-ups of one [`run`](Self::run). Without this there is no limit.
    #[must_use]
    pub fn max_lookups(self, most: usize) -> Self {
        self.state.borrow_mut().max_lookups = Some(most);
        self
    }

    /// Runs a function, usually a policy's, with this host around it on this thread.
    pub fn run<R>(&self, policy: impl FnOnce() -> R) -> R {
        /// Puts back the host that was there before, after a panic too.
        struct Restore(Option<Rc<RefCell<State>>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        self.state.borrow_mut().lookups = 0;
        let _restore = Restore(CURRENT.replace(Some(Rc::clone(&self.state))));
        policy()
    }

    /// What the policy has logged so far, in order, over all runs.
    #[must_use]
    pub fn log(&self) -> Vec<Line> {
        self.state.borrow().log.clone()
    }
}

fn current() -> Option<Rc<RefCell<State>>> {
    CURRENT.with_borrow(Clone::clone)
}

pub(crate) fn write_log(level: Level, message: &str) {
    match current() {
        Some(state) => state.borrow_mut().log.push(Line { level, message: message.to_owned() }),
        None => println!("{level:?}: {message}"),
    }
}

pub(crate) fn settings_text() -> String {
    current().and_then(|state| state.borrow().settings.clone()).unwrap_or_else(|| "{}".to_owned())
}

pub(crate) fn look_up(table: &str, key: &str) -> Result<Option<String>, LookupFailure> {
    let state = current().ok_or(LookupFailure::NoSuchTable)?;
    let mut state = state.borrow_mut();
    if state.max_lookups.is_some_and(|most| state.lookups >= most) {
        return Err(LookupFailure::TooManyLookups);
    }
    state.lookups += 1;
    let rows = state.tables.get(table).ok_or(LookupFailure::NoSuchTable)?;
    Ok(rows.get(key).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json, log, settings, tables};

    #[test]
    fn hosts_nest_and_leave_nothing_behind() {
        let outer = Host::new().settings(json!({"who": "outer"}));
        let inner = Host::new().settings(json!({"who": "inner"}));
        let who = || settings::<Value>().map(|settings| settings["who"].clone());
        outer.run(|| {
            assert_eq!(who(), Ok(json!("outer")));
            assert_eq!(inner.run(who), Ok(json!("inner")));
            assert_eq!(who(), Ok(json!("outer")));
        });
        assert_eq!(settings::<Value>(), Ok(json!({})));
    }

    #[test]
    fn a_panicking_policy_leaves_nothing_behind() {
        let host = Host::new().settings(json!({"who": "host"}));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            host.run(|| panic!("on purpose"));
        }));
        assert!(outcome.is_err());
        assert_eq!(settings::<Value>(), Ok(json!({})));
    }

    #[test]
    fn look_ups_are_counted_per_run() {
        let host = Host::new().json_table("t", r#"{"k": [1, 2]}"#).max_lookups(1);
        for _ in 0..2 {
            let row = host.run(|| tables::lookup::<Vec<u8>>("t", "k"));
            assert_eq!(row, Ok(Some(vec![1, 2])));
        }
    }

    #[test]
    #[should_panic(expected = "table `t` is not a JSON object")]
    fn a_broken_table_ends_the_test() {
        let _ = Host::new().json_table("t", "[]");
    }

    #[test]
    fn without_a_host_nothing_fails() {
        log::info("to standard output");
        assert!(tables::lookup::<Value>("t", "k").is_err());
    }
}
