//! Sees what an input does beside being read: panics anywhere in the process, and readings that do not end.

use std::panic;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::report::hex;

/// Longer than any input is read, on a busy machine too.
const TOO_LONG: Duration = Duration::from_secs(20);

/// Which inputs are shown before they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// None.
    Nothing,
    /// Every one: the last is the one that ended the process, where a stack overflowed.
    Every,
}

/// Panics of the whole process, where they were and why.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

static HOOK: Once = Once::new();

/// Watches until it is dropped.
pub(super) struct Watch {
    trace: Trace,
    reading: Arc<Mutex<Reading>>,
    _until_its_end: Sender<()>,
}

struct Reading {
    part: &'static str,
    since: Option<Instant>,
    input: Vec<u8>,
}

impl Watch {
    pub(super) fn start(part: &'static str, trace: Trace) -> anyhow::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                lock(&PANICS).push(info.to_string().replace('\n', " "));
                before(info);
            }));
        });
        lock(&PANICS).clear();
        let reading = Arc::new(Mutex::new(Reading {
            part,
            since: None,
            input: Vec::new(),
        }));
        let (until_its_end, end) = channel();
        let watched = Arc::clone(&reading);
        let watching = move || {
            while end.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                lock(&watched).check();
            }
        };
        std::thread::Builder::new()
            .name("fuzz-watch".into())
            .spawn(watching)
            .context("no thread to watch with")?;
        Ok(Self {
            trace,
            reading,
            _until_its_end: until_its_end,
        })
    }

    /// Shows an input, if every one is to be shown.
    pub(super) fn show(&self, input: &[u8]) {
        if self.trace == Trace::Every {
            eprintln!("{}", hex(input));
        }
    }

    /// An input is read from now on.
    pub(super) fn begins(&self, input: &[u8]) {
        self.show(input);
        let mut reading = lock(&self.reading);
        reading.input.clear();
        reading.input.extend_from_slice(input);
        reading.since = Some(Instant::now());
    }

    /// It was read.
    pub(super) fn ends(&self) {
        lock(&self.reading).since = None;
    }

    /// The panics since this was last asked.
    pub(super) fn panics(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&PANICS))
    }
}

impl Reading {
    /// Whoever reads for ever cannot be stopped: the process ends, and says by which input.
    fn check(&self) {
        if self.since.is_some_and(|since| since.elapsed() > TOO_LONG) {
            let (part, hex) = (self.part, hex(&self.input));
            eprintln!(
                "BROKEN: reading did not end within {TOO_LONG:?}\n  --part {part} --replay {hex}"
            );
            std::process::exit(2);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
