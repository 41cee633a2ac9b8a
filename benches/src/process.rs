//! What the system knows of a process and of those that it started: processor time and memory.

use std::fs;

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// A process, with those that it started: a peer of another language runs in one of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(i32);

impl Process {
    pub(crate) fn of(pid: i32) -> Self {
        Self(pid)
    }

    /// This one.
    pub(crate) fn own() -> Self {
        Self(Pid::this().as_raw())
    }

    /// Processor time so far, in microseconds.
    pub(crate) fn cpu_us(self) -> anyhow::Result<f64> {
        self.sum(|pid| {
            // The process's own clock counts nanoseconds, and threads that have ended too.
            let clock = clock_getcpuclockid(Pid::from_raw(pid))?;
            Ok(std::time::Duration::from(clock.now()?).as_secs_f64() * 1e6)
        })
    }

    /// Memory that it holds now, in KiB.
    pub(crate) fn resident_kib(self) -> anyhow::Result<f64> {
        self.sum(|pid| {
            // Counted page by page; the number in `status` may lag behind.
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            field(&text, "Rss:").context("smaps_rollup tells no Rss")
        })
    }

    /// The most memory that it ever held, in KiB; without those that it started.
    pub(crate) fn peak_kib(self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        field(&text, "VmHWM:").context("status tells no VmHWM")
    }

    /// Whether it has started no others that still run.
    pub(crate) fn is_alone(self) -> bool {
        self.descendants().is_empty()
    }

    fn sum(self, of: impl Fn(i32) -> anyhow::Result<f64>) -> anyhow::Result<f64> {
        let own = of(self.0).with_context(|| format!("cannot measure process {}", self.0))?;
        // A process may end while it is looked at: then it counts no more.
        let others = self.descendants();
        Ok(own
            + others
                .into_iter()
                .filter_map(|pid| of(pid).ok())
                .sum::<f64>())
    }

    fn descendants(self) -> Vec<i32> {
        let (mut found, mut next) = (Vec::new(), vec![self.0]);
        while let Some(pid) = next.pop() {
            let started = children(pid);
            found.extend(&started);
            next.extend(started);
        }
        found
    }
}

fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| numbers(&text))
        .collect()
}

fn numbers(text: &str) -> Vec<i32> {
    let words = text.split_whitespace();
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The number behind a name at the beginning of a line.
pub(crate) fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A thousand connections are more files than a shell allows as a rule.
pub(crate) fn allow_many_files() -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_number_behind_its_name() {
        let text = "5555-7fff ---p [rollup]\nRss:                1234 kB\nPss_Anon:  7 kB\n";
        assert_eq!(field(text, "Rss:"), Some(1234.0));
        assert_eq!(field(text, "Pss:"), None);
    }

    #[test]
    fn children_are_listed_with_spaces() {
        assert_eq!(numbers("12 345 \n"), [12, 345]);
        assert!(numbers("").is_empty());
    }

    #[test]
    fn a_process_has_used_time_and_holds_memory() {
        let own = Process::own();
        let before = own.cpu_us().unwrap();
        let sum = (0..1_000_000u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        assert!(own.cpu_us().unwrap() > before, "{sum}");
        assert!(own.resident_kib().unwrap() > 100.0);
        assert!(own.peak_kib().unwrap() > 100.0);
    }
}
