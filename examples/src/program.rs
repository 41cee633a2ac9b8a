//! What every example program does the same way: its errors, its output, its last lines.

use std::fmt::{self, Display};
use std::future::Future;
use std::io::{self, BufRead as _, ErrorKind, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use indicatif::HumanCount;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How many lines of stdin are read ahead.
const LINES_AHEAD: usize = 64;

/// Ends a program: a failure becomes one line on stderr and exit code 1.
pub fn exit(program: &str, outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            complain(&format!("{program}: {err:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to stderr; where nobody reads it there is nobody to tell.
pub fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes results to stdout. A reader that has seen enough, such as `head`, is no error.
///
/// # Errors
/// Stdout cannot be written.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(err) if err.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// The lines of stdin, as they come; what is no UTF-8 is replaced.
///
/// A thread reads them: a program that ends does not wait for it.
pub fn stdin_lines() -> mpsc::Receiver<String> {
    let (put, lines) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if put.blocking_send(line.trim_end().to_owned()).is_err() {
                break;
            }
        }
    });
    lines
}

/// Does `work` unless ctrl-c or SIGTERM comes first; then it is dropped, with all that it holds.
///
/// # Errors
/// Those of `work`; that it was interrupted.
pub async fn unless_interrupted<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        outcome = work => outcome,
        stopped = interrupted() => Err(stopped.err().unwrap_or_else(|| anyhow!("interrupted"))),
    }
}

/// Waits for ctrl-c or SIGTERM.
///
/// # Errors
/// Signals cannot be listened for.
pub async fn interrupted() -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// How the work went: the rate, and each worker's share of the calls.
#[derive(Debug)]
pub struct Shares<'a> {
    /// How long it took.
    pub elapsed: Duration,
    /// Each worker and how many calls it answered.
    pub workers: &'a [(String, u64)],
}

impl Shares<'_> {
    /// Calls in all.
    pub fn calls(&self) -> u64 {
        self.workers.iter().map(|(_, calls)| calls).sum()
    }
}

impl Display for Shares<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BAR_CELLS: u64 = 24;
        let (calls, seconds) = (self.calls(), self.elapsed.as_secs_f64());
        let rate = calls as f64 / seconds.max(1e-9);
        writeln!(
            f,
            "{} calls in {seconds:.2} s, {rate:.0} calls/s",
            HumanCount(calls)
        )?;
        let width = self
            .workers
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (name, answered) in self.workers {
            let share = *answered as f64 / calls.max(1) as f64;
            let cells = (0..BAR_CELLS).map(|cell| {
                if (cell as f64 + 0.5) / (BAR_CELLS as f64) < share {
                    '█'
                } else {
                    '·'
                }
            });
            let (cells, answered) = (cells.collect::<String>(), HumanCount(*answered).to_string());
            writeln!(
                f,
                "  {name:width$}  {cells} {answered:>9} {:5.1} %",
                share * 100.0
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_name_each_worker() {
        let workers = [
            ("w.1".to_owned(), 3000),
            ("w.10".to_owned(), 1000),
            ("w.2".to_owned(), 0),
        ];
        let shares = Shares {
            elapsed: Duration::from_secs(2),
            workers: &workers,
        };
        let expected = "4,000 calls in 2.00 s, 2000 calls/s\n  \
              w.1   ██████████████████······     3,000  75.0 %\n  \
              w.10  ██████··················     1,000  25.0 %\n  \
              w.2   ························         0   0.0 %\n";
        assert_eq!(shares.to_string(), expected);
    }

    #[test]
    fn work_that_no_call_was_needed_for_has_a_report_too() {
        let shares = Shares {
            elapsed: Duration::ZERO,
            workers: &[],
        };
        assert_eq!(shares.to_string(), "0 calls in 0.00 s, 0 calls/s\n");
    }
}
