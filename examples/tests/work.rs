//! The distributed-computing examples and the ring, each with a worker that is killed while it works; and
//! resource-tracking, with a client that is.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use farcall::names::Server;
use tokio::runtime::Runtime;

const FIRST: &str = env!("CARGO_BIN_EXE_distributed-computing");
const SECOND: &str = env!("CARGO_BIN_EXE_distributed-computing2");
const THIRD: &str = env!("CARGO_BIN_EXE_distributed-computing3");
const RING: &str = env!("CARGO_BIN_EXE_ring");
const RESOURCES: &str = env!("CARGO_BIN_EXE_resource-tracking");

/// Longer than any line takes to come.
const SOON: Duration = Duration::from_secs(60);

/// A program that runs until the test kills or drops it, and the lines it writes.
struct Running {
    child: Child,
    lines: Receiver<String>,
    _readers: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(program: &str, names: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .env("FARCALL_NS", names)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (write, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        let readers = outputs.map(|output| {
            let write = write.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = write.send(line);
                }
            })
        });
        Self {
            child,
            lines,
            _readers: readers.into(),
        }
    }

    /// The next line that has `part` in it.
    #[track_caller]
    fn says(&self, part: &str) -> String {
        self.until(part).pop().unwrap()
    }

    /// The lines up to one that has `part` in it.
    #[track_caller]
    fn until(&self, part: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(SOON) {
                Ok(line) => lines.push(line),
                Err(_) => panic!("it did not say {part:?}, but {lines:?}"),
            }
            if lines.last().is_some_and(|line| line.contains(part)) {
                return lines;
            }
        }
    }

    /// SIGKILL, and what it had said by then.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A name service in this process, and its address.
fn names() -> (Runtime, String) {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::bind("127.0.0.1:0", "memory"));
    let server = server.unwrap();
    let address = server.address().to_string();
    let running = server.run_until(std::future::pending());
    std::mem::drop(runtime.handle().spawn(running));
    (runtime, address)
}

fn client(program: &str, names: &str, arguments: &[&str]) -> Child {
    Command::new(program)
        .args(arguments)
        .env("FARCALL_NS", names)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// SIGKILLs a worker while the client still waits for results.
fn kill_in_the_middle(victim: Running, client: &mut Child) {
    victim.kill();
    assert!(
        client.try_wait().unwrap().is_none(),
        "it was through before"
    );
}

fn text(client: Child) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = client.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{stderr}");
    String::from_utf8(stdout).unwrap()
}

#[test]
fn distributed_computing_survives_the_death_of_a_worker_with_a_number() {
    let (_names, ns) = names();
    let dispatcher = Running::start(FIRST, &ns, &["dispatcher"]);
    dispatcher.says("Ready.");
    let worker = |name| Running::start(FIRST, &ns, &["worker", "--name", name, "--at-a-time", "2"]);
    let (victim, mut heir) = (worker("victim"), worker("heir"));
    let clients = ["1", "2"].map(|seed| {
        let items = ["client", "--items", "20", "--seed", seed];
        client(FIRST, &ns, &items)
    });
    victim.says("victim: ");
    let [mut one, other] = clients;
    kill_in_the_middle(victim, &mut one);
    let mut texts = BTreeSet::new();
    for client in [one, other] {
        let text = text(client);
        let numbers: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.split(" = ").next())
            .collect();
        assert_eq!(
            numbers.len(),
            21,
            "20 different numbers and a last line: {text}"
        );
        assert!(text.contains("(from heir)"), "{text}");
        texts.insert(text);
    }
    assert_eq!(texts.len(), 2, "each client has its own results");
    assert!(!heir.has_ended());
}

#[test]
fn distributed_computing2_survives_the_death_of_a_counter_with_lines() {
    let (_names, ns) = names();
    let counter = |number| Running::start(SECOND, &ns, &["counter", number, "--pause", "20"]);
    let (heir, victim) = (counter("1"), counter("2"));
    heir.says("Ready.");
    victim.says("Ready.");
    let dispatcher = Running::start(SECOND, &ns, &["dispatcher"]);
    dispatcher.says("Ready.");
    let directory = tempfile::tempdir().unwrap();
    let book = directory.path().join("book");
    let lines: String = (0..4_000)
        .map(|n| format!("word{} lines\n", "x".repeat(n % 7)))
        .collect();
    std::fs::write(&book, lines).unwrap();
    let mut client = client(SECOND, &ns, &["client", book.to_str().unwrap()]);
    victim.says("200 lines");
    kill_in_the_middle(victim, &mut client);
    let text = text(client);
    assert!(
        text.contains("  lines (4000)\n") && text.contains("\n8000 words in "),
        "{text}"
    );
}

#[test]
fn distributed_computing3_survives_the_death_of_a_worker_with_a_number() {
    let (_names, ns) = names();
    let worker = |name| Running::start(THIRD, &ns, &["worker", "--name", name]);
    let (victim, heir) = (worker("victim"), worker("heir"));
    victim.says("Ready.");
    heir.says("Ready.");
    let mut client = client(THIRD, &ns, &["client", "--items", "30"]);
    victim.says("victim: ");
    kill_in_the_middle(victim, &mut client);
    let text = text(client);
    assert_eq!(text.matches(" factorized ").count(), 30, "{text}");
    assert!(text.contains("30 numbers by "), "{text}");
}

#[test]
fn the_ring_closes_over_a_node_that_dies_and_its_token_is_neither_lost_nor_doubled() {
    const HOPS: u64 = 24;
    let (_names, ns) = names();
    let hops = HOPS.to_string();
    let node = |number: u32, hold: &str, more: &[&str]| {
        let name = format!("ring.{number}");
        let always = ["--name", &name, "--hops", &hops, "--hold", hold];
        let node = Running::start(RING, &ns, &[&always[..], more].concat());
        node.says("Ready.");
        node
    };
    let (second, fourth) = (node(2, "10", &[]), node(4, "10", &[]));
    // It would hold the token for a minute.
    let third = node(3, "60000", &[]);
    let first = node(1, "10", &["--begin"]);
    assert_eq!(third.says("hop"), "ring.3: hop 3");
    let more = third.kill();
    assert!(more.is_empty(), "{more:?}");
    // The hops 1, 2, 3 once more, 4 and so on are at the nodes 1, 2, 4, 1 and so on.
    let mut lines = fourth.until("the end after hop 24, renewed 1 times");
    lines.extend([first, second, fourth].into_iter().flat_map(Running::kill));
    let mut hops: Vec<u64> = lines.iter().filter_map(|line| hop_of(line)).collect();
    hops.sort_unstable();
    let expected: Vec<u64> = (1..=HOPS).collect();
    assert_eq!(hops, expected, "each hop once");
}

/// The hop that a node tells, as in `ring.2: hop 7, renewed 1 times`.
fn hop_of(line: &str) -> Option<u64> {
    let told = line.split_once(": hop ")?.1;
    told.split(',').next()?.parse().ok()
}

#[test]
fn licences_of_a_client_that_is_killed_are_lent_to_others() {
    let (_runtime, names) = names();
    let server = Running::start(RESOURCES, &names, &["server", "--licences", "2"]);
    server.says("Ready");
    let victim = Running::start(RESOURCES, &names, &["client", "--take", "2"]);
    assert_eq!(victim.says("Holding"), "Holding licences [1, 2]; 0 left");
    let late = client(RESOURCES, &names, &["client"]);
    let late = late.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&late.stderr).into_owned();
    assert!(complaint.contains("all 2 licences are lent"), "{complaint}");
    assert_eq!(late.status.code(), Some(1));

    victim.kill();
    server.says(": back from");
    server.says(": back from");
    let heir = Running::start(RESOURCES, &names, &["client", "--take", "2", "--give-back"]);
    assert_eq!(heir.says("Holding"), "Holding licences [2]; 1 left");
    server.says("licence 1: back from");
    drop(heir);
    server.says("licence 2: back from");
}
