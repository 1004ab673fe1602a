//! The layers of `host/src` hold, and `docs/ARCHITECTURE.md` names only what is there.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use berth_tests::{pages::repository, reference::markdown};

/// Crates that only these modules may name.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("wasmtime", &["engine"]),
    ("axum", &["admin", "dps"]),
    ("hyper", &["http", "webhook", "admin", "device", "dps", "demo", "cli"]),
    ("hyper_util", &["http", "admin", "device", "dps", "demo", "cli"]),
    ("notify", &["reload", "author"]),
    ("prometheus_client", &["metrics"]),
    ("redb", &["store", "dps"]),
    ("mqtt_protocol_core", &["dps"]),
    ("clap", &["cli", "telemetry"]),
    ("cargo_metadata", &["toolchain"]),
    ("wit_component", &["toolchain", "author"]),
    ("wit_parser", &["toolchain", "author"]),
    ("wasm_encoder", &["author", "engine"]),
    ("wasmparser", &["author", "engine"]),
];

/// What a module may not name: it would be no plain data, or know a transport.
const NOT_IN: &[(&str, &[&str])] = &[
    ("contract", &["serde", "serde_json", "tokio", "tracing", "anyhow", "std::fs"]),
    ("wire", &["tokio", "tracing", "anyhow", "std::fs"]),
    ("decide", &["tokio", "tracing", "anyhow", "std::fs"]),
    ("engine", &["serde", "serde_json"]),
    ("webhook", &["std::fs", "serde_json::Value"]),
];

fn sources() -> PathBuf {
    repository().join("host/src")
}

/// The Rust files of a folder and the folders in it.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The code of each file in `host/src`, without comments, by the module at the top that it belongs to.
fn code_by_module() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let mut modules = BTreeMap::<String, Vec<_>>::new();
    for path in rust_files(&sources()) {
        let inside = path.strip_prefix(sources()).unwrap();
        let module = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let module = module.trim_end_matches(".rs").to_owned();
        modules.entry(module).or_default().push((path, code.join("\n")));
    }
    modules
}

/// The layers, from the one that uses nothing down, as `lib.rs` lists them.
fn layers() -> Vec<String> {
    let text = fs::read_to_string(sources().join("lib.rs")).unwrap();
    let items = text.lines().filter_map(|line| line.strip_prefix("//! - "));
    let names = items.flat_map(|item| {
        let (heads, _) = item.split_once(": ").unwrap_or((item, ""));
        heads.split("[`").skip(1).filter_map(|rest| rest.split_once("`]"))
    });
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The modules of its own crate that code names after `crate::`.
fn modules_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(tree) = rest.strip_prefix('{') else {
            used.insert(identifier(rest));
            continue;
        };
        let mut depth = 0_usize;
        let mut start = true;
        for (place, character) in tree.char_indices() {
            match character {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' => start |= depth == 0,
                _ if character.is_whitespace() => {}
                _ if start && depth == 0 => {
                    used.insert(identifier(&tree[place..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    used
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whether code names this crate or path.
fn names(code: &str, path: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':');
    code.match_indices(path).any(|(place, _)| {
        let before = code[..place].chars().next_back();
        let after = &code[place + path.len()..];
        !before.is_some_and(part_of_word) && (after.starts_with("::") || after.starts_with(';'))
    })
}

#[test]
fn layers_use_only_those_above_them() {
    let layers = layers();
    let modules = code_by_module();
    let known: BTreeSet<&str> = layers.iter().map(String::as_str).chain(["lib", "main"]).collect();
    let found: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    assert_eq!(known, found, "lib.rs lists every module");
    let place = |module: &str| layers.iter().position(|layer| layer == module);
    let mut wrong = Vec::new();
    for (module, files) in &modules {
        for (path, code) in files {
            for used in modules_used(code) {
                if used != *module && place(&used) >= place(module) {
                    wrong.push(format!("{} uses {used}, which stands below {module}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layers_keep_crates_where_they_belong() {
    let mut wrong = Vec::new();
    for (module, files) in code_by_module() {
        let foreign = ONLY_IN.iter().filter(|(_, modules)| !modules.contains(&module.as_str()));
        let forbidden = NOT_IN.iter().filter(|(name, _)| *name == module);
        let not_here: Vec<&str> =
            foreign.map(|(name, _)| *name).chain(forbidden.flat_map(|(_, names)| names.iter().copied())).collect();
        for (path, code) in files {
            let named = not_here.iter().filter(|name| names(&code, name));
            wrong.extend(named.map(|name| format!("{} names {name}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not code in the example that every language has is the same in each.
#[test]
fn the_example_of_every_language_has_the_same_files_around_it() {
    let examples = repository().join("example-policies");
    let around = |name: &str| {
        let folder = examples.join(name);
        let mut files = BTreeMap::from([("policy.toml".to_owned(), fs::read(folder.join("policy.toml")).unwrap())]);
        for below in ["tables", "checks"] {
            for entry in fs::read_dir(folder.join(below)).unwrap_or_else(|error| panic!("{name}/{below}: {error}")) {
                let path = entry.unwrap().path();
                let file = format!("{below}/{}", path.file_name().unwrap().to_string_lossy());
                files.insert(file, fs::read(path).unwrap());
            }
        }
        files
    };
    let rust = around("by-model");
    assert!(rust.len() > 5, "{:?}", rust.keys());
    for language in ["c", "go", "javascript", "python", "typescript"] {
        let other = around(&format!("by-model-{language}"));
        assert!(other.keys().eq(rust.keys()), "{language}: {:?}", other.keys());
        for (file, content) in &rust {
            assert_eq!(other.get(file), Some(content), "by-model-{language}/{file} is not by-model/{file}");
        }
    }
}

#[test]
fn layers_are_read_from_trees_and_paths() {
    let code = "use crate::{\n    a::{self, B},\n    c,\n    d::E,\n};\nuse crate::f::G;\nfn f() { crate::h::i() }\npub(crate) x";
    let used = modules_used(code);
    assert_eq!(used.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "c", "d", "f", "h"]);
    assert!(names("use wasmtime::Store;", "wasmtime") && names("(wasmtime::Error)", "wasmtime"));
    assert!(!names("engine.wasmtime.clone()", "wasmtime") && !names("super::http::X", "http"));
}

/// What a page has in backticks, outside blocks.
fn in_backticks(page: &str) -> Vec<String> {
    markdown::prose(page).flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Whether `module::item` is defined in `host/src`.
fn is_defined(path: &str) -> bool {
    let mut place = sources();
    let mut segments = path.trim_end_matches("()").split("::").peekable();
    while let Some(segment) = segments.peek() {
        let (folder, file) = (place.join(segment), place.join(segment).with_extension("rs"));
        if file.is_file() {
            place = file;
            segments.next();
            break;
        }
        if !folder.is_dir() {
            break;
        }
        place = folder;
        segments.next();
    }
    if place == sources() {
        return false;
    }
    let files = if place.is_dir() { rust_files(&place) } else { vec![place] };
    let code: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    segments.all(|item| code.iter().any(|code| defines(code, item)))
}

fn defines(code: &str, item: &str) -> bool {
    let heads =
        ["fn ", "struct ", "enum ", "type ", "trait ", "const ", "mod ", "impl "].map(|word| format!("{word}{item}"));
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let defined = |head: &String| code.match_indices(head.as_str()).any(|(place, _)| ends(&code[place + head.len()..]));
    // A variant, or a field.
    let member = code.lines().map(str::trim).any(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix(item).is_some_and(|rest| rest.starts_with([',', '(', ' ', ':']))
    });
    heads.iter().any(defined) || member
}

#[test]
fn architecture_names_what_is_there() {
    let page = fs::read_to_string(repository().join("docs/ARCHITECTURE.md")).unwrap();
    let mut missing = Vec::new();
    for name in in_backticks(&page) {
        let plain = !name.contains([' ', '{', '*', '<', '=']) && !name.starts_with('/') && !name.contains("://");
        let is_there = if !plain {
            true
        } else if name.contains("::") {
            is_defined(&name)
        } else if name.contains('/') {
            repository().join(&name).exists()
        } else if name.ends_with(".rs") {
            rust_files(&repository().join("host")).iter().any(|path| path.ends_with(&name))
        } else {
            true
        };
        if !is_there {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "not there: {}", missing.join(", "));
    assert!(!is_defined("webhook::nothing") && !is_defined("nothing::webhook") && is_defined("decide::decide"));
}
