//! The table and the JSON of a run.

use anyhow::Context;
use serde::Serialize;

use crate::client::Measured;
use crate::peers::PeerName;
use crate::scenario::Scenario;
use crate::{Arguments, Pin};

/// One measurement.
pub(crate) struct Sample {
    pub(crate) scenario: Scenario,
    pub(crate) peer: PeerName,
    pub(crate) server_cpu_us: f64,
    pub(crate) measured: Measured,
}

#[derive(Serialize)]
struct Row {
    scenario: &'static str,
    peer: &'static str,
    metric: &'static str,
    median: f64,
    unit: &'static str,
    vs_limit: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    pin: &'static str,
    rounds: usize,
    load: String,
    rows: Vec<Row>,
}

pub(crate) fn print(arguments: &Arguments, samples: &[Sample]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for scenario in &arguments.scenarios {
        for &peer in &arguments.peers {
            rows.extend(rows_of(*scenario, peer, samples));
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let pin = match arguments.pin {
        Pin::One => "one",
        Pin::Free => "free",
    };
    println!(
        "pin {pin}, {} rounds, load {}",
        arguments.rounds,
        load.trim()
    );
    for scenario in &arguments.scenarios {
        println!("{:6} {}", scenario.name, scenario.about);
        for row in rows.iter().filter(|row| row.scenario == scenario.name) {
            let ratio = row
                .vs_limit
                .map_or(String::new(), |r| format!("{r:8.3} x limit"));
            println!(
                "       {:14} {:14} {:12.2} {:8} {ratio}",
                row.peer, row.metric, row.median, row.unit
            );
        }
    }
    if let Some(path) = &arguments.json {
        let report = Report {
            pin,
            rounds: arguments.rounds,
            load: load.trim().to_owned(),
            rows,
        };
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn rows_of(scenario: Scenario, peer: PeerName, samples: &[Sample]) -> Vec<Row> {
    let metric = |peer: PeerName, of: &dyn Fn(&Sample) -> Option<f64>| {
        let mine = samples
            .iter()
            .filter(|s| s.scenario == scenario && s.peer == peer);
        median(mine.filter_map(of).collect())
    };
    let row = |name, unit, of: &dyn Fn(&Sample) -> Option<f64>| {
        let median = metric(peer, of)?;
        Some(Row {
            scenario: scenario.name,
            peer: peer.text(),
            metric: name,
            median,
            unit,
            vs_limit: metric(PeerName::Limit, of).map(|limit| median / limit),
        })
    };
    let per_call = |us: f64, s: &Sample| us / s.measured.calls as f64;
    [
        row("calls_per_s", "1/s", &|s| Some(s.measured.calls_per_second)),
        row("p50", "us", &|s| {
            s.measured.p50_us.filter(|_| scenario.name == "A")
        }),
        row("cpu_both", "us/call", &|s| {
            Some(per_call(s.measured.client_cpu_us + s.server_cpu_us, s))
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
