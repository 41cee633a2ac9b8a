//! Instructions of a call, user code, at each end: the figure that repeats on a noisy machine.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::Room;
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Callers, What};
use crate::process::field;
use crate::run::{Counted, End, Pair};

/// Two runs that differ in nothing else: start and warm-up drop out of the difference.
const FEW: u64 = 2_000;
const MANY: u64 = 10_000;

/// The metric by which a client tells how many calls there were.
const CALLS: &str = "calls";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Instructions {
    pub(super) window: usize,
}

impl Room for Instructions {
    /// A second round would tell nothing new.
    fn rounds(&self, _asked: u32) -> u32 {
        1
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let valgrind = Command::new("valgrind").arg("--version").output();
        let there = valgrind.is_ok_and(|output| output.status.success());
        anyhow::ensure!(there, "valgrind is not installed");
        let server = instructions_per_call(pair, End::Server)?;
        let client = instructions_per_call(pair, End::Client)?;
        Ok(vec![
            Figure::new("instructions_server", server, "per call"),
            Figure::new("instructions_client", client, "per call"),
            Figure::new("instructions_both", server + client, "per call"),
        ])
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        crate::peers::runtime()?.block_on(async {
            let callers = client.connect_many(1).await?;
            let alone = client.server.is_alone() && client.own.is_alone();
            anyhow::ensure!(alone, "it starts processes that callgrind does not see");
            let callers = Callers::each(callers, self.window);
            let measured = callers.call(client, What::Process, client.until()).await?;
            Ok(vec![Figure::new(CALLS, measured.calls as f64, "")])
        })
    }
}

fn instructions_per_call(pair: &Pair<'_>, end: End) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let file = folder.path().join("callgrind.out");
    let run = |calls| {
        let figures = pair.count(Counted {
            end,
            calls,
            file: &file,
        })?;
        let calls = figures.iter().find(|figure| figure.metric == CALLS);
        let calls = calls.context("the client told no number of calls")?.value;
        anyhow::Ok((calls, instructions(&file)?))
    };
    let (few, many) = (run(FEW)?, run(MANY)?);
    per_call(few, many).with_context(|| format!("{} and {} calls tell nothing", few.0, many.0))
}

/// The instructions that a run executed, from the file that callgrind wrote at its end.
fn instructions(file: &Path) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(file).context("callgrind wrote nothing")?;
    let total = field(&text, "totals:").or_else(|| field(&text, "summary:"));
    total.context("callgrind wrote no total")
}

/// Calls and instructions of two runs; the difference of one over that of the other.
fn per_call(few: (f64, f64), many: (f64, f64)) -> Option<f64> {
    (many.0 > few.0).then(|| (many.1 - few.1) / (many.0 - few.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_program_drops_out() {
        let start = 5_000_000.0;
        let run = |calls: f64| (calls, start + calls * 1_650.0);
        assert_eq!(per_call(run(2_000.0), run(10_000.0)), Some(1_650.0));
        assert_eq!(per_call(run(2_000.0), run(2_000.0)), None);
    }
}
