//! Files of a policy that nobody should have written. They are laid into a new folder, which is refused at the right stage
//! and serves nothing; its neighbours do not notice.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use berth_tests::{Berth, Policy, bodies as sent, log::Entry};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::json;

use super::{SERVERS, attacks};
use crate::version;

/// The attacked policy.
const POLICY: &str = "contoso/attacked";

/// Lays a policy that would be sound, after a change, and waits for the line about it.
async fn laid(berth: &Berth, change: impl FnOnce(&Path), message: &str) -> Entry {
    let mark = berth.mark().await;
    let new = berth.folder().join("new");
    Policy::from(version(3)).write(&new);
    change(&new);
    fs::rename(&new, berth.files(POLICY).path()).unwrap();
    let about = |line: &Entry| line.is_about(POLICY) && line.message().starts_with("policy ");
    let (at, line) = berth.log().find("the line about the policy", mark, about).await;
    assert!(line.message().starts_with(message), "{line}");
    berth.log().find("the snapshot", at, |line| line.message() == "catalogue published").await;
    line
}

/// A policy of these files is refused at this stage for a reason that has this phrase.
fn refused(change: impl FnOnce(&Path), stage: &'static str, phrase: &'static str) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let line = laid(berth, change, "policy refused").await;
        assert_eq!(line.text("stage"), stage, "{line}");
        let reason = line.text("reason");
        assert!(reason.contains(phrase), "`{phrase}` is not in {reason}");
        assert!(reason.len() < 4000, "{} bytes of reason", reason.len());
        berth.asks(POLICY).with(sent::first()).await.is_error(503, "policy-fault");
        let status = berth.policy(POLICY).await;
        assert_eq!((&status["origin"], &status["failure"]["stage"]), (&json!("nothing"), &json!(stage)), "{status}");
    }
}

/// A policy of these files serves, odd as they are.
fn serves(change: impl FnOnce(&Path)) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        laid(berth, change, "policy serves").await;
        let answer = berth.asks(POLICY).with(sent::first()).await;
        assert_eq!(answer.json()["payload"], json!({ "version": 3 }));
    }
}

/// Writes a file, and the folder it is in.
pub(super) fn file(path: &'static str, content: impl Into<Vec<u8>>) -> impl FnOnce(&Path) {
    let content = content.into();
    move |folder: &Path| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        fs::write(path, content).unwrap();
    }
}

/// Puts a link in place of a file.
pub(super) fn link(path: &'static str, target: &'static str) -> impl FnOnce(&Path) {
    move |folder: &Path| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
    }
}

/// Puts a pipe or the device of endless zeros in place of a file. Not everybody may make a device.
pub(super) fn node(path: &'static str, kind: FileType) -> impl FnOnce(&Path) {
    move |folder: &Path| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        if mknodat(CWD, &path, kind, Mode::RUSR, makedev(1, 5)).is_err() {
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        }
    }
}

/// Makes a file that says it is this large, and has nothing in it.
pub(super) fn sparse(path: &'static str, bytes: u64) -> impl FnOnce(&Path) {
    move |folder: &Path| {
        file(path, "")(folder);
        File::options().write(true).open(folder.join(path)).unwrap().set_len(bytes).unwrap();
    }
}

/// Makes so many files.
fn many(below: &'static str, extension: &'static str, content: &'static str, number: usize) -> impl FnOnce(&Path) {
    move |folder: &Path| {
        fs::create_dir(folder.join(below)).unwrap();
        (0..number).for_each(|n| fs::write(folder.join(format!("{below}/f{n}.{extension}")), content).unwrap());
    }
}

fn both<A: FnOnce(&Path), B: FnOnce(&Path)>(one: A, other: B) -> impl FnOnce(&Path) {
    move |folder: &Path| {
        one(folder);
        other(folder);
    }
}

/// A component that lacks all from this place on.
fn truncated(parts: usize) -> Vec<u8> {
    let whole = version(3).component();
    whole[..whole.len() * parts / 16].to_vec()
}

/// A component with one byte changed.
fn flipped(part: usize) -> Vec<u8> {
    let mut bytes = version(3).component();
    let place = bytes.len() * part / 16;
    bytes[place] ^= 0x80;
    bytes
}

/// A check that a sound policy passes, as text that can be spoilt.
fn check() -> String {
    let expect = json!({ "decision": { "iotHubHostName": sent::TOASTERS, "payload": { "version": 3 } } });
    json!({ "request": sent::parsed(sent::first()), "expect": expect }).to_string()
}

attacks! { SERVERS:
    a_component_of_nothing => refused(file("policy.wasm", ""), "compile", "empty");
    a_component_that_is_only_a_header => refused(file("policy.wasm", b"\0asm\x0d\0\x01\0".to_vec()), "world", "exports no function");
    a_component_of_another_layer => refused(file("policy.wasm", b"\0asm\xff\0\xff\0".to_vec()), "compile", "damaged");
    a_component_cut_in_its_header => refused(file("policy.wasm", b"\0asm\x0d".to_vec()), "compile", "damaged");
    a_component_cut_early => refused(file("policy.wasm", truncated(1)), "compile", "damaged");
    a_component_cut_in_the_middle => refused(file("policy.wasm", truncated(8)), "compile", "damaged");
    a_component_cut_late => refused(file("policy.wasm", truncated(15)), "compile", "damaged");
    a_component_with_a_flipped_bit => refused(file("policy.wasm", flipped(1)), "compile", "damaged");
    a_component_of_a_mebibyte_of_zeros => refused(file("policy.wasm", vec![0; 1 << 20]), "compile", "not a WebAssembly component");
    a_component_with_a_mebibyte_behind_it => refused(file("policy.wasm", [version(3).component(), vec![0xff; 1 << 20]].concat()), "compile", "damaged");
    a_component_with_a_section_of_four_gibibytes => refused(file("policy.wasm", b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\x0f".to_vec()), "compile", "damaged");
    a_component_that_is_a_page => refused(file("policy.wasm", "<!DOCTYPE html><html>404</html>"), "compile", "not a WebAssembly component");
    a_component_that_is_a_pointer_to_large_storage => refused(file("policy.wasm", "version https://git-lfs.github.com/spec/v1\n"), "compile", "not a WebAssembly component");
    a_component_of_a_tebibyte => refused(sparse("policy.wasm", 1 << 40), "size", "larger than");
    a_component_that_is_a_pipe => refused(node("policy.wasm", FileType::Fifo), "read", "not a plain file");
    a_component_that_is_a_device => refused(node("policy.wasm", FileType::CharacterDevice), "read", "not a plain file");
    a_component_that_is_a_link_to_itself => refused(link("policy.wasm", "policy.wasm"), "read", "symbolic links");
    a_component_that_is_a_ring_of_links => refused(both(link("policy.wasm", "other"), link("other", "policy.wasm")), "read", "symbolic links");
    a_component_that_is_a_link_to_nowhere => refused(link("policy.wasm", "/nowhere/at/all"), "read", "No such file");
    a_component_that_is_a_link_to_endless_zeros => refused(link("policy.wasm", "/dev/zero"), "read", "leads out of");
    a_component_that_is_the_servers_own_memory => refused(link("policy.wasm", "/proc/self/environ"), "read", "leads out of");
    a_component_of_a_neighbour => refused(link("policy.wasm", "../toasters/policy.wasm"), "read", "leads out of");
    a_component_that_is_a_hard_link => serves(|folder: &Path| {
        fs::rename(folder.join("policy.wasm"), folder.join("real")).unwrap();
        fs::hard_link(folder.join("real"), folder.join("policy.wasm")).unwrap();
    });
    a_component_that_is_a_folder => refused(|folder: &Path| {
        fs::remove_file(folder.join("policy.wasm")).unwrap();
        fs::create_dir(folder.join("policy.wasm")).unwrap();
    }, "read", "not a plain file");
    a_component_that_may_not_be_read => async |berth: &Berth| {
        if rustix::process::geteuid().is_root() {
            return eprintln!("skipped: nothing is forbidden to root");
        }
        let forbid = |folder: &Path| fs::set_permissions(folder.join("policy.wasm"), fs::Permissions::from_mode(0o0)).unwrap();
        refused(forbid, "read", "Permission denied")(berth).await;
    };
    a_manifest_that_is_no_utf8 => refused(file("policy.toml", b"\xff\xfe".to_vec()), "read", "not UTF-8");
    a_manifest_with_a_byte_order_mark => serves(file("policy.toml", "\u{feff}[limits]\n"));
    a_manifest_with_a_nul => refused(file("policy.toml", "[settings]\na = \"\0\"\n"), "manifest", "line 2");
    a_manifest_of_two_mebibytes => refused(file("policy.toml", "#".repeat(2 << 20)), "size", "larger than 1048576 bytes");
    a_manifest_of_a_tebibyte => refused(sparse("policy.toml", 1 << 40), "size", "larger than");
    a_manifest_that_is_a_pipe => refused(node("policy.toml", FileType::Fifo), "read", "not a plain file");
    a_manifest_that_is_a_folder => refused(|folder: &Path| fs::create_dir(folder.join("policy.toml")).unwrap(), "read", "not a plain file");
    a_manifest_that_is_a_link_to_the_passwords => refused(link("policy.toml", "/etc/passwd"), "read", "leads out of");
    a_manifest_that_is_a_neighbours => refused(link("policy.toml", "../tenant.toml"), "read", "leads out of");
    a_manifest_of_arrays_without_end => refused(file("policy.toml", format!("[settings]\na = {}", "[".repeat(100_000))), "manifest", "line 2");
    a_manifest_of_tables_without_end => refused(file("policy.toml", format!("[settings]\na = {}", "{a=".repeat(100_000))), "manifest", "line 2");
    a_manifest_of_dots_without_end => refused(file("policy.toml", format!("[settings]\n{}a = 1", "a.".repeat(10_000))), "manifest", "recursion limit");
    a_manifest_with_a_header_of_dots => refused(file("policy.toml", format!("[settings.{}a]", "a.".repeat(10_000))), "manifest", "line 1");
    a_manifest_with_a_key_twice => refused(file("policy.toml", "[limits]\ntime_ms = 1\ntime_ms = 2\n"), "manifest", "duplicate key");
    a_manifest_with_a_table_twice => refused(file("policy.toml", "[limits]\n[limits]\n"), "manifest", "duplicate key");
    a_manifest_with_a_key_nobody_knows => refused(file("policy.toml", "[limits]\nforever = true\n"), "manifest", "forever");
    a_manifest_with_a_limit_below_zero => refused(file("policy.toml", "[limits]\ntime_ms = -1\n"), "manifest", "time_ms");
    a_manifest_with_a_limit_of_nothing => refused(file("policy.toml", "[limits]\nmemory_mib = 0\n"), "manifest", "memory_mib");
    a_manifest_with_a_limit_beyond_64_bits => refused(file("policy.toml", "[limits]\ntime_ms = 99999999999999999999\n"), "manifest", "line 2");
    a_manifest_with_a_limit_that_is_text => refused(file("policy.toml", "[limits]\ntime_ms = \"1\"\n"), "manifest", "time_ms");
    a_manifest_with_a_number_that_is_none => refused(file("policy.toml", "[settings]\na = nan\n"), "manifest", "settings.a");
    a_manifest_that_is_json => refused(file("policy.toml", "{\"limits\": {}}"), "manifest", "line 1");
    a_manifest_that_is_yaml => refused(file("policy.toml", "limits:\n  time_ms: 5\n"), "manifest", "line 1");
    a_check_that_is_empty => refused(file("checks/c.json", ""), "checks", "c.json: not a check");
    a_check_that_is_no_utf8 => refused(file("checks/c.json", b"\xff".to_vec()), "read", "not UTF-8");
    a_check_with_a_member_nobody_knows => refused(file("checks/c.json", check().replacen('{', "{\"skip\":true,", 1)), "checks", "c.json: not a check");
    a_check_with_an_expectation_twice => refused(file("checks/c.json", check().replacen("{\"expect\"", "{\"expect\":{\"refusal\":{\"kind\":\"reject\"}},\"expect\"", 1)), "checks", "duplicate field");
    a_check_of_levels_without_end => refused(file("checks/c.json", format!("{{\"request\":{}", "[".repeat(100_000))), "checks", "c.json: not a check");
    a_check_of_two_mebibytes => refused(file("checks/c.json", " ".repeat(2 << 20)), "size", "larger than");
    a_check_that_is_a_pipe => refused(node("checks/c.json", FileType::Fifo), "read", "not a plain file");
    a_check_that_is_a_link_out => refused(link("checks/c.json", "/etc/hostname"), "read", "leads out of");
    a_check_that_expects_something_else => refused(file("checks/c.json", check().replace(":3", ":4")), "checks", "c.json: expected");
    checks_that_are_a_file => refused(file("checks", ""), "read", "checks");
    checks_that_are_a_link_out => refused(|folder: &Path| {
        let outside = folder.with_file_name("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("c.json"), check()).unwrap();
        symlink(outside, folder.join("checks")).unwrap();
    }, "read", "leads out of");
    ten_thousand_checks => refused(many("checks", "json", "{}", 10_000), "size", "more than 1000 files");
    a_check_whose_name_has_a_line => refused(file("checks/a\n{}.json", ""), "checks", "not a check");
    a_hidden_check => serves(file("checks/.c.json", "not a check"));
    a_table_that_is_no_utf8 => refused(file("tables/t.csv", b"k,v\na,\xff\n".to_vec()), "tables", "t.csv: not a CSV table");
    a_table_with_a_row_too_long => refused(file("tables/t.csv", "k,v\na,1,2\n"), "tables", "t.csv: not a CSV table");
    a_table_with_a_key_twice => refused(file("tables/t.csv", "k,v\na,1\na,2\n"), "tables", "in more than one row");
    a_table_with_an_open_quote => refused(file("tables/t.csv", "k,v\n\"a,1\n"), "tables", "t.csv: not a CSV table");
    a_table_of_nothing => serves(file("tables/t.csv", ""));
    a_table_of_ten_thousand_columns => serves(file("tables/t.csv", format!("k{}\n", ",c".repeat(10_000))));
    a_table_that_unfolds => refused(
        file("tables/t.csv", format!("k,{}\n{}", "v".repeat(500_000), (0..600).map(|row| format!("{row},1\n")).collect::<String>())),
        "tables", "more than 67108864 bytes of memory");
    a_table_of_formulas => serves(file("tables/t.csv", "k,v\n=cmd|' /C calc'!A0,@SUM(1)\n"));
    a_table_of_a_tebibyte => refused(sparse("tables/t.csv", 1 << 40), "size", "larger than");
    a_table_that_is_an_array => refused(file("tables/t.json", "[]"), "tables", "t.json: not a JSON object");
    a_table_with_a_member_twice => refused(file("tables/t.json", r#"{"a":1,"a":2}"#), "tables", "in more than one row");
    a_table_of_levels_without_end => refused(file("tables/t.json", r#"{"a":"#.repeat(100_000)), "tables", "t.json: not a JSON object");
    a_table_in_both_forms => refused(both(file("tables/t.json", "{}"), file("tables/t.csv", "k\n")), "tables", "a .csv and a .json of this name");
    a_table_that_is_a_device => refused(node("tables/t.csv", FileType::CharacterDevice), "read", "not a plain file");
    a_table_that_is_another_tenants => refused(link("tables/t.csv", "../../../healthy/tenant.toml"), "read", "leads out of");
    a_table_that_is_the_caches_key => refused(link("tables/t.csv", "../../../../berth-data/cache/key"), "read", "leads out of");
    ten_thousand_tables => refused(many("tables", "csv", "k,v\n", 10_000), "size", "more than 1000 files");
    tables_of_more_than_a_component => refused(|folder: &Path| {
        fs::create_dir(folder.join("tables")).unwrap();
        for n in 0..5 {
            let table = File::create(folder.join(format!("tables/t{n}.csv"))).unwrap();
            table.set_len(15 << 20).unwrap();
        }
    }, "size", "larger than");
    files_nobody_asked_for => serves(both(file("policy.wasm.bak", vec![0; 1000]), many("node_modules", "js", "x", 1000)));
}
