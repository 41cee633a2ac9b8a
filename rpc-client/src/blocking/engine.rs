//! What the waiting functions stand on: one runtime for the process, and a thread that sleeps until its future goes on.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::task::{block_in_place, unconstrained};

/// How many threads serve the connections. What a caller computes, and its part of its calls, runs on its own thread.
const WORKER_THREADS: usize = 2;

/// The runtime, from its first use to the end of the process.
static RUNTIME: LazyLock<Result<Runtime, StartError>> = LazyLock::new(|| {
    let build = || {
        Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .thread_name("farcall-blocking")
            .on_thread_start(|| SERVES.set(true))
            .enable_all()
            .build()
    };
    // Where there is no room for a thread, tokio panics.
    let built = catch_unwind(build).unwrap_or_else(|_| Err(io::Error::other("no thread for it")));
    built.map_err(|e| StartError(Arc::new(e)))
});

thread_local! {
    /// Whether this thread is one of the runtime's.
    static SERVES: Cell<bool> = const { Cell::new(false) };
}

/// There is no runtime for [`blocking`](crate::blocking): the operating system gave it no thread or no file descriptor, and
/// it is not tried again; or the thread is at its end, where what it keeps for itself is gone.
#[derive(Clone, Debug, thiserror::Error)]
#[error("there is no runtime for farcall::blocking")]
pub struct StartError(#[source] Arc<io::Error>);

/// The runtime, once it has started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Engine(&'static Runtime);

impl Engine {
    pub(super) fn start() -> Result<Self, StartError> {
        // There, tokio panics.
        if Handle::try_current().is_err_and(|e| e.is_thread_local_destroyed()) {
            let ending = io::Error::other("this thread is at its end");
            return Err(StartError(Arc::new(ending)));
        }
        RUNTIME.as_ref().map(Self).map_err(Clone::clone)
    }

    /// What is made now belongs to this runtime.
    pub(super) fn enter(self) -> EnterGuard<'static> {
        self.0.enter()
    }

    /// Runs a future on this thread, its sockets and timers on the runtime's.
    pub(super) fn wait<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Some(output) = self.wait_until(None, future.as_mut()) {
                return output;
            }
        }
    }

    /// As [`wait`](Self::wait), for so long at most; `None` means for ever.
    pub(super) fn wait_until<F: Future>(
        self,
        end: Option<Instant>,
        future: F,
    ) -> Option<F::Output> {
        if SERVES.get() {
            // Two of its own threads are soon all waiting for each other: another one takes this one's place.
            return block_in_place(|| self.run(end, future));
        }
        self.run(end, future)
    }

    /// Not `Runtime::block_on`, which panics on the threads of any runtime. A task there has a budget of steps, past which
    /// everything of tokio's would be pending for ever: hence `unconstrained`.
    fn run<F: Future>(self, end: Option<Instant>, future: F) -> Option<F::Output> {
        let _entered = self.enter();
        let mut future = pin!(unconstrained(future));
        let alarm = Arc::new(Alarm {
            thread: thread::current(),
            rung: AtomicBool::new(false),
        });
        let waker = Waker::from(Arc::clone(&alarm));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Some(output);
            }
            alarm.wait_until(end)?;
        }
    }
}

/// Wakes a thread. It remembers that it rang, since a future may wait for another on the same thread meanwhile, or unpark
/// it for reasons of its own.
struct Alarm {
    thread: Thread,
    rung: AtomicBool,
}

impl Alarm {
    /// Waits until it rings; `None` when it did not by then.
    fn wait_until(&self, end: Option<Instant>) -> Option<()> {
        while !self.rung.swap(false, Ordering::Acquire) {
            let Some(end) = end else {
                thread::park();
                continue;
            };
            let left = end.checked_duration_since(Instant::now())?;
            thread::park_timeout(left);
        }
        Some(())
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::sync::mpsc::unbounded_channel;
    use tokio::sync::oneshot;

    use super::*;

    /// A test whose wait never ends fails.
    fn soon(body: impl FnOnce() + Send + 'static) {
        let (ended, ends) = mpsc::channel();
        thread::spawn(move || {
            body();
            ended.send(())
        });
        ends.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_wait_inside_a_wait_swallows_no_wake() {
        soon(|| {
            let engine = Engine::start().unwrap();
            let (first, mut told) = oneshot::channel();
            let mut first = Some(first);
            let outer = poll_fn(|cx| {
                let polled = Pin::new(&mut told).poll(cx);
                if let Some(first) = first.take() {
                    // The outer future is woken here, where another one is waited for.
                    first.send(()).unwrap();
                    let mut is_first = true;
                    engine.wait(poll_fn(|cx| {
                        if std::mem::take(&mut is_first) {
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        Poll::Ready(())
                    }));
                }
                polled
            });
            engine.wait(outer).unwrap();
        });
    }

    #[test]
    fn a_task_may_wait_for_more_than_its_budget() {
        soon(|| {
            let elsewhere = Builder::new_current_thread().build().unwrap();
            let (sender, mut receiver) = unbounded_channel();
            (0..1_000).for_each(|n| sender.send(n).unwrap());
            let engine = Engine::start().unwrap();
            let task = async { (0..1_000).all(|n| engine.wait(receiver.recv()) == Some(n)) };
            assert!(elsewhere.block_on(async { tokio::join!(task).0 }));
        });
    }
}
