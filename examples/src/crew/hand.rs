//! One child process of a crew, from its first line to its end; and the child's side of that.

use std::io::{Read as _, stdin};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::program;

/// How long a child may take until it is ready.
const START_TIME: Duration = Duration::from_secs(30);

/// How long a child may take to end on its own.
const END_TIME: Duration = Duration::from_secs(5);

/// The longest first line of a child.
const LINE_BYTES: u64 = 4096;

/// This program, running once more in another role.
#[derive(Debug)]
pub(super) struct Hand {
    child: Child,
    /// The child ends when this is closed, be it by the death of this process.
    stdin: ChildStdin,
    /// Kept open: a child that prints must not fail.
    _stdout: BufReader<ChildStdout>,
}

impl Hand {
    /// Starts this program with `arguments`, and waits for its first line; returns what follows `ready` in it.
    pub(super) async fn start(arguments: &[&str], ready: &str) -> anyhow::Result<(Self, String)> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let shown = format!("{} {}", program.display(), arguments.join(" "));
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A ctrl-c in the terminal is for this process, which then ends its children in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("cannot talk to {shown}");
        };
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        timeout(
            START_TIME,
            (&mut stdout).take(LINE_BYTES).read_line(&mut line),
        )
        .await
        .map_err(|_| anyhow!("{shown} is not ready after {START_TIME:?}"))?
        .with_context(|| format!("cannot read from {shown}"))?;
        let Some(rest) = line.trim_end().strip_prefix(ready) else {
            bail!("{shown} ended or said something else before it was ready: {line:?}");
        };
        let rest = rest.to_owned();
        let hand = Self {
            child,
            stdin,
            _stdout: stdout,
        };
        Ok((hand, rest))
    }

    /// Waits until the child ends, which nobody asked of it; says how it did.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(err) => err.to_string(),
        }
    }

    /// Asks the child to end and waits until it has; one that does not is killed.
    pub(super) async fn end(self) {
        let Self {
            mut child, stdin, ..
        } = self;
        drop(stdin);
        if timeout(END_TIME, child.wait()).await.is_err() {
            program::complain("a child process does not end; killing it");
            // It fails only for a child that has ended.
            let _ = child.kill().await;
        }
    }
}

/// On the child's side: waits until the parent closes this process's stdin, or is gone, or a signal comes.
pub async fn dismissed() {
    let (closed, is_closed) = oneshot::channel::<()>();
    // A thread, because a read of stdin cannot be cancelled: as a task it would hold up the end of the runtime.
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(stdin().read(&mut ignored), Ok(1..)) {}
        drop(closed);
    });
    tokio::select! {
        _ = is_closed => {}
        _ = program::interrupted() => {}
    }
}
