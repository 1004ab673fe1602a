//! Finds the blocks of a page and what each is for.

use anyhow::{Context as _, bail, ensure};

/// The blocks of a Markdown page, in order.
#[derive(Debug)]
pub struct Page {
    /// The blocks that do something.
    pub blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The number of its first line of text, from 1.
    pub line: usize,
    /// What it is for.
    pub role: Role,
    /// Its text.
    pub text: String,
}

/// What a block is for.
#[derive(Debug, PartialEq, Eq)]
pub enum Role {
    /// Commands for the shell.
    Run {
        /// Whether they have to fail.
        fails: bool,
        /// What the background has to print afterwards.
        until: Option<String>,
    },
    /// A command that goes on while the next ones run.
    Background {
        /// What it prints once it is ready.
        ready: String,
    },
    /// A file to be written.
    File {
        /// Its path.
        path: String,
    },
    /// What the block before prints.
    Expect {
        /// Whether as JSON.
        json: bool,
        /// Whether to standard error.
        stderr: bool,
    },
    /// Commands that are run elsewhere.
    Elsewhere {
        /// What the page calls them.
        name: String,
    },
}

impl Page {
    /// Finds the blocks of this text.
    ///
    /// # Errors
    ///
    /// If a block has no end, or says something unknown about itself.
    pub fn parse(markdown: &str) -> anyhow::Result<Self> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut after_command = false;
        let mut lines = markdown.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let mut text = String::new();
            loop {
                let (_, line) = lines.next().with_context(|| format!("line {}: the block has no end", number + 1))?;
                if line.trim() == "```" {
                    break;
                }
                text.push_str(line.get(indent..).unwrap_or(line.trim_start()));
                text.push('\n');
            }
            let role = role(info, after_command).with_context(|| format!("line {}: ```{info}", number + 1))?;
            after_command = matches!(role, Some(Role::Run { .. } | Role::Background { .. }));
            if let Some(role) = role {
                let line = number + 2;
                blocks.push(Block { line, role, text });
            }
        }
        Ok(Self { blocks })
    }

    /// The commands that are run elsewhere, by what the page calls them, so that a test can say which these are to be.
    #[must_use]
    pub fn elsewhere(&self) -> Vec<(&str, &str)> {
        let named = self.blocks.iter().filter_map(|block| match &block.role {
            Role::Elsewhere { name } => Some((name.as_str(), block.text.trim_end())),
            _ => None,
        });
        named.collect()
    }
}

/// What a block is for by its info string; `None` if it is only shown.
fn role(info: &str, after_command: bool) -> anyhow::Result<Option<Role>> {
    let (language, attributes) = info.trim().split_once(' ').unwrap_or((info.trim(), ""));
    let attributes = attributes.trim();
    if let Some(path) = attributes.strip_prefix("file=") {
        let plain = !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        ensure!(plain, "a file is named by a path within the folder");
        return Ok(Some(Role::File { path: path.to_owned() }));
    }
    let quoted = |name: &str| {
        let text = attributes.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"')?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    Ok(match (language, attributes) {
        ("sh", "") => Some(Role::Run { fails: false, until: None }),
        ("sh", "fails") => Some(Role::Run { fails: true, until: None }),
        ("sh", _) => {
            if let Some(ready) = quoted("background until") {
                Some(Role::Background { ready })
            } else if let Some(until) = quoted("until") {
                Some(Role::Run { fails: false, until: Some(until) })
            } else if attributes != "background" && attributes.chars().all(|c| c.is_ascii_lowercase()) {
                Some(Role::Elsewhere { name: attributes.to_owned() })
            } else {
                bail!("unknown: {attributes}")
            }
        }
        ("text", "") if after_command => Some(Role::Expect { json: false, stderr: false }),
        ("text", "stderr") if after_command => Some(Role::Expect { json: false, stderr: true }),
        ("json", "") if after_command => Some(Role::Expect { json: true, stderr: false }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_roles() {
        let page = "\
text
```sh
one
```
and
```text
out
```
```text
shown
```
```sh background until=\"is ready\"
serve
```
```rust file=src/lib.rs
fn f() {}
```
1. In a list:
   ```sh until=\"serves\"
   if x
     y
   ```
```sh demo
never
```
";
        let page = Page::parse(page).unwrap();
        let run = |until: Option<&str>| Role::Run { fails: false, until: until.map(str::to_owned) };
        let roles: Vec<_> = page.blocks.iter().map(|block| (block.line, &block.role)).collect();
        let expected = [
            (3, run(None)),
            (7, Role::Expect { json: false, stderr: false }),
            (13, Role::Background { ready: "is ready".to_owned() }),
            (16, Role::File { path: "src/lib.rs".to_owned() }),
            (20, run(Some("serves"))),
            (24, Role::Elsewhere { name: "demo".to_owned() }),
        ];
        assert_eq!(roles, expected.iter().map(|(line, role)| (*line, role)).collect::<Vec<_>>());
        assert_eq!(page.blocks[4].text, "if x\n  y\n");
        assert_eq!(page.elsewhere(), [("demo", "never")]);
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        for page in
            ["```sh\n", "```sh background\n```", "```sh a=1\n```", "```sh until=\"\"\n```", "```rust file=../x\n```"]
        {
            assert!(Page::parse(page).is_err(), "{page}");
        }
    }
}
