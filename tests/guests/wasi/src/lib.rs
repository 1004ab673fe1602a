//! Asks of WASI 0.2 what Rust's standard library asks of it, and tells what it was answered.
//!
//! Stands for a program for wasm32-wasip2, whose standard library cannot be had everywhere: the bindings are the same.

use berth_sdk::{Decision, Refusal, Request, json};
use wasip2::{
    cli::{environment, exit, stderr, stdin, stdout, terminal_stdout},
    clocks::{monotonic_clock, wall_clock},
    filesystem::{preopens, types},
    random::{insecure_seed, random},
};

berth_sdk::policy!(allocate);

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    // A device that is called so has the program give up, as `std::process::exit` does.
    if request.registration_id() == "exits" {
        exit::exit(Err(()));
    }
    let out = stdout::get_stdout();
    let written = out.blocking_write_and_flush(b"from standard output\n");
    let complained = stderr::get_stderr().blocking_write_and_flush(b"from standard error\n");
    let read = stdin::get_stdin().blocking_read(1).is_ok();
    let opened: Vec<String> =
        preopens::get_directories().into_iter().map(|(folder, name)| open(&folder, name)).collect();
    let before = monotonic_clock::now();
    let slept = monotonic_clock::subscribe_duration(1_000_000_000);
    slept.block();
    let answer = json!({
        "written": written.is_ok() && complained.is_ok(),
        "read": read,
        "variables": environment::get_environment().len(),
        "arguments": environment::get_arguments().len(),
        "directory": environment::initial_cwd(),
        "folders": opened,
        "terminal": terminal_stdout::get_terminal_stdout().is_some(),
        "seconds": wall_clock::now().seconds,
        "forward": monotonic_clock::now() > before,
        "seed": format!("{:?}", insecure_seed::insecure_seed()),
        "chance": random::get_random_u64(),
        "bytes": random::get_random_bytes(3).len(),
    });
    Ok(Decision::to(request.hubs().first()?).payload(answer))
}

/// What a folder has in the file that is asked for. There is none to ask.
fn open(folder: &types::Descriptor, name: String) -> String {
    let flags = (types::PathFlags::empty(), types::OpenFlags::empty(), types::DescriptorFlags::READ);
    match folder.open_at(flags.0, "secret", flags.1, flags.2).and_then(|file| file.read(1, 0)) {
        Ok(_) => name,
        Err(code) => format!("{name}: {code:?}"),
    }
}
