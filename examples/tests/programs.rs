//! The example programs, driven as a user drives them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use farcall_examples::words::{RANGE_BYTES, Summary, Tally, count, plan};
use serde_json::Value;
use tokio::runtime::Runtime;

const WORDCOUNT: &str = env!("CARGO_BIN_EXE_wordcount");
const MANDELBROT: &str = env!("CARGO_BIN_EXE_mandelbrot");
const SQUARES_SERVER: &str = env!("CARGO_BIN_EXE_squares-server");
const BLOCKING_CLIENT: &str = env!("CARGO_BIN_EXE_blocking-client");
const SQUARES_CLIENT: &str = env!("CARGO_BIN_EXE_squares-client");

/// A program that runs until the test drops it.
struct Running {
    child: Child,
    /// What follows the marker in its first line.
    ready: String,
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready = line
            .trim_end()
            .rsplit_once(" = ")
            .unwrap_or_else(|| panic!("{program} said {line:?}"))
            .1
            .to_owned();
        Self {
            child,
            ready,
            _stdout: stdout,
        }
    }
}

/// A name service that runs until the test drops it.
struct Names {
    address: String,
    _server: farcall::names::Server,
    _runtime: Runtime,
}

impl Names {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let binding = farcall::names::Server::bind("localhost:0", "memory");
        let server = runtime.block_on(binding).unwrap();
        Self {
            address: server.address().to_string(),
            _server: server,
            _runtime: runtime,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Output {
    Command::new(program)
        .args(arguments)
        .env_remove("FARCALL_NS")
        .output()
        .unwrap()
}

fn stdout(output: Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Several megabytes of words in a few files.
fn library() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in 0..6 {
        let text: String = (0..150_000 * file)
            .map(|n| format!("{:x} ", n % (1000 + file)))
            .collect();
        fs::write(directory.path().join(format!("{file}.txt")), text).unwrap();
    }
    directory
}

/// The counts without any other process.
fn counted_here(path: &Path) -> Summary {
    let plan = plan(&[path.to_owned()], RANGE_BYTES).unwrap();
    let mut tally = Tally::new(&plan);
    for (position, job) in plan.jobs.iter().enumerate() {
        tally.add(position, count(&job.chunks));
    }
    tally.finish()
}

fn assert_exact(json: &str, expected: &Summary) {
    let json: Value = serde_json::from_str(json).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "bytes", "distinct", "files", "seconds", "top", "words", "workers"
        ]
    );
    assert_eq!(json["words"], expected.words);
    assert_eq!(json["distinct"], expected.distinct);
    assert_eq!(json["files"], expected.files);
    assert_eq!(json["bytes"], expected.bytes);
    assert_eq!(json["top"], serde_json::to_value(&expected.counts).unwrap());
}

#[test]
fn wordcount_with_its_own_crew_is_exact() {
    let library = library();
    let path = library.path().to_str().unwrap();
    let json = stdout(run(
        WORDCOUNT,
        &["--workers", "3", "--json", "--top", "1000000", path],
    ));
    assert_exact(&json, &counted_here(library.path()));
    let workers = &serde_json::from_str::<Value>(&json).unwrap()["workers"];
    assert!(
        workers
            .as_object()
            .unwrap()
            .keys()
            .all(|name| name.starts_with("wordcount.")),
        "{workers}"
    );
}

#[test]
fn wordcount_is_exact_when_a_worker_is_killed() {
    let library = library();
    let names = Names::start();
    let address = names.address.as_str();
    let mut first = Running::start(WORDCOUNT, &["--ns", address, "--serve", "wordcount.1"]);
    let _second = Running::start(WORDCOUNT, &["--ns", address, "--serve", "wordcount.2"]);
    let client = Command::new(WORDCOUNT)
        .args(["--ns", address, "--json", "--top", "1000000"])
        .arg(library.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    first.child.kill().unwrap();
    let json = stdout(client.wait_with_output().unwrap());
    assert_exact(&json, &counted_here(library.path()));
}

#[test]
fn what_cannot_be_counted_is_reported_and_the_rest_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("good"), "Good good").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("bad")).unwrap();
    let output = run(
        WORDCOUNT,
        &[OsStr::new("--workers=1"), directory.path().as_os_str()],
    );
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        complaint.contains("skipped") && complaint.contains("/bad: neither a file nor a directory"),
        "{complaint}"
    );
    let text = stdout(output);
    assert!(
        text.starts_with(
            "           2  good\n2 words, 1 of them different, in 1 files of 9 B; 1 skipped\n"
        ),
        "{text}"
    );
}

#[test]
fn mandelbrot_paints_the_same_picture_with_any_crew() {
    let directory = tempfile::tempdir().unwrap();
    let paint = |workers: &str| {
        let out = directory.path().join(workers);
        let size = [
            "--width",
            "300",
            "--height",
            "200",
            "--workers",
            workers,
            "--out",
        ];
        let output = run(
            MANDELBROT,
            &[&size.map(OsStr::new)[..], &[out.as_os_str()]].concat(),
        );
        assert!(stdout(output).contains(": 300 × 200 points\n"));
        fs::read(out).unwrap()
    };
    let picture = paint("1");
    assert!(picture.starts_with(b"\x89PNG"));
    assert!(picture == paint("3"));
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        2,
        "no drafts are left"
    );
}

#[test]
fn mandelbrot_paints_the_same_picture_when_a_worker_is_killed() {
    const SIZE: [&str; 6] = [
        "--width",
        "1200",
        "--height",
        "900",
        "--iterations",
        "100000",
    ];
    let directory = tempfile::tempdir().unwrap();
    let [whole, survived] = ["whole", "survived"].map(|name| directory.path().join(name));
    let names = Names::start();
    let address = names.address.as_str();
    let serve = |name| Running::start(MANDELBROT, &["--ns", address, "--serve", name]);
    let (mut first, _second) = (serve("mandelbrot.1"), serve("mandelbrot.2"));
    let mut client = Command::new(MANDELBROT)
        .args(["--ns", address])
        .args(SIZE)
        .arg("--out")
        .arg(&survived)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // By then it is in the middle of a band.
    let begun = Duration::from_millis(50);
    while processor_time(first.child.id()) < begun {
        assert!(client.try_wait().unwrap().is_none(), "it is over already");
    }
    first.child.kill().unwrap();
    stdout(client.wait_with_output().unwrap());
    let arguments: Vec<&OsStr> = SIZE.iter().map(OsStr::new).collect();
    let out = [OsStr::new("--out"), whole.as_os_str()];
    stdout(run(MANDELBROT, &[&arguments[..], &out].concat()));
    assert!(fs::read(whole).unwrap() == fs::read(survived).unwrap());
}

/// What a process used so far.
fn processor_time(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

#[test]
fn threads_without_async_code_share_a_proxy() {
    let names = Names::start();
    let address = names.address.as_str();
    let server = Running::start(SQUARES_SERVER, &["--ns", address, "--name", "worker.1"]);
    let call = |numbers: &[&str]| run(BLOCKING_CLIENT, &[&["--ns", address], numbers].concat());
    assert_eq!(
        stdout(call(&["--threads", "2", "12", "-3", "5"])),
        "12 squared is 144\n-3 squared is 9\n5 squared is 25\n"
    );
    drop(server);
    let refused = call(&["--deadline", "1", "12"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(
        text.starts_with("blocking-client: ") && text.contains("worker.1"),
        "{text}"
    );
}

#[test]
fn squares_are_shared_by_all_servers() {
    let names = Names::start();
    let address = names.address.as_str();
    let servers = ["worker.1", "worker.2"]
        .map(|name| Running::start(SQUARES_SERVER, &["--ns", address, "--name", name]));
    assert!(
        servers[0].ready.starts_with("far:worker.1@"),
        "{}",
        servers[0].ready
    );
    let text = stdout(run(SQUARES_CLIENT, &["--ns", address]));
    assert!(
        text.starts_with("The sum of 10000 squares is 333283335000.\n10,000 calls in "),
        "{text}"
    );
    assert!(
        text.contains("  worker.1  █") && text.contains("  worker.2  █"),
        "{text}"
    );
}

#[test]
fn bad_input_gets_one_line_that_names_it() {
    let names = Names::start();
    let address = names.address.as_str();
    let cases: [(&str, &[&str], i32, &str); 8] = [
        (
            WORDCOUNT,
            &["/missing/path"],
            1,
            "wordcount: /missing/path: no such file or directory",
        ),
        (WORDCOUNT, &["--ns", address, "/dev/null"], 1, "wordcount.*"),
        (
            WORDCOUNT,
            &["--ns", address, "--serve", "other.1"],
            1,
            "'other.1'",
        ),
        (WORDCOUNT, &[], 2, "<PATH>"),
        (WORDCOUNT, &["--workers", "0", "."], 2, "'--workers <N>'"),
        (WORDCOUNT, &["--ns", "nowhere", "."], 2, "'nowhere'"),
        (
            MANDELBROT,
            &["--out", "/missing/out.png"],
            1,
            "mandelbrot: cannot write /missing/out.png: ",
        ),
        (
            SQUARES_CLIENT,
            &["--ns", address, "--name", "nobody.*"],
            1,
            "nobody.*",
        ),
    ];
    for (program, arguments, code, part) in cases {
        let output = run(program, arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {complaint}"
        );
        assert!(complaint.contains(part), "{arguments:?}: {complaint}");
        assert!(
            code == 2 || complaint.lines().count() == 1,
            "{arguments:?}: {complaint}"
        );
        assert!(output.stdout.is_empty());
    }
}
