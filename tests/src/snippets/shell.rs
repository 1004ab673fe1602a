//! Runs the blocks of a page, one after the other.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use super::{
    expected::{json_matches, text_matches},
    page::{Block, Page, Role},
};

/// Longer than any command on a page takes, a build included. Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(300);

/// The folder that is searched for programs last.
const STAND_INS: &str = "stand-ins";

/// Keeps the variables and the place of a shell for the next one.
const KEEP: &str = r#"trap 'export -p >"$WALK/state"; pwd >"$WALK/place"' EXIT"#;

/// Reads a ready line and says which texts of the page stand for which others from then on.
type Learn = Box<dyn Fn(&str) -> Vec<(String, String)>>;

/// A reader's way through a page.
pub struct Walk {
    /// First, so that they end before their folder is removed.
    background: Vec<Background>,
    /// Where the blocks run, and the state that carries over from one to the next.
    folder: tempfile::TempDir,
    /// Put before `PATH`.
    programs: Vec<PathBuf>,
    variables: Vec<(String, String)>,
    /// What stands on the page, and what it is replaced with when it is run. Turned round in what is printed.
    replaced: Vec<(String, String)>,
    learn: Option<Learn>,
    /// What the last block printed: standard output, standard error.
    printed: (String, String),
}

impl Walk {
    /// A walk in a fresh folder. Its blocks run in `walk` there.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("failed to make a folder")?;
        let start = folder.path().join("walk");
        fs::create_dir(&start)?;
        fs::create_dir(folder.path().join(STAND_INS))?;
        fs::write(folder.path().join("state"), "")?;
        fs::write(folder.path().join("place"), start.as_os_str().as_encoded_bytes())?;
        Ok(Self {
            background: Vec::new(),
            folder,
            programs: Vec::new(),
            variables: Vec::new(),
            replaced: Vec::new(),
            learn: None,
            printed: (String::new(), String::new()),
        })
    }

    /// Finds programs in this folder first.
    #[must_use]
    pub fn programs_in(mut self, folder: &Path) -> Self {
        self.programs.push(folder.to_owned());
        self
    }

    /// Runs this program where the page says `name` and the machine has no such command.
    ///
    /// # Errors
    ///
    /// If the link cannot be made.
    pub fn stand_in(self, name: &str, program: &Path) -> anyhow::Result<Self> {
        let link = self.folder.path().join(STAND_INS).join(name);
        std::os::unix::fs::symlink(program, link).with_context(|| format!("failed to link {name}"))?;
        Ok(self)
    }

    /// Sets an environment variable for all blocks.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs `with` where the page says `on_page`. What is printed is turned back before it is compared.
    #[must_use]
    pub fn replace(mut self, on_page: &str, with: &str) -> Self {
        self.replaced.push((on_page.to_owned(), with.to_owned()));
        self
    }

    /// Learns further replacements from the line that says a background block is ready, such as the port it got.
    #[must_use]
    pub fn learn(mut self, learn: impl Fn(&str) -> Vec<(String, String)> + 'static) -> Self {
        self.learn = Some(Box::new(learn));
        self
    }

    /// Begins in this folder instead of a fresh one. What the blocks make with `mktemp` still goes when the walk ends.
    ///
    /// # Errors
    ///
    /// If that cannot be noted.
    pub fn begin_in(self, folder: &Path) -> anyhow::Result<Self> {
        fs::write(self.folder.path().join("place"), folder.as_os_str().as_encoded_bytes())?;
        Ok(self)
    }

    /// The fresh folder of the walk.
    #[must_use]
    pub fn start(&self) -> PathBuf {
        self.folder.path().join("walk")
    }

    /// Runs all blocks of a page.
    ///
    /// # Errors
    ///
    /// The first block that is not as the page says, by its line.
    pub fn follow(&mut self, page: &Page) -> anyhow::Result<()> {
        for block in &page.blocks {
            self.step(block).with_context(|| format!("line {}:\n{}", block.line, block.text))?;
        }
        Ok(())
    }

    fn step(&mut self, block: &Block) -> anyhow::Result<()> {
        match &block.role {
            Role::Elsewhere { .. } => Ok(()),
            Role::File { path } => {
                let path = self.place()?.join(path);
                fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
                fs::write(&path, self.forth(&block.text)).with_context(|| format!("failed to write {}", path.display()))
            }
            Role::Run { fails, until } => self.run(&block.text, *fails, until.as_deref()),
            Role::Background { ready } => self.start_background(&block.text, ready),
            Role::Expect { json, stderr } => self.expect(&block.text, *json, *stderr),
        }
    }

    fn run(&mut self, text: &str, fails: bool, until: Option<&str>) -> anyhow::Result<()> {
        for background in &mut self.background {
            background.catch_up();
        }
        let (status, stdout, stderr) = finish(self.shell(text, KEEP)?.spawn().context("failed to start the shell")?)?;
        self.printed = (self.back(&stdout), self.back(&stderr));
        ensure!(status.success() != fails, "the block ended with {status}, having printed\n{stdout}{stderr}");
        match until {
            Some(text) => self.wait_for(text),
            None => Ok(()),
        }
    }

    fn wait_for(&mut self, text: &str) -> anyhow::Result<()> {
        let background = self.background.last_mut().context("nothing runs in the background")?;
        background.wait_for(text).map(|_| ())
    }

    fn start_background(&mut self, text: &str, ready: &str) -> anyhow::Result<()> {
        let mut command = self.shell(text, "")?;
        let mut background = Background::start(&mut command)?;
        let line = background.wait_for(ready)?;
        if let Some(learn) = &self.learn {
            self.replaced.extend(learn(&line));
        }
        let printed = self.back(&background.printed);
        self.printed = (printed.clone(), printed);
        self.background.push(background);
        Ok(())
    }

    fn expect(&self, text: &str, json: bool, stderr: bool) -> anyhow::Result<()> {
        let found = if stderr { &self.printed.1 } else { &self.printed.0 };
        let matches = if json { json_matches(text, found)? } else { text_matches(text, found) };
        ensure!(matches, "the page expects this, but what was printed is\n{found}");
        Ok(())
    }

    /// A shell that runs this text where the last block left off, in a process group of its own.
    fn shell(&self, text: &str, keep: &str) -> anyhow::Result<Command> {
        let script = format!("set -ae\n. \"$WALK/state\"\ncd \"$(cat \"$WALK/place\")\"\n{keep}\n{}", self.forth(text));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let programs = self
            .programs
            .iter()
            .cloned()
            .chain(std::env::split_paths(&path))
            .chain([self.folder.path().join(STAND_INS)]);
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .env("TMPDIR", self.start())
            .env("WALK", self.folder.path())
            .env("PATH", std::env::join_paths(programs).context("failed to make PATH")?)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        Ok(command)
    }

    /// Where the last block left off.
    fn place(&self) -> anyhow::Result<PathBuf> {
        let place = fs::read_to_string(self.folder.path().join("place")).context("failed to read where the walk is")?;
        Ok(place.trim_end().into())
    }

    fn forth(&self, text: &str) -> String {
        let replaced = self.replaced.iter();
        replaced.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn back(&self, text: &str) -> String {
        let replaced = self.replaced.iter().rev();
        replaced.fold(text.to_owned(), |text, (from, to)| text.replace(to, from))
    }
}

/// Waits for a command, collecting what it prints.
fn finish(mut child: Child) -> anyhow::Result<(ExitStatus, String, String)> {
    let group = child.id();
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let (tell, told) = channel();
    thread::spawn(move || {
        // Nobody listens any more if patience has run out.
        let _ = tell.send(child.wait());
    });
    let Ok(status) = told.recv_timeout(PATIENCE) else {
        end(group, rustix::process::Signal::KILL);
        bail!("the block was still running after {} s", PATIENCE.as_secs());
    };
    let text = |collected: Receiver<String>| collected.recv_timeout(PATIENCE).unwrap_or_default();
    Ok((status.context("failed to wait for the shell")?, text(stdout), text(stderr)))
}

/// Reads a stream to its end on a thread of its own.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // A stream that breaks off has been read to its end.
            let _ = stream.read_to_end(&mut bytes);
        }
        let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    told
}

fn end(group: u32, signal: rustix::process::Signal) {
    let group = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

/// A block that goes on while others run. Ends with the walk.
struct Background {
    child: Child,
    lines: Receiver<String>,
    /// All that was read so far.
    printed: String,
}

impl Background {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.spawn().context("failed to start the shell")?;
        let (tell, lines) = channel();
        follow(child.stdout.take(), tell.clone());
        follow(child.stderr.take(), tell);
        Ok(Self { child, lines, printed: String::new() })
    }

    /// Takes what has been printed up to now, so that only what comes later counts.
    fn catch_up(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.note(&line);
        }
    }

    /// Waits for a line with this text.
    fn wait_for(&mut self, text: &str) -> anyhow::Result<String> {
        let latest = Instant::now() + PATIENCE;
        loop {
            let left = latest.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .with_context(|| format!("`{text}` was never printed, but\n{}", self.printed))?;
            self.note(&line);
            if line.contains(text) {
                return Ok(line);
            }
        }
    }

    fn note(&mut self, line: &str) {
        self.printed.push_str(line);
        self.printed.push('\n');
    }
}

/// Sends a stream's lines, until it ends.
fn follow(stream: Option<impl Read + Send + 'static>, tell: Sender<String>) {
    thread::spawn(move || {
        for line in stream.map(BufReader::new).into_iter().flat_map(BufReader::lines) {
            let Ok(line) = line else { return };
            if tell.send(line).is_err() {
                return;
            }
        }
    });
}

impl Drop for Background {
    fn drop(&mut self) {
        end(self.child.id(), rustix::process::Signal::TERM);
        // What is asked to end and prints no more has closed its streams; what does not listen is killed.
        let latest = Instant::now() + Duration::from_secs(20);
        while self.lines.recv_timeout(latest.saturating_duration_since(Instant::now())).is_ok() {}
        end(self.child.id(), rustix::process::Signal::KILL);
        // Killed, it ends; how does not matter.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(page: &str) -> anyhow::Result<Walk> {
        let mut walk = Walk::new()?.replace("PORT", "1234");
        walk.follow(&Page::parse(page)?)?;
        Ok(walk)
    }

    #[test]
    fn a_page_is_walked_in_order() {
        let page = r#"
```text file=sub/hello.txt
hello PORT
```
```sh
cd sub
NAME="a b"
```
```sh
cat hello.txt; echo "$NAME"; echo no >&2
```
```text
hello PORT
… b
```
```text stderr
ignored: this follows no command
```
```sh fails
echo '{"a": 1}'; exit 3
```
```json
{"a": "…"}
```
"#;
        let walk = walk(page).unwrap();
        let written = fs::read_to_string(walk.start().join("sub/hello.txt")).unwrap();
        assert_eq!(written, "hello 1234\n");
    }

    #[test]
    fn a_background_is_waited_for_by_its_log() {
        let page = r#"
```sh
mkfifo pipe
```
```sh background until="ready at"
sh -c 'echo ready at 99; while read line; do echo "heard $line"; done <>pipe'
```
```text
ready at ADDRESS
```
```sh until="heard one"
echo one >pipe
```
```sh until="heard ADDRESS"
echo ADDRESS >pipe
```
"#;
        let page = page.replace("heard ADDRESS", "heard 99");
        let mut walk = Walk::new().unwrap().learn(|line| {
            let port = line.rsplit(' ').next().unwrap_or_default();
            vec![("ADDRESS".to_owned(), port.to_owned())]
        });
        walk.follow(&Page::parse(&page).unwrap()).unwrap();
    }

    #[test]
    fn what_is_not_as_the_page_says_is_named_by_line() {
        for (page, line) in [
            ("```sh\nfalse\ntrue\n```", "line 2"),
            ("```sh fails\ntrue\n```", "line 2"),
            ("\n```sh\necho a\n```\n```text\nb\n```", "line 6"),
            ("```sh background until=\"x\"\ntrue\n```", "line 2"),
        ] {
            let error = walk(page).err().unwrap().to_string();
            assert!(error.starts_with(line), "{page}: {error}");
        }
    }
}
