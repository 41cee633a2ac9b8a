//! The examples where both sides call and items flow: real processes, some of which are killed or stopped.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const CHAT: &str = env!("CARGO_BIN_EXE_chat");
const TICKER: &str = env!("CARGO_BIN_EXE_ticker");
const FILE_TRANSFER: &str = env!("CARGO_BIN_EXE_file-transfer");
const PLUGIN: &str = env!("CARGO_BIN_EXE_plugin");

/// Longer than any line takes to come.
const SOON: Duration = Duration::from_secs(60);

/// A program that runs until the test drops it, and the lines it writes.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child = piped(program, arguments);
        let (write, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let write = write.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = write.send(line);
                }
            });
        }
        Self { child, lines }
    }

    /// A server, and its URI.
    fn serve(program: &str, arguments: &[&str]) -> (Self, String) {
        let server = Self::start(program, arguments);
        let ready = server.says("Ready. Object uri = ");
        let (_, uri) = ready.rsplit_once(" = ").unwrap();
        (server, uri.to_owned())
    }

    /// The next line that has `part` in it.
    #[track_caller]
    fn says(&self, part: &str) -> String {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(SOON) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => lines.push(line),
                Err(_) => panic!("it did not say {part:?}, but {lines:?}"),
            }
        }
    }

    fn hears(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// Sends a signal by its name.
    fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; true if it was a good one.
    fn ends(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn piped(program: &str, arguments: &[&str]) -> Child {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a program prints, and that it ended well.
#[track_caller]
fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let Output { status, stderr, .. } = &output;
    let stderr = String::from_utf8_lossy(stderr);
    assert!(status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line that a program complains with.
#[track_caller]
fn complaint(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn a_chat_goes_on_when_some_leave_die_or_do_not_listen() {
    let (_room, uri) = Running::serve(CHAT, &["serve"]);
    let join = |name| {
        let guest = Running::start(CHAT, &["join", &uri, "--name", name]);
        guest.says(&format!("you are {name}"));
        guest
    };
    let (mut alice, mut bob) = (join("alice"), join("bob"));
    alice.says("* bob joined");
    alice.hears("hello");
    bob.says("alice: hello");
    bob.hears("ça va");
    alice.says("bob: ça va");
    let taken = complaint(CHAT, &["join", &uri, "--name", "bob"]);
    assert!(
        taken.contains("somebody here is called 'bob' already"),
        "{taken}"
    );
    let (mut carol, dave, mut erin) = (join("carol"), join("dave"), join("erin"));
    // A line arrives although somebody does not listen, who is then taken for gone.
    dave.signal("STOP");
    alice.hears("are you there");
    carol.says("alice: are you there");
    alice.says("* dave left");
    carol.child.kill().unwrap();
    alice.says("* carol left");
    drop(erin.child.stdin.take());
    assert!(erin.ends(), "the end of stdin is a good one");
    alice.says("* erin left");
    bob.says("* erin left");
    bob.hears("only us");
    alice.says("bob: only us");
}

#[test]
fn a_chat_ends_for_its_guests_when_the_room_is_gone() {
    let (room, uri) = Running::serve(CHAT, &["serve"]);
    let mut alice = Running::start(CHAT, &["join", &uri, "--name", "alice"]);
    alice.says("nobody else");
    drop(room);
    alice.says(&format!("chat: {uri} is gone"));
    assert!(!alice.ends());
}

#[test]
fn a_ticker_serves_others_while_a_watcher_does_not_read() {
    let (_ticker, uri) = Running::serve(TICKER, &["serve", "--pause", "1", "--seed", "7"]);
    // Two that do not read: one whose output nobody takes, one that is stopped.
    let mut stuck = piped(TICKER, &["watch", &uri]);
    let stopped = Running::start(TICKER, &["watch", &uri, "ACME"]);
    stopped.says("ACME ");
    stopped.signal("STOP");
    let quotes = printed(TICKER, &["watch", &uri, "ACME", "CRAB", "--count", "3000"]);
    let ticks: Vec<u64> = quotes
        .lines()
        .filter(|line| line.starts_with("ACME "))
        .map(|line| line.rsplit_once(" at ").unwrap().1.parse().unwrap())
        .collect();
    assert_eq!(ticks.len(), 1500);
    assert!(ticks.is_sorted());
    assert!(stuck.try_wait().unwrap().is_none());
    stuck.kill().unwrap();
    stuck.wait().unwrap();
    let unknown = complaint(TICKER, &["watch", &uri, "GOLD"]);
    assert!(
        unknown.contains("has no 'GOLD', but ACME, BOLT"),
        "{unknown}"
    );
}

#[test]
fn files_come_back_as_they_went_and_names_lead_nowhere_else() {
    let (there, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shelf = there.path().join("shelf");
    fs::create_dir_all(shelf.join("below")).unwrap();
    fs::write(there.path().join("secret"), "not for you").unwrap();
    std::os::unix::fs::symlink(there.path().join("secret"), shelf.join("link")).unwrap();
    let (_server, uri) = Running::serve(FILE_TRANSFER, &["serve", path(&shelf)]);

    let original: Vec<u8> = (0..5_000_001_u64).map(|n| (n * n % 251) as u8).collect();
    let [big, empty, copy] = ["big.bin", "empty", "copy"].map(|name| here.path().join(name));
    fs::write(&big, &original).unwrap();
    fs::write(&empty, "").unwrap();
    let put = printed(FILE_TRANSFER, &["put", &uri, path(&big)]);
    assert!(put.contains("5000001 bytes, checksum "), "{put}");
    printed(FILE_TRANSFER, &["put", &uri, path(&empty)]);
    assert_eq!(
        printed(FILE_TRANSFER, &["list", &uri]),
        "    4.77 MiB  big.bin\n         0 B  empty\n"
    );
    for (name, content) in [("big.bin", &original[..]), ("empty", b"")] {
        printed(FILE_TRANSFER, &["get", &uri, name, "--to", path(&copy)]);
        assert!(fs::read(&copy).unwrap() == content);
    }

    for (name, part) in [
        ("../secret", "write it without a directory"),
        ("..", "begins with a dot"),
        ("link", "'link' is no regular file"),
        ("below", "'below' is no regular file"),
        ("missing", "No such file"),
    ] {
        let to = here.path().join("refused");
        let refused = complaint(FILE_TRANSFER, &["get", &uri, name, "--to", path(&to)]);
        assert!(refused.contains(part), "{refused}");
        assert!(!to.exists());
    }
    assert_eq!(
        fs::read_dir(here.path()).unwrap().count(),
        3,
        "no drafts are left"
    );
}

#[test]
fn a_file_whose_sender_dies_does_not_appear() {
    let (shelf, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut server, uri) = Running::serve(FILE_TRANSFER, &["serve", path(shelf.path())]);
    let huge = here.path().join("huge");
    // A hole: it takes no room here.
    fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    let mut putting = Running::start(FILE_TRANSFER, &["put", &uri, path(&huge)]);
    let there = || fs::read_dir(shelf.path()).unwrap().count();
    while there() == 0 {
        assert!(putting.child.try_wait().unwrap().is_none(), "it is over");
    }
    putting.child.kill().unwrap();
    assert_eq!(printed(FILE_TRANSFER, &["list", &uri]), "");
    // It ends once what it does has ended.
    server.signal("TERM");
    assert!(server.ends());
    assert_eq!(there(), 0, "no drafts are left");
}

#[test]
fn a_host_uses_a_plugin_for_as_long_as_its_client_is_there() {
    let (mut host, uri) = Running::serve(PLUGIN, &["host"]);
    let mut pass = |line: &str, passed: &str| {
        host.hears(line);
        host.says(passed)
    };
    assert_eq!(pass("plain", "plain"), "plain");
    let mut shout = Running::start(PLUGIN, &["offer", &uri, "shout", "--items", "2"]);
    shout.says("Plugged in");
    assert_eq!(pass("loud", "LOUD"), "LOUD");
    let mut reverse = Running::start(PLUGIN, &["offer", &uri, "reverse"]);
    reverse.says("Plugged in");
    assert_eq!(pass("abc", "CBA"), "CBA");
    shout.says("Back here, after 2 lines");
    assert!(shout.ends());
    assert_eq!(pass("abc", "cba"), "cba");
    reverse.child.kill().unwrap();
    reverse.ends();
    let dropped = pass("abc", "dropped the filter");
    assert!(dropped.contains("Reverse of process"), "{dropped}");
    assert_eq!(pass("last", "last"), "last");
    drop(host.child.stdin.take());
    assert!(host.ends());
}

#[track_caller]
fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
