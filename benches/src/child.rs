//! A process that the parent started: it speaks in lines, and ends when its input closes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;

/// How long it may take to end once its input is closed; a tool that watches it writes what it saw then.
const END: Duration = Duration::from_secs(30);

/// Killed when dropped, if it has not ended.
pub(crate) struct Started {
    child: Child,
    lines: Receiver<String>,
}

impl Started {
    pub(crate) fn new(mut command: Command) -> anyhow::Result<Self> {
        // What a user's shell says about the allocator must not change what is measured.
        command.env_remove("MALLOC_ARENA_MAX");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let program = command.get_program().to_owned();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let out = child.stdout.take().context("no output to read")?;
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Whoever asked may have given up.
                let _ = tell.send(line);
            }
        });
        Ok(Self { child, lines })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The next line that it prints.
    pub(crate) fn line(&self, patience: Duration) -> anyhow::Result<String> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => anyhow::bail!("no word of it in {patience:?}"),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("it ended without a word"),
        }
    }

    /// Closes its input and waits until it has ended; kills it where that takes too long.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        loop {
            match self.lines.recv_timeout(END) {
                Ok(line) => eprintln!("{line}"),
                // Its output closes when it ends.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.child.kill()?;
                    break;
                }
            }
        }
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
