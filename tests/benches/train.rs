//! Has the programs in the folder that `BERTH_PROGRAMS` names do what they learn from: a step of `cargo xtask dist`.

use std::{process::ExitCode, time::Instant};

use berth_tests::compare::training::{Lesson, train};

fn main() -> ExitCode {
    let begun = Instant::now();
    match train(Lesson::WHOLE, &|line| println!("{:>4} s  {line}", begun.elapsed().as_secs())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
