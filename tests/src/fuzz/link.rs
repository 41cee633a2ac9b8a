//! A daemon and a client over loopback sockets, each with a peer that sends forged frames after a sound handshake.

mod client;
mod daemon;
mod peer;

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fastrand::Rng;

use super::{MOST_BROKEN, PROGRESS, Part, PartReport, Watch, chance, meter};
use crate::forge::{self, For};
use peer::Came;

/// The most that daemon, client and everything beside them may take while the part runs, in bytes.
const MOST_MEMORY: usize = 64 << 20;

/// Inputs of one connection, unless the peer ends it before.
const PER_CONNECTION: u64 = 64;

/// Longer than anything here takes, on a busy machine too.
const TOO_LONG: Duration = Duration::from_secs(20);

/// Somebody who gets forged frames.
trait Victim {
    /// Sends inputs over one new connection.
    ///
    /// # Errors
    /// A promise that was broken.
    fn attack(
        &mut self,
        inputs: &[Vec<u8>],
        random: &mut Rng,
    ) -> impl Future<Output = Result<Came, String>>;
}

pub(super) fn run(
    inputs: u64,
    seed: u64,
    watch: &Watch,
    progress: &mut impl FnMut(Part, u64, u64),
) -> anyhow::Result<PartReport> {
    let to_daemon = inputs / 2;
    in_runtime(watch, async |report| {
        let mut attack = Attack {
            seed,
            all: inputs,
            watch,
            report,
            told: Instant::now(),
        };
        let mut victim = daemon::Attacked::start().await?;
        attack
            .go(&mut victim, For::Callee, 0..to_daemon, progress)
            .await;
        victim.end(attack.report).await;
        let mut victim = client::Attacked::start().await?;
        attack
            .go(&mut victim, For::Caller, to_daemon..inputs, progress)
            .await;
        victim.end(attack.report).await;
        Ok(())
    })
}

/// Sends one input to both.
pub(super) fn replay(input: &[u8], watch: &Watch) -> anyhow::Result<PartReport> {
    in_runtime(watch, async |report| {
        let mut random = Rng::with_seed(0);
        let inputs = [input.to_vec()];
        report.inputs = 1;
        let mut victim = daemon::Attacked::start().await?;
        note(
            report,
            victim.attack(&inputs, &mut random).await.err(),
            watch,
            &inputs,
        );
        victim.end(report).await;
        let mut victim = client::Attacked::start().await?;
        note(
            report,
            victim.attack(&inputs, &mut random).await.err(),
            watch,
            &inputs,
        );
        victim.end(report).await;
        Ok(())
    })
}

/// Does `work` in a runtime of its own, and weighs what it takes.
fn in_runtime(
    watch: &Watch,
    work: impl AsyncFnOnce(&mut PartReport) -> anyhow::Result<()>,
) -> anyhow::Result<PartReport> {
    let mut report = PartReport::new(Part::Link);
    meter::begin();
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(work(&mut report))?;
    // A task that does not end must not keep the report back.
    runtime.shutdown_timeout(Duration::from_secs(1));
    report.seconds = began.elapsed().as_secs_f64();
    note(&mut report, None, watch, &[]);
    let taken = meter::taken();
    report.notes.push(format!(
        "most memory of all together: {} KiB, allowed {} KiB",
        taken >> 10,
        MOST_MEMORY >> 10
    ));
    if taken > MOST_MEMORY {
        report.breaks(format!("all together took {taken} bytes of memory"), &[]);
    }
    Ok(report)
}

struct Attack<'a> {
    seed: u64,
    /// How many inputs the part has.
    all: u64,
    watch: &'a Watch,
    report: &'a mut PartReport,
    told: Instant,
}

impl Attack<'_> {
    /// Sends the inputs of these numbers, over as many connections as it takes.
    async fn go(
        &mut self,
        victim: &mut impl Victim,
        whom: For,
        numbers: std::ops::Range<u64>,
        progress: &mut impl FnMut(Part, u64, u64),
    ) {
        let (mut next, mut connections) = (numbers.start, 0u64);
        while next < numbers.end && self.report.broken.len() < MOST_BROKEN {
            let last = (next + PER_CONNECTION).min(numbers.end);
            let inputs: Vec<_> = (next..last)
                .map(|number| input(self.seed, number, whom))
                .collect();
            self.watch.show(&inputs.concat());
            let mut random = chance(Part::Link, !self.seed, next);
            let ended = victim.attack(&inputs, &mut random).await;
            connections += 1;
            let (read, broken) = match ended {
                Ok(came) => (came.inputs_read.max(1), None),
                Err(why) => (inputs.len() as u64, Some(why)),
            };
            next += read;
            self.report.inputs += read;
            note(self.report, broken, self.watch, &inputs);
            if self.told.elapsed() >= PROGRESS {
                self.told = Instant::now();
                progress(Part::Link, next, self.all);
            }
        }
        let whom = match whom {
            For::Callee => "a daemon",
            For::Caller => "a client",
        };
        self.report.notes.push(format!(
            "{} inputs to {whom} over {connections} connections",
            next - numbers.start
        ));
    }
}

/// An input: one forged frame.
fn input(seed: u64, number: u64, whom: For) -> Vec<u8> {
    let mut random = chance(Part::Link, seed, number);
    let mut frame = forge::frame(&mut random, whom);
    if random.u8(..) < 64 {
        let donor = forge::frame(&mut random, whom);
        forge::spoil(&mut frame, &donor, &mut random);
        if random.u8(..) < 224 {
            forge::reseal(&mut frame);
        }
    }
    frame
}

/// Notes a broken promise, and panics of the process, with what was sent meanwhile.
fn note(report: &mut PartReport, broken: Option<String>, watch: &Watch, inputs: &[Vec<u8>]) {
    let panics = watch.panics();
    report.panics += panics.len() as u64;
    let panicked = panics
        .into_iter()
        .map(|panic| format!("it panicked: {panic}"));
    for why in broken.into_iter().chain(panicked) {
        report.breaks(why, &inputs.concat());
    }
}
