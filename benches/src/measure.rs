//! Calls for a while, with the processor time of both ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::figure::{Figure, percentile};
use crate::peers::{Caller, ENDED, Load};

/// Calls that are not counted, first. A plain `fn` of farcall shows in them that it is cheap.
pub(crate) const WARM_UP: Duration = Duration::from_millis(200);

/// The longest that one of a number of calls is waited for, on average: a peer whose own loop looks up seldom must not
/// go on for ever.
const LONGEST_CALL: Duration = Duration::from_millis(2);

/// How long to call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Time(Duration),
    /// About this many; what counts is how many ended.
    Calls(u64),
    /// For that time, but at least so many one after the other.
    Both(Duration, u64),
}

/// What to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Process,
    /// Echoes of so many bytes.
    Echo(usize),
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
    server_cpu_us: f64,
    client_cpu_us: f64,
    /// How long each call took, in nanoseconds, where one was in flight on one connection.
    latencies: Vec<u64>,
}

/// Connections and how many calls each keeps in flight.
pub(crate) struct Callers(Vec<(Box<dyn Caller>, usize)>);

impl Callers {
    /// The same number on each.
    pub(crate) fn each(callers: Vec<Box<dyn Caller>>, window: usize) -> Self {
        Self(callers.into_iter().map(|caller| (caller, window)).collect())
    }

    /// A number in all, spread as evenly as it goes; at least 1 on each.
    pub(crate) fn in_all(callers: Vec<Box<dyn Caller>>, in_flight: usize) -> Self {
        let windows = spread(in_flight, callers.len());
        Self(callers.into_iter().zip(windows).collect())
    }

    /// Calls for a moment, then for as long as it is to be measured.
    pub(crate) async fn measure(&self, client: &Client, what: What) -> anyhow::Result<Measured> {
        self.call(client, what, Until::Time(WARM_UP)).await?;
        self.call(client, what, client.until()).await
    }

    /// Calls for that long, nothing before.
    pub(crate) async fn call(
        &self,
        client: &Client,
        what: What,
        until: Until,
    ) -> anyhow::Result<Measured> {
        let latencies = Mutex::new(Vec::new());
        // With many connections there is no latency to tell, and the lock would be part of what is measured.
        let alone = self.0.len() == 1;
        let note = |nanos: u64| {
            if alone && let Ok(mut latencies) = latencies.lock() {
                latencies.push(nanos);
            }
        };
        let stop = Stop::new(until);
        let stop = || stop.now();
        let server_before = client.server.cpu_us()?;
        let (start, client_before) = (Instant::now(), client.own.cpu_us()?);
        let calls = self.0.iter().map(|(caller, window)| {
            let load = Load {
                window: *window,
                stop: &stop,
                latency: &note,
            };
            caller.call_all(what, load)
        });
        let calls = futures_util::future::try_join_all(calls)
            .await?
            .iter()
            .sum();
        let seconds = start.elapsed().as_secs_f64();
        anyhow::ensure!(calls > 0, "no call ended");
        Ok(Measured {
            calls,
            seconds,
            server_cpu_us: client.server.cpu_us()? - server_before,
            client_cpu_us: client.own.cpu_us()? - client_before,
            latencies: latencies.into_inner().unwrap_or_default(),
        })
    }
}

/// Knows when it is enough.
struct Stop {
    until: Until,
    start: Instant,
    ended_before: u64,
    asked: AtomicU64,
}

impl Stop {
    fn new(until: Until) -> Self {
        Self {
            until,
            start: Instant::now(),
            ended_before: ENDED.load(Ordering::Relaxed),
            asked: AtomicU64::new(0),
        }
    }

    fn now(&self) -> bool {
        match self.until {
            Until::Time(time) => self.start.elapsed() >= time,
            Until::Both(time, calls) => {
                let asked = self.asked.fetch_add(1, Ordering::Relaxed);
                asked >= calls && self.start.elapsed() >= time
            }
            Until::Calls(calls) => {
                // Asked after each call by whoever has one in flight; the others count.
                let asked = self.asked.fetch_add(1, Ordering::Relaxed);
                let ended = ENDED.load(Ordering::Relaxed) - self.ended_before;
                let longest = Duration::from_nanos(LONGEST_CALL.as_nanos() as u64 * calls);
                asked + ended >= calls || self.start.elapsed() >= longest
            }
        }
    }
}

impl Measured {
    pub(crate) fn calls_per_second(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    /// Processor time of a call at the server, in microseconds.
    pub(crate) fn server_cpu_us(&self) -> f64 {
        self.server_cpu_us / self.calls as f64
    }

    /// The same at the client.
    pub(crate) fn client_cpu_us(&self) -> f64 {
        self.client_cpu_us / self.calls as f64
    }

    /// Processor time of a call at both ends together, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        (self.server_cpu_us + self.client_cpu_us) / self.calls as f64
    }

    /// How long so many of a hundred calls took at most, in microseconds.
    pub(crate) fn latency_us(&mut self, share: f64) -> Option<f64> {
        percentile(&mut self.latencies, share).map(|nanos| nanos as f64 / 1000.0)
    }

    /// The figures that every scenario of small calls has.
    pub(crate) fn rates(&self) -> Vec<Figure> {
        vec![
            Figure::new("calls_per_s", self.calls_per_second(), "1/s"),
            Figure::new("cpu_both", self.cpu_us(), "us/call"),
        ]
    }
}

/// Shares of a whole that differ by 1 at most; none is 0.
fn spread(whole: usize, among: usize) -> Vec<usize> {
    let (each, rest) = (whole / among, whole % among);
    (0..among)
        .map(|n| (each + usize::from(n < rest)).max(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_flight_are_spread_evenly() {
        assert_eq!(spread(256, 1), [256]);
        assert_eq!(spread(7, 3), [3, 2, 2]);
        assert_eq!(spread(256, 100).iter().sum::<usize>(), 256);
        assert_eq!(spread(256, 1000), [1; 1000]);
    }

    #[test]
    fn it_stops_after_a_number_of_calls() {
        let stop = Stop::new(Until::Calls(3));
        let answers: Vec<bool> = (0..4).map(|_| stop.now()).collect();
        assert_eq!(answers, [false, false, false, true]);
    }

    #[test]
    fn a_least_number_of_calls_is_made_however_long_they_take() {
        let stop = Stop::new(Until::Both(Duration::ZERO, 2));
        let answers: Vec<bool> = (0..3).map(|_| stop.now()).collect();
        assert_eq!(answers, [false, false, true]);
    }
}
