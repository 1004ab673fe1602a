//! `docs/cli.md`: the help of every command.

use clap::CommandFactory as _;

/// The reference of the command line.
pub(super) fn reference() -> anyhow::Result<String> {
    let mut out = super::notice("`host/src/cli`");
    out.push_str("# The command line\n\nWhat `--help` says of each command.\n\n");
    // As wide everywhere as it is here; clap would ask the terminal.
    let mut root = berth::cli::Cli::command().term_width(110);
    root.build();
    section(&mut out, &mut root);
    Ok(out.trim_end().to_owned() + "\n")
}

fn section(out: &mut String, command: &mut clap::Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    out.push_str(&format!("## `{name}`\n\n```text\n{}\n```\n\n", help.join("\n")));
    for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
        section(out, inner);
    }
}
