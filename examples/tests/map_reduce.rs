//! `wordcount-mapreduce`, driven as a user drives it, and with a worker killed in the middle.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use farcall::Remote;
use farcall::map_reduce::WorkerProxy;
use farcall_examples::words::MAX_TOP;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wordcount-mapreduce");

/// A program that runs until the test drops it.
struct Running {
    child: Child,
    uri: String,
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some((_, uri)) = line.trim_end().rsplit_once(" = ") else {
            panic!("{arguments:?} said {line:?}");
        };
        Self {
            child,
            uri: uri.to_owned(),
            _stdout: stdout,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn json(output: Output) -> Value {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Megabytes of words in a few files.
fn library() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in 0..8 {
        let word = |n: u32| {
            format!(
                "{} ",
                format!("{:x}", n % (700 + file)).replace(['0', '7'], "x")
            )
        };
        let text: String = (0..120_000 * file).map(word).collect();
        fs::write(directory.path().join(format!("{file}.txt")), text).unwrap();
    }
    directory
}

/// Sees that a result is what a plain count gives.
fn assert_exact(json: &Value, library: &Path) {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for file in fs::read_dir(library).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let words = text.split(|letter: char| !letter.is_ascii_alphabetic());
        for word in words.filter(|word| !word.is_empty()) {
            *counts.entry(word.to_ascii_lowercase()).or_default() += 1;
        }
    }
    assert_eq!(json["words"], counts.values().sum::<u64>());
    assert_eq!(json["distinct"], counts.len());
    let mut top: Vec<(String, u64)> = counts.into_iter().collect();
    top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    top.truncate(MAX_TOP);
    assert_eq!(json["top"], serde_json::to_value(top).unwrap());
}

#[test]
fn it_is_exact_with_its_own_crew() {
    let library = library();
    let output = Command::new(PROGRAM)
        .args([
            "--workers",
            "3",
            "--partitions",
            "11",
            "--json",
            "--top",
            "1000",
        ])
        .arg(library.path())
        .output()
        .unwrap();
    let json = json(output);
    assert_exact(&json, library.path());
    assert_eq!(json["mapped_again"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_is_exact_when_a_worker_that_has_mapped_is_killed() {
    let library = library();
    let names = farcall::names::Server::bind("localhost:0", "memory").await;
    let names = names.unwrap();
    let address = &names.address().to_string();
    let worker = |name: &str| Running::start(&["--ns", address, "--serve", name]);
    let mut first = worker("wordcount-mapreduce.1");
    let _second = worker("wordcount-mapreduce.2");
    let remote = Remote::connect(&first.uri, WorkerProxy::descriptor()).await;
    let proxy = WorkerProxy::over(remote.unwrap());
    let client = Command::new(PROGRAM)
        .args(["--ns", address, "--json", "--top", "1000"])
        .arg(library.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Of some chunks, each with a block for each of four partitions: the caller was told of the first ones by then.
    while proxy.holdings().await.unwrap().blocks < 4 * 6 {}
    first.child.kill().unwrap();
    let json = json(client.wait_with_output().unwrap());
    assert_exact(&json, library.path());
    assert!(json["mapped_again"].as_u64() > Some(0), "{json}");
}

#[test]
fn bad_input_gets_one_line_that_names_it() {
    let cases: [(&[&str], &str); 2] = [
        (
            &["/missing/path"],
            "/missing/path: no such file or directory",
        ),
        (
            &["--workers=1", "--partitions=9999", "/dev/null"],
            "9999 partitions",
        ),
    ];
    for (arguments, part) in cases {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        let last = complaint.lines().last().unwrap_or_default();
        assert!(last.contains(part), "{complaint}");
    }
}
