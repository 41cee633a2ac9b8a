//! The client process: calls for a while and prints what it measured as one line of JSON.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::Arguments;
use crate::peers::{self, Caller};

/// What one run measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) client_cpu_us: f64,
    pub(crate) calls: u64,
}

/// Calls that are not counted, first.
const WARM_UP: Duration = Duration::from_millis(200);

pub(crate) fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let address = arguments
        .address
        .as_deref()
        .context("a client needs an address")?;
    let (scenario, peer) = (arguments.scenarios[0], arguments.peers[0]);
    let seconds = Duration::from_secs_f64(arguments.seconds);
    let measured = peers::runtime()?.block_on(async {
        let mut callers: Vec<Box<dyn Caller>> = Vec::new();
        for _ in 0..scenario.connections {
            callers.push(peers::connect(peer, address).await?);
        }
        call_for(&callers, scenario.window, WARM_UP).await?;
        call_for(&callers, scenario.window, seconds).await
    })?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

async fn call_for(
    callers: &[Box<dyn Caller>],
    window: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    let latencies = Mutex::new(Vec::new());
    let (start, cpu_before) = (Instant::now(), cpu_us("self")?);
    let stop = || start.elapsed() >= time;
    let note = |nanos: u64| {
        if let Ok(mut latencies) = latencies.lock() {
            latencies.push(nanos);
        }
    };
    let calls = callers
        .iter()
        .map(|caller| caller.call_all(window, &stop, &note));
    let counts = futures_util::future::try_join_all(calls).await?;
    let calls: u64 = counts.iter().sum();
    let took = start.elapsed().as_secs_f64();
    let mut latencies = latencies.into_inner().unwrap_or_default();
    latencies.sort_unstable();
    Ok(Measured {
        calls_per_second: calls as f64 / took,
        p50_us: latencies
            .get(latencies.len() / 2)
            .map(|nanos| *nanos as f64 / 1000.0),
        client_cpu_us: cpu_us("self")? - cpu_before,
        calls,
    })
}

/// Processor time of a process so far, in microseconds.
pub(crate) fn cpu_us(pid: &str) -> anyhow::Result<f64> {
    // The scheduler's own count, in nanoseconds, for each thread; those of the clock tick are too coarse here.
    let mut nanos = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = thread?.path().join("schedstat");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        nanos += text
            .split(' ')
            .next()
            .and_then(|n| n.parse::<f64>().ok())
            .unwrap_or(0.0);
    }
    Ok(nanos / 1000.0)
}
