//! The compute pool: as many threads as cores, a queue with a bound, and one for what nobody waits for.

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;

use farcall_shared::link::Job;
use parking_lot::{Condvar, Mutex, MutexGuard};

/// Threads that compute, so that whoever does I/O never has to.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

struct Queue {
    jobs: VecDeque<Job>,
    most: usize,
    /// One-way calls, which those who send them bound. They and the others take turns: a heap of them delays nobody by more
    /// than one, and none of them waits for ever.
    oneways: VecDeque<Job>,
    oneway_is_next: bool,
    idle: usize,
    ends: bool,
}

/// The queue is as long as it may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) waiting: usize,
}

impl Pool {
    /// Starts `threads` threads over a queue of at most `most` jobs.
    pub(crate) fn start(threads: usize, most: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                jobs: VecDeque::new(),
                most,
                oneways: VecDeque::new(),
                oneway_is_next: false,
                idle: 0,
                ends: false,
            }),
            work: Condvar::new(),
        });
        let mut pool = Self {
            shared,
            threads: Vec::with_capacity(threads),
        };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let name = format!("farcall-compute-{number}");
            let thread = std::thread::Builder::new().name(name).spawn(move || {
                step_back();
                shared.run();
            })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Queues a job, or gives it back.
    pub(crate) fn submit(&self, job: Job) -> Result<(), (Full, Job)> {
        let mut queue = self.shared.queue.lock();
        if queue.jobs.len() >= queue.most {
            let waiting = queue.jobs.len();
            return Err((Full { waiting }, job));
        }
        queue.jobs.push_back(job);
        self.shared.see_to(queue);
        Ok(())
    }

    /// Queues the job of a one-way call.
    pub(crate) fn submit_oneway(&self, job: Job) {
        let mut queue = self.shared.queue.lock();
        queue.oneways.push_back(job);
        self.shared.see_to(queue);
    }
}

impl Queue {
    fn pop(&mut self) -> Option<Job> {
        self.oneway_is_next = !self.oneway_is_next;
        let (first, second) = match self.oneway_is_next {
            true => (&mut self.jobs, &mut self.oneways),
            false => (&mut self.oneways, &mut self.jobs),
        };
        first.pop_front().or_else(|| second.pop_front())
    }
}

/// How much nicer than I/O computing is.
///
/// Measured with two busy threads a core, as p99 of a call of 27 µs on an idle machine: 3,082 µs at the same priority, 47 at 5,
/// 31 at 10. While nobody else wants to run, a nice thread is as fast as any.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Has this thread yield to those that do I/O: what they do takes microseconds, and somebody waits for it.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let me = Some(rustix::thread::gettid());
        let lowered = getpriority_process(me).and_then(|nice| setpriority_process(me, nice + NICE));
        if let Err(e) = lowered {
            tracing::debug!("compute threads run at the priority of I/O: {e}");
        }
    }
}

impl Shared {
    /// Has a thread look at what was queued.
    fn see_to(&self, queue: MutexGuard<'_, Queue>) {
        let somebody_sleeps = queue.idle > 0;
        drop(queue);
        if somebody_sleeps {
            self.work.notify_one();
        }
    }

    fn run(&self) {
        while let Some(job) = self.next() {
            // Jobs answer for panics of methods themselves; a thread of the pool must survive anything else too.
            if std::panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job of the compute pool panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.pop() {
                return Some(job);
            }
            if queue.ends {
                return None;
            }
            queue.idle += 1;
            self.work.wait(&mut queue);
            queue.idle -= 1;
        }
    }
}

impl Drop for Pool {
    /// Drops what waits; threads end after the job they are at. Nobody waits for them: a job can take for ever.
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.ends = true;
        let jobs = std::mem::take(&mut queue.jobs);
        let oneways = std::mem::take(&mut queue.oneways);
        drop(queue);
        self.shared.work.notify_all();
        drop((jobs, oneways));
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_full_queue_refuses_and_a_freed_place_is_taken_again() {
        let pool = Pool::start(1, 1).unwrap();
        let (release, gate) = mpsc::channel::<()>();
        let (began, begin) = mpsc::channel();
        pool.submit(Box::new(move || {
            began.send(()).unwrap();
            gate.recv().unwrap();
        }))
        .ok()
        .unwrap();
        begin.recv().unwrap();
        let (done, end) = mpsc::channel();
        pool.submit(Box::new(move || done.send(()).unwrap()))
            .ok()
            .unwrap();
        let refused = pool.submit(Box::new(|| {})).map_err(|(full, _)| full);
        assert_eq!(refused, Err(Full { waiting: 1 }));
        release.send(()).unwrap();
        end.recv().unwrap();
        pool.submit(Box::new(|| {})).ok().unwrap();
    }

    #[test]
    fn one_way_jobs_are_never_refused_and_take_turns_with_the_others() {
        let pool = Pool::start(1, 3).unwrap();
        let (release, gate) = mpsc::channel::<()>();
        let (began, begin) = mpsc::channel();
        pool.submit(Box::new(move || {
            began.send(()).unwrap();
            gate.recv().unwrap();
        }))
        .ok()
        .unwrap();
        begin.recv().unwrap();
        let (done, end) = mpsc::channel();
        for number in 0..100 {
            let done = done.clone();
            pool.submit_oneway(Box::new(move || done.send(number).unwrap()));
        }
        for number in [1_000, 1_001, 1_002] {
            let done = done.clone();
            pool.submit(Box::new(move || done.send(number).unwrap()))
                .ok()
                .unwrap();
        }
        release.send(()).unwrap();
        let order: Vec<i32> = end.iter().take(103).collect();
        let place = |job| order.iter().position(|done| *done == job).unwrap();
        assert!(place(1_002) <= 6, "{order:?}");
        let oneways: Vec<i32> = order.into_iter().filter(|job| *job < 1_000).collect();
        assert_eq!(oneways, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_job_that_panics_takes_no_thread_with_it() {
        let pool = Pool::start(1, 10).unwrap();
        assert!(pool.submit(Box::new(|| panic!("on purpose"))).is_ok());
        let (done, end) = mpsc::channel();
        pool.submit(Box::new(move || done.send(7).unwrap()))
            .ok()
            .unwrap();
        assert_eq!(end.recv().unwrap(), 7);
    }
}
