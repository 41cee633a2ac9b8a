//! The counts against the shell pipeline that defines them, and what happens to files that cannot be counted.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// Does the jobs of a plan here, in a random order.
fn sum(plan: &Plan, random: &mut Random) -> Summary {
    let mut order: Vec<usize> = (0..plan.jobs.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last + 1));
    }
    let mut tally = Tally::new(plan);
    for position in order {
        tally.add(position, count(&plan.jobs[position].chunks));
    }
    tally.finish()
}

fn sum_of(path: &Path, range_bytes: u64) -> Summary {
    sum(
        &plan(&[path.to_owned()], range_bytes).unwrap(),
        &mut Random(1),
    )
}

/// What the definition says: each file through the pipeline, on its own.
fn sum_by_shell(directory: &Path) -> BTreeMap<String, u64> {
    let script = r#"find "$1" -type f -exec sh -c 'for f do tr -cs A-Za-z "\n" < "$f" | tr A-Z a-z; echo; done' sh {} + |
        grep . | sort | uniq -c"#;
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(directory)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| {
            let (count, word) = line.trim_start().split_once(' ').unwrap();
            (word.to_owned(), count.parse().unwrap())
        })
        .collect()
}

/// A small generator of numbers that repeat for a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % limit
    }

    fn text(&mut self, bytes: usize) -> Vec<u8> {
        let odd = [1, 2, 40][self.below(3)];
        let letter_run = [3, 12, 40, 3000][self.below(4)];
        let mut text = Vec::new();
        while text.len() < bytes {
            for _ in 0..self.below(letter_run) {
                text.push(b"aAbBzZeE"[self.below(8)]);
            }
            for _ in 0..1 + self.below(odd) {
                text.push(
                    [0, b'\n', b' ', b'@', b'[', b'`', b'{', 0xc3, 0xe9, 0xff][self.below(10)],
                );
            }
        }
        text.truncate(bytes);
        text
    }

    /// A directory with directories in it, odd names and odd files.
    fn tree(&mut self, root: &Path) {
        for number in 0..self.below(12) {
            let name: &[u8] = [
                &b"plain"[..],
                b"with space",
                b"new\nline",
                b"\xff\xfe",
                b"-n",
                b"'q\"",
            ][self.below(6)];
            let path = root.join(OsStr::from_bytes(
                &[name, number.to_string().as_bytes()].concat(),
            ));
            match self.below(8) {
                0 => {
                    fs::create_dir(&path).unwrap();
                    self.tree(&path);
                }
                1 => symlink("..", &path).unwrap(),
                2 => fs::write(&path, "").unwrap(),
                3 => fs::write(&path, self.text(100_000)).unwrap(),
                _ => {
                    let bytes = self.below(3000);
                    fs::write(&path, self.text(bytes)).unwrap();
                }
            }
        }
    }
}

#[test]
fn any_directory_counts_as_the_shell_counts_it() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    println!("seed {seed}");
    let mut random = Random(u64::from(seed) << 8 | 1);
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        random.tree(directory.path());
        let expected = sum_by_shell(directory.path());
        for range_bytes in [1 + random.below(50) as u64, 1000, 70_000, RANGE_BYTES] {
            let plan = plan(&[directory.path().to_owned()], range_bytes).unwrap();
            let summary = sum(&plan, &mut random);
            assert_eq!(summary.skipped, []);
            assert_eq!(
                summary.words,
                expected.values().sum::<u64>(),
                "ranges of {range_bytes}"
            );
            let counts: BTreeMap<_, _> = summary.counts.into_iter().collect();
            assert!(
                counts == expected,
                "ranges of {range_bytes}: {}",
                difference(&counts, &expected)
            );
        }
    }
}

fn difference(counts: &BTreeMap<String, u64>, expected: &BTreeMap<String, u64>) -> String {
    let words = counts
        .keys()
        .chain(expected.keys())
        .filter(|word| counts.get(*word) != expected.get(*word));
    let word = words.min().unwrap();
    format!(
        "{word:?} is {:?}, not {:?}",
        counts.get(word),
        expected.get(word)
    )
}

#[test]
fn every_split_gives_the_same_counts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for text in [
        &b"one two two"[..],
        b"",
        b" ",
        b"x",
        b"abcdefghijklmnopqrstuvwxyz",
        b"\0a\0bb\0\0CCC",
        b"a b c d e f ",
    ] {
        fs::write(&path, text).unwrap();
        let expected = sum_by_shell(directory.path());
        for range_bytes in 1..=30 {
            let summary = sum_of(&path, range_bytes);
            let counts: BTreeMap<_, _> = summary.counts.into_iter().collect();
            assert_eq!(counts, expected, "{text:?} in ranges of {range_bytes}");
            assert_eq!(
                (summary.files, summary.bytes),
                (1, text.len() as u64),
                "{text:?} in ranges of {range_bytes}"
            );
        }
    }
}

#[test]
fn a_word_may_be_longer_than_ranges_and_buffers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let word = "q".repeat(300_000);
    fs::write(&path, format!("start {} end", word.to_uppercase())).unwrap();
    for range_bytes in [10_000, 100_000, RANGE_BYTES] {
        let expected = [("end".into(), 1), (word.clone(), 1), ("start".into(), 1)];
        assert!(
            sum_of(&path, range_bytes).counts == expected,
            "ranges of {range_bytes}"
        );
    }
}

#[test]
fn a_word_that_no_reply_could_hold_costs_its_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("large"),
        vec![b'x'; MAX_WORD_BYTES + 1],
    )
    .unwrap();
    fs::write(directory.path().join("small"), "good").unwrap();
    let summary = sum_of(directory.path(), RANGE_BYTES);
    assert_eq!(summary.counts, [("good".into(), 1)]);
    assert!(
        summary.skipped[0]
            .to_string()
            .ends_with("large: has a word of more than 8388608 letters")
    );
}

#[test]
fn files_are_grouped_by_size_and_number_and_large_ones_are_cut() {
    let directory = tempfile::tempdir().unwrap();
    let small = JOB_FILES * 5 / 2;
    for number in 0..small {
        fs::write(directory.path().join(format!("a{number:03}")), "a b").unwrap();
    }
    let range_bytes = usize::try_from(RANGE_BYTES).unwrap();
    for number in 0..4 {
        let path = directory.path().join(format!("b{number}"));
        fs::write(path, vec![b' '; range_bytes * 2 / 5]).unwrap();
    }
    fs::write(directory.path().join("c"), vec![b' '; range_bytes * 10 / 3]).unwrap();
    let plan = plan(&[directory.path().to_owned()], RANGE_BYTES).unwrap();
    let sizes: Vec<(usize, Option<usize>)> = plan
        .jobs
        .iter()
        .map(|job| (job.chunks.len(), job.range_of))
        .collect();
    let range = (1, Some(0));
    // The large file comes last by name, but the open group is closed at the very end.
    assert_eq!(
        sizes,
        [
            (JOB_FILES, None),
            (JOB_FILES, None),
            (JOB_FILES / 2 + 2, None),
            range,
            range,
            range,
            (2, None)
        ]
    );
    assert_eq!(plan.ranges, [3]);
}

#[test]
fn a_file_that_changed_is_skipped_whole() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        fs::write(directory.path().join(name), "same same").unwrap();
    }
    fs::write(directory.path().join("large"), "word ".repeat(20)).unwrap();
    let plan = plan(&[directory.path().to_owned()], 30).unwrap();
    let mut tally = Tally::new(&plan);
    let (last, all_but_last) = plan.jobs.split_last().unwrap();
    for (position, job) in all_but_last.iter().enumerate() {
        tally.add(position, count(&job.chunks));
    }
    fs::write(directory.path().join("large"), "words ".repeat(20)).unwrap();
    fs::remove_file(directory.path().join("b")).unwrap();
    fs::write(directory.path().join("c"), "longer than it was").unwrap();
    assert_eq!(last.range_of, None, "the group is the last job");
    tally.add(plan.jobs.len() - 1, count(&last.chunks));
    let summary = tally.finish();
    assert_eq!((summary.files, summary.skipped.len()), (2, 2));
    assert_eq!(summary.counts, [("word".into(), 20), ("same".into(), 2)]);

    let mut tally = Tally::new(&plan);
    for (position, job) in plan.jobs.iter().enumerate() {
        tally.add(position, count(&job.chunks));
    }
    let summary = tally.finish();
    assert_eq!(
        (summary.files, summary.skipped.len()),
        (1, 3),
        "one report for the four ranges of the large file"
    );
    assert_eq!(summary.counts, [("same".into(), 2)]);
}

#[test]
fn an_answer_that_comes_twice_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "one").unwrap();
    let plan = plan(&[directory.path().to_owned()], RANGE_BYTES).unwrap();
    let mut tally = Tally::new(&plan);
    tally.add(0, count(&plan.jobs[0].chunks));
    tally.add(0, count(&plan.jobs[0].chunks));
    tally.add(7, Counted::default());
    assert_eq!(tally.finish().words, 1);
}

#[test]
fn a_path_that_does_not_exist_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let err = plan(&[directory.path().to_owned(), missing.clone()], RANGE_BYTES).unwrap_err();
    assert_eq!(
        err.to_string(),
        format!("{}: no such file or directory", missing.display())
    );
    let below_a_file = [PathBuf::from("/dev/null/x")];
    assert!(
        plan(&below_a_file, RANGE_BYTES)
            .unwrap_err()
            .to_string()
            .starts_with("/dev/null/x: ")
    );
}

#[test]
fn what_is_no_file_is_reported_and_links_are_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(directory.path().join("outside"), "outside").unwrap();
    symlink("../outside", root.join("link")).unwrap();
    symlink("missing", root.join("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("new\nline")).unwrap();
    let summary = sum_of(&root, RANGE_BYTES);
    assert_eq!((summary.files, summary.words), (0, 0));
    assert_eq!(summary.skipped.len(), 1);
    assert!(
        summary.skipped[0]
            .to_string()
            .ends_with("/new\\nline: neither a file nor a directory")
    );
    assert_eq!(
        sum_of(&root.join("link"), RANGE_BYTES).words,
        1,
        "a link that the user names is followed"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn kernel_files_that_claim_to_be_empty_are_read() {
    assert!(sum_of(Path::new("/proc/self/limits"), RANGE_BYTES).words > 20);
}
