//! `nsc watch`.

use std::io::{BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

use super::house::{House, Ran};

/// `nsc watch` while it runs.
struct Watch {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Watch {
    fn start(house: &House, arguments: &[&str]) -> Self {
        let mut command = house.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    #[track_caller]
    fn prints(&mut self, expected: &str) {
        assert_eq!(next_line(&mut self.stdout), expected);
    }

    #[track_caller]
    fn notes(&mut self, part: &str) {
        let line = next_line(&mut self.stderr);
        assert!(line.contains(part), "'{part}' is not in {line}");
    }

    #[track_caller]
    fn ends_on_ctrl_c(mut self) {
        let kill = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Over already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_line(from: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn a_watch_prints_what_is_there_and_then_what_changes() {
    let house = House::new();
    house.nsc(&["register", "w.1", "far:a@h:1"]).succeeds();
    house.nsc(&["register", "other", "far:a@h:1"]).succeeds();
    let mut watch = Watch::start(&house, &["watch", "w."]);
    watch.prints("+ w.1 far:a@h:1");
    house.nsc(&["register", "w.2", "far:b@h:1"]).succeeds();
    watch.prints("+ w.2 far:b@h:1");
    house.nsc(&["remove", "other"]).succeeds();
    house.nsc(&["remove", "w.1"]).succeeds();
    watch.prints("- w.1");
    house
        .nsc(&["register", "w.2", "far:c@h:1", "--replace"])
        .succeeds();
    watch.prints("- w.2");
    watch.prints("+ w.2 far:c@h:1");
    watch.ends_on_ctrl_c();
}

#[test]
fn a_watch_as_json_has_all_of_a_registration() {
    let house = House::new();
    let mut watch = Watch::start(&house, &["--json", "watch", "w.?"]);
    let epoch: u64 = house
        .nsc(&["register", "w.1", "far:a@h:1", "--meta", "x"])
        .succeeds()
        .trim_end()
        .parse()
        .unwrap();
    house.nsc(&["remove", "w.1"]).succeeds();
    let mut next = || serde_json::from_str::<Json>(&next_line(&mut watch.stdout)).unwrap();
    let put = json!({
        "change": "put", "name": "w.1", "uri": "far:a@h:1", "metadata": ["x"], "epoch": epoch, "lease": null
    });
    assert_eq!(next(), put);
    assert_eq!(
        next(),
        json!({"change": "gone", "name": "w.1", "epoch": epoch})
    );
    watch.ends_on_ctrl_c();
}

#[test]
fn a_watch_survives_a_restart_of_the_name_service() {
    let mut house = House::new();
    house.nsc(&["register", "w.1", "far:a@h:1"]).succeeds();
    let mut watch = Watch::start(&house, &["watch"]);
    watch.prints("+ w.1 far:a@h:1");
    house.end_names();
    watch.notes("waiting for the name service");
    house.start_names();
    watch.notes("is back");
    watch.prints("- w.1");
    house.nsc(&["register", "w.2", "far:a@h:1"]).succeeds();
    watch.prints("+ w.2 far:a@h:1");
    watch.ends_on_ctrl_c();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let house = House::new();
    let mut command = house.command(&["watch"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    house.nsc(&["register", "w.1", "far:a@h:1"]).succeeds();
    let ran = Ran::of(&"watch", child.wait_with_output().unwrap());
    ran.prints("");
}
