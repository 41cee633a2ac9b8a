//! From paths to jobs: which files there are, and how they are cut and grouped.

use std::fs::{self, FileType};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{Chunk, Skipped, Stamp};

/// How much of a large file makes one job, and how much small files together: about this many bytes.
pub const RANGE_BYTES: u64 = 128 << 10;

/// The most small files in one job.
pub const JOB_FILES: usize = 20;

/// The most ranges of one file; past a TiB the ranges grow, so that a plan fits in memory.
const MAX_RANGES: u64 = 1 << 20;

/// What is to be counted.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The jobs, in the order of the files.
    pub jobs: Vec<Job>,
    /// What is left out already, and why.
    pub skipped: Vec<Skipped>,
    /// Of each file that is cut into several jobs: into how many.
    pub ranges: Vec<u64>,
}

/// One call's worth of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whole files, or one range of a large file.
    pub chunks: Vec<Chunk>,
    /// For one range of a large file: the file's position in [`Plan::ranges`].
    pub range_of: Option<usize>,
}

/// Plans the counting of files and directories, in ranges of about `range_bytes`.
///
/// Directories are taken with all that is below them, each in the order of its names. Links inside them are not
/// followed; a link in `paths` is. What cannot be read, or is neither file nor directory, is listed as skipped.
///
/// # Errors
/// One of `paths` does not exist.
pub fn plan(paths: &[PathBuf], range_bytes: u64) -> anyhow::Result<Plan> {
    let mut planner = Planner::new(range_bytes.max(1));
    for path in paths {
        match (fs::metadata(path), std::path::absolute(path)) {
            (Ok(metadata), Ok(absolute)) => planner.walk(absolute, metadata.file_type()),
            (Err(err), _) if is_missing(&err) => {
                bail!("{}: no such file or directory", path.display())
            }
            (Err(err), _) | (_, Err(err)) => planner.plan.skipped.push(Skipped::new(path, err)),
        }
    }
    planner.close_group();
    Ok(planner.plan)
}

fn is_missing(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

struct Planner {
    plan: Plan,
    range_bytes: u64,
    group: Vec<Chunk>,
    group_bytes: u64,
}

impl Planner {
    fn new(range_bytes: u64) -> Self {
        Self {
            plan: Plan::default(),
            range_bytes,
            group: Vec::new(),
            group_bytes: 0,
        }
    }

    /// Visits everything at and below `root`, without recursion: trees may be deep.
    fn walk(&mut self, root: PathBuf, kind: FileType) {
        let mut waiting = vec![(root, kind)];
        while let Some((path, kind)) = waiting.pop() {
            let visited = if kind.is_dir() {
                self.entries(&path).map(|entries| waiting.extend(entries))
            } else if kind.is_file() {
                fs::metadata(&path).map(|metadata| self.add(&path, Stamp::of(&metadata)))
            } else if kind.is_symlink() {
                Ok(())
            } else {
                Err(io::Error::other("neither a file nor a directory"))
            };
            if let Err(err) = visited {
                self.plan.skipped.push(Skipped::new(&path, err));
            }
        }
    }

    /// What is in a directory, last name first: the walk takes from the end.
    fn entries(&mut self, directory: &Path) -> io::Result<Vec<(PathBuf, FileType)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            match entry.file_type() {
                Ok(kind) => entries.push((entry.path(), kind)),
                Err(err) => self.plan.skipped.push(Skipped::new(&entry.path(), err)),
            }
        }
        entries.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        Ok(entries)
    }

    fn add(&mut self, path: &Path, stamp: Stamp) {
        let chunk = |start, end| Chunk {
            path: path.as_os_str().as_bytes().to_vec(),
            start,
            end,
            stamp,
        };
        let ranges = (stamp.bytes.saturating_add(self.range_bytes / 2) / self.range_bytes)
            .clamp(1, MAX_RANGES);
        if ranges == 1 {
            // Up to its end, wherever that is: kernel files say 0 bytes and have some.
            return self.add_to_group(chunk(0, u64::MAX), stamp.bytes);
        }
        let file = self.plan.ranges.len();
        self.plan.ranges.push(ranges);
        let step = stamp.bytes / ranges;
        self.plan.jobs.extend((0..ranges).map(|range| {
            let end = if range + 1 == ranges {
                u64::MAX
            } else {
                (range + 1) * step
            };
            Job {
                chunks: vec![chunk(range * step, end)],
                range_of: Some(file),
            }
        }));
    }

    fn add_to_group(&mut self, chunk: Chunk, bytes: u64) {
        if self.group.len() >= JOB_FILES
            || self.group_bytes.saturating_add(bytes) > self.range_bytes
        {
            self.close_group();
        }
        self.group.push(chunk);
        self.group_bytes = self.group_bytes.saturating_add(bytes);
    }

    fn close_group(&mut self) {
        self.group_bytes = 0;
        if !self.group.is_empty() {
            self.plan.jobs.push(Job {
                chunks: std::mem::take(&mut self.group),
                range_of: None,
            });
        }
    }
}
