//! A task whose steps compute: each runs in the compute pool, and between them it holds no thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Host;

/// How long a step waits that finds the pool's queue full.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// Waits to be woken.
const IDLE: u8 = 0;
/// In the pool's queue.
const QUEUED: u8 = 1;
/// Runs.
const RUNS: u8 = 2;
/// Runs, and was woken meanwhile.
const WOKEN: u8 = 3;

struct Task {
    host: Arc<dyn Host>,
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    state: AtomicU8,
    _counted: TaskTrackerToken,
}

/// Runs a future in the compute pool. The host's tracker counts it; it ends when its future does.
pub(super) fn spawn(host: &Arc<dyn Host>, future: impl Future<Output = ()> + Send + 'static) {
    let task = Arc::new(Task {
        _counted: host.tasks().token(),
        host: Arc::clone(host),
        future: Mutex::new(Some(Box::pin(future))),
        state: AtomicU8::new(QUEUED),
    });
    task.queue();
}

impl Task {
    fn queue(self: Arc<Self>) {
        let task = Arc::clone(&self);
        let step = Box::new(move || task.step());
        if let Err((refusal, _)) = self.host.compute(step) {
            tracing::warn!("a stream waits for its turn to compute: {}", refusal.text);
            // Where the queue is full, those in front of it are waited for without a thread.
            let task = self;
            let host = Arc::clone(&task.host);
            let again = async move {
                tokio::time::sleep(FULL_QUEUE_PAUSE).await;
                task.queue();
            };
            host.tasks().spawn_on(again, host.runtime());
        }
    }

    fn step(self: Arc<Self>) {
        self.state.store(RUNS, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self));
        let mut cx = Context::from_waker(&waker);
        let mut future = self.future.lock();
        let Some(running) = future.as_mut() else {
            return;
        };
        if running.as_mut().poll(&mut cx).is_ready() {
            *future = None;
            return;
        }
        drop(future);
        let was = self
            .state
            .compare_exchange(RUNS, IDLE, Ordering::AcqRel, Ordering::Acquire);
        if was == Err(WOKEN) {
            self.state.store(QUEUED, Ordering::Release);
            self.queue();
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let next = |state| match state {
            IDLE => Some(QUEUED),
            RUNS => Some(WOKEN),
            _ => None,
        };
        let was = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        if was == Ok(IDLE) {
            self.queue();
        }
    }
}
