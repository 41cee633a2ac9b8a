//! The table and the JSON of a run.

use anyhow::Context;
use serde::Serialize;

use crate::figure::{Figure, median};
use crate::peers::PeerName;
use crate::scenarios::Scenario;
use crate::{Arguments, Pin};

/// All that was measured, in its order.
pub(crate) struct Results {
    load_at_start: String,
    samples: Vec<Sample>,
    skipped: Vec<Skipped>,
}

struct Sample {
    scenario: Scenario,
    peer: PeerName,
    figure: Figure,
}

struct Skipped {
    scenario: Scenario,
    peer: PeerName,
    why: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Row {
    scenario: &'static str,
    peer: &'static str,
    metric: String,
    median: Option<f64>,
    unit: String,
    vs_limit: Option<f64>,
    vs_tarpc: Option<f64>,
    vs_pyro5: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    pin: &'static str,
    rounds: u32,
    seconds: f64,
    cores: usize,
    load_at_start: &'a str,
    load_at_end: &'a str,
    rows: &'a [Row],
}

impl Results {
    pub(crate) fn new(load_at_start: String) -> Self {
        Self {
            load_at_start,
            samples: Vec::new(),
            skipped: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, scenario: Scenario, peer: PeerName, figures: Vec<Figure>) {
        self.samples
            .extend(figures.into_iter().map(|figure| Sample {
                scenario,
                peer,
                figure,
            }));
    }

    /// Notes why a peer has no more figures of a scenario.
    pub(crate) fn skip(&mut self, scenario: Scenario, peer: PeerName, why: String) {
        self.skipped.push(Skipped {
            scenario,
            peer,
            why,
        });
    }

    pub(crate) fn is_skipped(&self, scenario: Scenario, peer: PeerName) -> bool {
        let mut skipped = self.skipped.iter();
        skipped.any(|s| s.scenario == scenario && s.peer == peer)
    }

    /// A row for each metric, by scenario and peer, and one for each peer that failed.
    fn rows(&self, scenarios: &[Scenario], peers: &[PeerName]) -> Vec<Row> {
        let mut rows = Vec::new();
        for &scenario in scenarios {
            for &peer in peers {
                rows.extend(self.rows_of(scenario, peer));
            }
        }
        rows
    }

    fn rows_of(&self, scenario: Scenario, peer: PeerName) -> Vec<Row> {
        let mut metrics: Vec<&Figure> = Vec::new();
        for sample in self.of(scenario, peer) {
            if metrics.iter().all(|m| m.metric != sample.figure.metric) {
                metrics.push(&sample.figure);
            }
        }
        let mut rows: Vec<Row> = metrics
            .into_iter()
            .map(|Figure { metric, unit, .. }| {
                let own = self.median(scenario, peer, metric);
                let against = |other| {
                    let ratio = own? / self.median(scenario, other, metric)?;
                    ratio.is_finite().then_some(ratio)
                };
                Row {
                    scenario: scenario.name,
                    peer: peer.text(),
                    metric: metric.clone(),
                    median: own,
                    unit: unit.clone(),
                    vs_limit: against(PeerName::Limit),
                    vs_tarpc: against(PeerName::Tarpc),
                    vs_pyro5: against(PeerName::Pyro5),
                    note: None,
                }
            })
            .collect();
        let skipped = self.skipped.iter();
        let skipped = skipped.filter(|s| s.scenario == scenario && s.peer == peer);
        rows.extend(skipped.map(|skipped| Row {
            scenario: scenario.name,
            peer: peer.text(),
            metric: String::new(),
            median: None,
            unit: String::new(),
            vs_limit: None,
            vs_tarpc: None,
            vs_pyro5: None,
            note: Some(format!("skipped: {}", skipped.why)),
        }));
        rows
    }

    fn of(&self, scenario: Scenario, peer: PeerName) -> impl Iterator<Item = &Sample> {
        let samples = self.samples.iter();
        samples.filter(move |s| s.scenario == scenario && s.peer == peer)
    }

    fn median(&self, scenario: Scenario, peer: PeerName, metric: &str) -> Option<f64> {
        let samples = self.of(scenario, peer);
        median(
            samples
                .filter(|s| s.figure.metric == metric)
                .map(|s| s.figure.value),
        )
    }
}

/// Prints the table and writes the JSON, if one is asked for.
pub(crate) fn write(
    arguments: &Arguments,
    results: &Results,
    load_at_end: String,
) -> anyhow::Result<()> {
    let rows = results.rows(&arguments.scenarios, &arguments.peers);
    let report = Report {
        pin: match arguments.pin {
            Pin::One => "one",
            Pin::Free => "free",
        },
        rounds: arguments.rounds,
        seconds: arguments.seconds,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        load_at_start: &results.load_at_start,
        load_at_end: &load_at_end,
        rows: &rows,
    };
    print!("{}", table(&report, &arguments.scenarios));
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn table(report: &Report<'_>, scenarios: &[Scenario]) -> String {
    let mut text = format!(
        "pin {}, {} rounds of {} s, {} cores, load {} at the start, {} at the end\n",
        report.pin,
        report.rounds,
        report.seconds,
        report.cores,
        report.load_at_start,
        report.load_at_end
    );
    for scenario in scenarios {
        let rows = report.rows.iter().filter(|r| r.scenario == scenario.name);
        let lines: String = rows.map(line).collect();
        text += &format!("\n{}: {}\n", scenario.name, scenario.about);
        if lines.is_empty() {
            text += "  of none of these peers\n";
            continue;
        }
        text += &format!(
            "  {:14} {:14} {:21} {:>14} {:9} {:>9} {:>9} {:>9}\n",
            "", "peer", "metric", "median", "unit", "x limit", "x tarpc", "x pyro5"
        );
        text += &lines;
    }
    text
}

fn line(row: &Row) -> String {
    let start = format!("  {:14} {:14} ", row.scenario, row.peer);
    let rest = match (row.median, &row.note) {
        (Some(median), _) => {
            let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), digits);
            format!(
                "{:21} {:>14} {:9} {:>9} {:>9} {:>9}",
                row.metric,
                digits(median),
                row.unit,
                ratio(row.vs_limit),
                ratio(row.vs_tarpc),
                ratio(row.vs_pyro5)
            )
        }
        (None, note) => note.clone().unwrap_or_default(),
    };
    format!("{start}{rest}\n")
}

/// Three digits that matter; large numbers whole, in groups.
fn digits(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 1000.0 => {
            let whole = format!("{size:.0}");
            let mut text = String::new();
            for (place, digit) in whole.chars().enumerate() {
                if place > 0 && (whole.len() - place).is_multiple_of(3) {
                    text.push(',');
                }
                text.push(digit);
            }
            format!("{}{text}", if value < 0.0 { "-" } else { "" })
        }
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(name: &str) -> Scenario {
        name.parse().unwrap()
    }

    fn rate(value: f64) -> Vec<Figure> {
        vec![Figure::new("calls_per_s", value, "1/s")]
    }

    const PEERS: [PeerName; 3] = [PeerName::Limit, PeerName::Farcall, PeerName::Tarpc];

    #[test]
    fn a_row_has_the_median_and_its_ratios() {
        let (a, mut results) = (scenario("A"), Results::new(String::new()));
        for value in [100.0, 300.0, 200.0] {
            results.add(a, PeerName::Limit, rate(value * 2.0));
            results.add(a, PeerName::Farcall, rate(value));
            results.add(a, PeerName::Tarpc, rate(value / 4.0));
        }
        let rows = results.rows(&[a], &PEERS);
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[1].peer, rows[1].median), ("farcall", Some(200.0)));
        assert_eq!((rows[1].vs_limit, rows[1].vs_tarpc), (Some(0.5), Some(4.0)));
    }

    #[test]
    fn a_peer_that_fails_is_a_row_that_says_why_and_no_ratio() {
        let (a, mut results) = (scenario("A"), Results::new(String::new()));
        results.add(a, PeerName::Farcall, rate(5.0));
        results.skip(a, PeerName::Tarpc, "too large".into());
        assert!(results.is_skipped(a, PeerName::Tarpc));
        assert!(!results.is_skipped(a, PeerName::Farcall));
        assert!(!results.is_skipped(scenario("B64"), PeerName::Tarpc));
        let rows = results.rows(&[a], &PEERS);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].vs_limit, rows[0].vs_tarpc), (None, None));
        assert_eq!(rows[1].note.as_deref(), Some("skipped: too large"));
        let json = serde_json::to_value(&rows[1]).unwrap();
        assert_eq!(json["median"], serde_json::Value::Null);
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        let (a, mut results) = (scenario("A"), Results::new(String::new()));
        results.add(a, PeerName::Limit, rate(0.0));
        results.add(a, PeerName::Farcall, rate(5.0));
        assert_eq!(results.rows(&[a], &PEERS)[1].vs_limit, None);
    }

    #[test]
    fn numbers_are_short_and_readable() {
        let all = [
            0.0,
            0.1234,
            9.876,
            12.34,
            123.4,
            1234.5,
            27_690_000.0,
            -1234.0,
        ];
        let texts = all.map(digits);
        let expected = [
            "0.000",
            "0.123",
            "9.88",
            "12.3",
            "123",
            "1,234",
            "27,690,000",
            "-1,234",
        ];
        assert_eq!(texts, expected);
    }
}
