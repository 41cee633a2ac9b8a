//! How the work was spread: by partition and by worker, and where it was heavy.

use std::fmt;

/// From this ratio of the largest partition to the mean on, a report names it.
const HEAVY: f64 = 2.0;

/// How a job went. Printed, it names the heavy partition and its heaviest key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each partition, in their order.
    pub partitions: Vec<PartitionReport>,
    /// Each worker whose work is in the result, by URI.
    pub workers: Vec<WorkerReport>,
    /// Chunks of the inputs.
    pub chunks: u64,
    /// Chunks that were mapped once more because the worker that had their data was lost.
    pub mapped_again: u64,
    /// Partitions that were reduced once more for the same reason.
    pub reduced_again: u64,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionReport {
    /// Its number.
    pub index: usize,
    /// Values that were emitted for its keys.
    pub values: u64,
    /// Its keys.
    pub keys: u64,
    /// Bytes that went into it, combined.
    pub bytes: u64,
    /// Its key with the most values, as its `Debug` shows it, and how many there were.
    pub heaviest: Option<(String, u64)>,
    /// The URI of the worker that reduced it.
    pub worker: String,
}

/// One worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerReport {
    /// Its URI.
    pub uri: String,
    /// Chunks that it mapped.
    pub chunks: u64,
    /// Values that these gave.
    pub values: u64,
    /// Bytes that these gave, combined.
    pub bytes: u64,
    /// Partitions that it reduced.
    pub partitions: u64,
}

impl Report {
    /// The values of the largest partition, divided by the mean of all; 1 is even, the number of partitions the worst.
    pub fn skew(&self) -> f64 {
        let all: u64 = self.partitions.iter().map(|p| p.values).sum();
        let most = self.heaviest().map_or(0, |p| p.values);
        if all == 0 {
            return 1.0;
        }
        most as f64 * self.partitions.len() as f64 / all as f64
    }

    /// The partition with the most values.
    pub fn heaviest(&self) -> Option<&PartitionReport> {
        self.partitions.iter().max_by_key(|p| p.values)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: u64 = self.partitions.iter().map(|p| p.values).sum();
        let keys: u64 = self.partitions.iter().map(|p| p.keys).sum();
        let bytes: u64 = self.partitions.iter().map(|p| p.bytes).sum();
        writeln!(
            f,
            "{values} values of {keys} keys from {} chunks, {bytes} bytes in {} partitions on {} workers",
            self.chunks,
            self.partitions.len(),
            self.workers.len()
        )?;
        if self.mapped_again + self.reduced_again > 0 {
            writeln!(
                f,
                "{} chunks mapped and {} partitions reduced again",
                self.mapped_again, self.reduced_again
            )?;
        }
        let skew = self.skew();
        if let Some(heavy) = self.heaviest().filter(|_| skew >= HEAVY) {
            let PartitionReport { index, values, .. } = heavy;
            write!(
                f,
                "partition {index} is heavy: {values} values, {skew:.1} times the mean"
            )?;
            match &heavy.heaviest {
                Some((key, count)) => writeln!(f, "; {count} of them of the key {key}")?,
                None => writeln!(f)?,
            }
        }
        for worker in &self.workers {
            writeln!(
                f,
                "  {}  {} chunks, {} values, {} bytes; {} partitions",
                without_incarnation(&worker.uri),
                worker.chunks,
                worker.values,
                worker.bytes,
                worker.partitions
            )?;
        }
        Ok(())
    }
}

fn without_incarnation(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(uri, _)| uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_the_heavy_partition_and_its_heaviest_key() {
        let partition = |index, values| PartitionReport {
            index,
            values,
            keys: 1,
            heaviest: Some((format!("\"key {index}\""), values)),
            ..PartitionReport::default()
        };
        let mut report = Report {
            partitions: vec![partition(0, 10), partition(1, 1000), partition(2, 20)],
            ..Report::default()
        };
        let text = report.to_string();
        let heavy = "partition 1 is heavy: 1000 values, 2.9 times the mean; 1000 of them of the key \"key 1\"\n";
        assert!(text.contains(heavy), "{text}");
        report.partitions[1].values = 15;
        assert!(!report.to_string().contains("heavy"));
        assert_eq!(Report::default().skew(), 1.0);
    }
}
