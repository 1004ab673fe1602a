//! C: Clang, as Zig brings it with the C library for WebAssembly, compiles the policy and the SDK into one module.
//!
//! The compiler is the package ziglang of PyPI, in the version and with the digests of `c/requirements.txt`. A compiler of
//! the system would do, but not make the same bytes. What is compiled is every `.c` file of the policy's own folder, but for
//! tests, and the SDK in its folder `sdk`, or the one of this program. What the C library asks of WASI is answered inside the
//! component: see `stubs.wat`.

use std::fs;
use std::path::{Path, PathBuf};

use super::component;
use super::error::BuildError;
use super::job::{self, CONTRACT, Job, Made};
use super::pip;
use super::sdk;

const REQUIREMENTS: &str = include_str!("c/requirements.txt");

/// Functions of the C library that end a program without a word to the log, and the SDK's in their place. Zig alone would
/// leave assertions out.
const INSTEAD: [&str; 3] = ["-Dabort=berth_abort", "-D__assert_fail=berth_assert_fail", "-UNDEBUG"];

/// The SDK's file with these in place of the C library's, for which see there. A policy's own SDK may be older than it.
const ARENA: &str = "sdk/src/arena.c";
const FROM_ARENA: [&str; 4] =
    ["-Dmalloc=berth_malloc", "-Dcalloc=berth_calloc", "-Drealloc=berth_realloc", "-Dfree=berth_free"];

/// Bytes of a policy's stack: the compiler's default is memory that every fresh instance would have to be given.
const STACK_SIZE: u32 = 65536;

pub(super) fn build(job: &Job<'_>) -> Result<Made, BuildError> {
    let tools = pip::tools(job, REQUIREMENTS, "a C compiler for policies, 100 MB,")?;
    let stage = job.scratch()?;
    let sources = lay_out(job, stage.path())?;
    job.step("Compiling the policy (the first time, half a minute)");
    let arena: &[&str] = if stage.path().join(ARENA).is_file() { &FROM_ARENA } else { &[] };
    let stack = format!("-Wl,-z,stack-size={STACK_SIZE}");
    let options =
        ["-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c11", "-O2", "-Wall", "-Wl,--strip-all", &stack];
    let arguments = ["-m", "ziglang", "cc"]
        .into_iter()
        .chain(options)
        .chain(INSTEAD)
        .chain(arena.iter().copied())
        .chain(["-Isdk", "-o", "policy.core.wasm"]);
    let cache = tools.join("cache");
    let variables =
        [("PYTHONPATH", tools.as_path()), ("ZIG_GLOBAL_CACHE_DIR", &cache), ("ZIG_LOCAL_CACHE_DIR", &cache)];
    let sources = sources.iter().map(String::as_str);
    job.run_with(pip::PYTHON, arguments.chain(sources), stage.path(), &variables)
        .map_err(|error| job.compile_error(error))?;
    let core_module = job::read(&stage.path().join("policy.core.wasm"))?;
    job.step("Making the component");
    let component = component::encode_for(core_module, CONTRACT)?;
    let package = job.folder.file_name().map_or_else(|| "policy".into(), |name| name.to_string_lossy().into_owned());
    Ok(Made { package, component, tools: pip::pinned(REQUIREMENTS) })
}

/// Copies the policy and the SDK, and names what is to be compiled.
fn lay_out(job: &Job<'_>, stage: &Path) -> Result<Vec<String>, BuildError> {
    let is_source = |name: &str, is_folder: bool| {
        if is_folder {
            job::may_hold_source(name) && name != "sdk"
        } else {
            name.ends_with(".c") || name.ends_with(".h")
        }
    };
    job::copy(&job.folder, stage, &is_source)?;
    let (own, sdk) = (job.folder.join("sdk"), stage.join("sdk"));
    if own.is_dir() {
        job::copy(&own, &sdk, &|_, _| true)?;
    } else {
        job.lay_out(sdk::C, &sdk)?;
    }
    let mut sources = names(stage, "")?;
    sources.retain(|name| !name.starts_with("test"));
    sources.extend(names(&sdk.join("src"), "sdk/src/")?.into_iter().filter(|name| !name.ends_with("/testing.c")));
    sources.extend(names(&sdk.join("bindings"), "sdk/bindings/")?);
    Ok(sources)
}

/// The C sources in a folder, in order, so that the same ones make the same bytes.
fn names(folder: &Path, prefix: &str) -> Result<Vec<String>, BuildError> {
    let entries = fs::read_dir(folder).map_err(job::file_error("read", folder))?;
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    let names = files.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".c")).map(|name| format!("{prefix}{name}")).collect();
    names.sort();
    Ok(names)
}
