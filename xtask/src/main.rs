//! `cargo xtask`: what cargo alone cannot do.
//!
//! Small on purpose: it is compiled before anything else can begin.
#![forbid(unsafe_code)]

mod clients;
mod dist;
mod fuzz;
mod suite;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

Commands:
  test [--clients] [ARGS]
                build everything and run every test; ARGS go to the test programs (a name runs the tests it occurs in);
                --clients installs the official device and service clients and runs the tests that need them as well, and
                those that build policies in every language
  soak          run the long form of the tests of swaps, kills, starts and accounts; the counts can be set, see xtask/src/suite.rs
  dist          build target/dist/berth, the program for production: by what it was seen to do under load, which takes two
                compilations of some ten minutes each, and llvm-profdata
  bench [--quick] [--only ID,…] [ARGS]
                compare Berth with a native handler, other hosts of WebAssembly, Node and OPA, which are fetched and built
                the first time, and write docs/benchmarks.md; what is compared is what `dist` makes, but with --quick;
                --help tells more
  bench NAME    run another benchmark of tests/benches, of the release build: noisy, swap
  profile [--policy NAME] [--seconds N] [--output FOLDER]
                show where the time of a decision of the release build goes: a table of its phases and, if there is perf,
                a flame graph
  fuzz [TARGET] [--seconds N] [--keep]
                look for bytes that break what has to hold for any bytes; --keep makes tests/fuzz/corpus of what was found
  bless         rewrite the generated references in docs/ from the code
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match command.as_str() {
        "test" => suite::run(&rest),
        "soak" => suite::soak(),
        "dist" => dist::run(&rest),
        "bench" => suite::bench(&rest),
        "profile" => suite::profile(&rest),
        "fuzz" => fuzz::run(&rest),
        "bless" => suite::bless(),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(true)
        }
        other => {
            eprint!("error: there is no command `{other}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
