//! The fuzzer: forged input for everything that reads what a peer sent, deterministic by its seed.
//!
//! Input number `n` of a part depends on the seed, the part and `n` alone; where an input is cut and which limits are
//! in force depends on its bytes. So a fault is found again by the seed, or by the input itself.

mod codec;
mod frames;
mod handshake;
mod link;
mod meter;
mod pyro;
mod report;
mod serpent;
mod watch;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use fastrand::Rng;
use serde::Serialize;

pub use meter::{Allowance, Counting, Heaviest};
pub use report::{Broken, PartReport, Report, unhex};
pub use watch::Trace;

use meter::Meter;
use watch::Watch;

/// What reads bytes of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The reader of frames.
    Frames,
    /// The reader of prefaces and hellos.
    Handshake,
    /// The codecs, for arguments and results of many types.
    Codec,
    /// A daemon and a client, over sockets.
    Link,
    /// The reader of Python literals.
    Serpent,
    /// The readers of Pyro5's messages and payloads.
    Pyro,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Frames,
        Self::Handshake,
        Self::Codec,
        Self::Serpent,
        Self::Pyro,
        Self::Link,
    ];

    /// Of so many inputs for all parts, how many are this one's: sockets are slow.
    pub fn share(self, inputs: u64) -> u64 {
        let each = inputs / 50 * 9;
        match self {
            Self::Link => inputs - 5 * each,
            _ => each,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Handshake => "handshake",
            Self::Codec => "codec",
            Self::Link => "link",
            Self::Serpent => "serpent",
            Self::Pyro => "pyro",
        }
    }

    fn reader(self) -> Option<Box<dyn Reader>> {
        match self {
            Self::Frames => Some(Box::new(frames::Frames)),
            Self::Handshake => Some(Box::new(handshake::Handshake)),
            Self::Codec => Some(Box::new(codec::Codecs::new())),
            Self::Serpent => Some(Box::new(serpent::Literals)),
            Self::Pyro => Some(Box::new(pyro::Messages)),
            Self::Link => None,
        }
    }
}

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(5);

/// After so many faults there is enough to look at.
const MOST_BROKEN: usize = 10;

/// The stack of the threads that read in a daemon: what an input takes must fit.
const STACK_BYTES: usize = 2 << 20;

/// A reader that needs no socket.
trait Reader: Sync {
    /// Makes an input.
    fn make(&self, random: &mut Rng) -> Vec<u8>;

    /// Reads an input; tells which promise was broken.
    fn feed(&self, input: &[u8], meter: &mut Meter) -> Result<(), String>;
}

/// Feeds `inputs` inputs to one part.
///
/// # Errors
/// What the fuzzer itself needs is missing: a socket, a thread, or the counting allocator.
pub fn run(
    part: Part,
    inputs: u64,
    seed: u64,
    trace: Trace,
    mut progress: impl FnMut(Part, u64, u64) + Send,
) -> anyhow::Result<PartReport> {
    meter::check()?;
    let watch = Watch::start(part.name(), trace)?;
    match part.reader() {
        Some(reader) => {
            on_small_stack(|| read_all(part, &*reader, inputs, seed, &watch, &mut progress))
        }
        None => link::run(inputs, seed, &watch, &mut progress),
    }
}

/// Feeds one input to a part, once more.
///
/// # Errors
/// As for [`run`].
pub fn replay(part: Part, input: &[u8]) -> anyhow::Result<PartReport> {
    meter::check()?;
    let watch = Watch::start(part.name(), Trace::Nothing)?;
    let Some(reader) = part.reader() else {
        return link::replay(input, &watch);
    };
    on_small_stack(|| {
        let mut report = PartReport::new(part);
        let mut meter = Meter::new();
        feed(&*reader, input, &mut meter, &watch, &mut report);
        report.heaviest = meter.heaviest;
        report
    })
}

/// Input number `number` of a part.
fn chance(part: Part, seed: u64, number: u64) -> Rng {
    let mut of_part = Rng::with_seed(seed ^ (part as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Rng::with_seed(of_part.u64(..) ^ number.wrapping_mul(0xd134_2543_de82_ef95))
}

/// Chance that depends on an input's bytes alone.
fn chance_of(input: &[u8]) -> Rng {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Rng::with_seed(hash)
}

fn on_small_stack(work: impl FnOnce() -> PartReport + Send) -> anyhow::Result<PartReport> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let running = thread.spawn_scoped(scope, work).context("no thread")?;
        running
            .join()
            .map_err(|_| anyhow::anyhow!("the fuzzer itself panicked"))
    })
}

fn read_all(
    part: Part,
    reader: &dyn Reader,
    inputs: u64,
    seed: u64,
    watch: &Watch,
    progress: &mut impl FnMut(Part, u64, u64),
) -> PartReport {
    let mut report = PartReport::new(part);
    let mut meter = Meter::new();
    let (began, mut told) = (Instant::now(), Instant::now());
    for number in 0..inputs {
        let input = reader.make(&mut chance(part, seed, number));
        feed(reader, &input, &mut meter, watch, &mut report);
        if report.broken.len() >= MOST_BROKEN {
            break;
        }
        if number % 1024 == 0 && told.elapsed() >= PROGRESS {
            told = Instant::now();
            progress(part, number, inputs);
        }
    }
    report.heaviest = meter.heaviest;
    report.seconds = began.elapsed().as_secs_f64();
    report
}

fn feed(
    reader: &dyn Reader,
    input: &[u8],
    meter: &mut Meter,
    watch: &Watch,
    report: &mut PartReport,
) {
    watch.begins(input);
    let reading = std::panic::AssertUnwindSafe(|| reader.feed(input, meter));
    let ended = std::panic::catch_unwind(reading);
    watch.ends();
    report.inputs += 1;
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(why)) => report.breaks(why, input),
        Err(_) => {
            report.panics += 1;
            let why = watch.panics().pop().unwrap_or_default();
            report.breaks(format!("it panicked: {why}"), input);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_the_parts_add_up() {
        for inputs in [0, 1, 7, 99, 200_000, 10_000_001] {
            let shares = Part::ALL.map(|part| part.share(inputs));
            assert_eq!(shares.iter().sum::<u64>(), inputs);
        }
    }

    #[test]
    fn an_input_depends_on_seed_part_and_number_alone() {
        let make = |seed, number| frames::Frames.make(&mut chance(Part::Frames, seed, number));
        assert_eq!(make(1, 2), make(1, 2));
        assert_ne!(make(1, 2), make(1, 3));
        assert_ne!(make(1, 2), make(2, 2));
    }
}
