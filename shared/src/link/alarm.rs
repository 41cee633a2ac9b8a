//! The alarm clock of all connections of a process: one thread that sleeps until the next of them has something to do.
//!
//! A connection could as well have a timer of its runtime. But while a runtime has any timer, each of its waits for I/O sets
//! one in the kernel and takes it back, which measured costs half a microsecond at either end of every call that is alone.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::shared::Shared;

/// The thread ends when no connection has an alarm for so long.
const IDLE: Duration = Duration::from_secs(10);

static ALARMS: LazyLock<Alarms> = LazyLock::new(|| Alarms {
    state: Mutex::new(State {
        set: BTreeMap::new(),
        next_key: 0,
        thread_runs: false,
    }),
    changed: Condvar::new(),
});

struct Alarms {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    set: BTreeMap<(Instant, u64), Weak<Shared>>,
    next_key: u64,
    thread_runs: bool,
}

/// The alarm of one connection; dropping it takes it back.
#[derive(Debug)]
pub(super) struct Alarm {
    whose: Weak<Shared>,
    set: Option<(Instant, u64)>,
}

impl Alarm {
    pub(super) fn new(whose: Weak<Shared>) -> Self {
        Self { whose, set: None }
    }

    /// Rings at this time, and no more at the time that was set before.
    pub(super) fn set(&mut self, at: Instant) {
        let mut state = ALARMS.state.lock();
        if let Some(key) = self.set.take() {
            state.set.remove(&key);
        }
        let key = (at, state.next_key);
        state.next_key += 1;
        let is_next = state
            .set
            .first_key_value()
            .is_none_or(|(next, _)| key < *next);
        state.set.insert(key, Weak::clone(&self.whose));
        self.set = Some(key);
        if !state.thread_runs {
            let thread = std::thread::Builder::new().name("farcall-alarm".into());
            match thread.spawn(|| ALARMS.run()) {
                Ok(_) => state.thread_runs = true,
                // The next alarm that is set tries again.
                Err(e) => tracing::error!("cannot start the thread that keeps time: {e}"),
            }
        } else if is_next {
            self::ALARMS.changed.notify_one();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(key) = self.set {
            ALARMS.state.lock().set.remove(&key);
        }
    }
}

impl Alarms {
    fn run(&self) {
        let mut due = Vec::new();
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            let mut next = None;
            while let Some(first) = state.set.first_entry() {
                if first.key().0 > now {
                    next = Some(first.key().0);
                    break;
                }
                due.push(first.remove());
            }
            if !due.is_empty() {
                drop(state);
                due.drain(..)
                    .filter_map(|whose| whose.upgrade())
                    .for_each(|whose| whose.ring());
                state = self.state.lock();
                continue;
            }
            match next {
                Some(next) => {
                    self.changed.wait_until(&mut state, next);
                }
                None if self.changed.wait_for(&mut state, IDLE).timed_out()
                    && state.set.is_empty() =>
                {
                    state.thread_runs = false;
                    return;
                }
                None => {}
            }
        }
    }
}
