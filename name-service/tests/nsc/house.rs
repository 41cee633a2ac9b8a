//! What a test needs: a name service, a daemon with objects, and `nsc` run against them.

use std::fmt::Debug;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use farcall_names::Server;
use farcall_server::Daemon;
use farcall_shared::object::{DynamicObject as _, Servant};
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::objects::{Parrot, Robot};

/// A name service, and a daemon with a robot and a parrot.
pub(super) struct House {
    pub(super) runtime: Runtime,
    pub(super) ns: String,
    /// Ends the name service when dropped, and awaits its end.
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    pub(super) daemon: Daemon,
    /// How often the robot was called.
    pub(super) calls: Arc<AtomicUsize>,
}

impl House {
    pub(super) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let calls = Arc::default();
        let daemon = runtime.block_on(async {
            let daemon = Daemon::bind("localhost:0").await.unwrap();
            daemon
                .register("robot", Servant::of(Robot::new(&calls)))
                .unwrap();
            daemon.register("parrot", Parrot.serve()).unwrap();
            daemon
        });
        let mut house = Self {
            runtime,
            ns: "localhost:0".into(),
            running: None,
            daemon,
            calls,
        };
        house.start_names();
        house
    }

    /// With the names `robot` and `parrot`.
    pub(super) fn furnished() -> Self {
        let house = Self::new();
        for name in ["robot", "parrot"] {
            house.nsc(&["register", name, &house.uri(name)]).succeeds();
        }
        house
    }

    pub(super) fn start_names(&mut self) {
        let server = self
            .runtime
            .block_on(Server::bind(&self.ns, "memory"))
            .unwrap();
        self.ns = server.address().to_string();
        let (end, ended) = oneshot::channel();
        let server = self.runtime.spawn(server.run_until(async {
            let _ = ended.await;
        }));
        self.running = Some((end, server));
    }

    pub(super) fn end_names(&mut self) {
        if let Some((end, server)) = self.running.take() {
            drop(end);
            self.runtime.block_on(server).unwrap();
        }
    }

    pub(super) fn uri(&self, object: &str) -> String {
        format!("far:{object}@{}", self.daemon.address())
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nsc"));
        command
            .env("FARCALL_NS", &self.ns)
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub(super) fn nsc(&self, arguments: &[&str]) -> Ran {
        Ran::of(&arguments, self.command(arguments).output().unwrap())
    }
}

/// How a run ended.
pub(super) struct Ran {
    arguments: String,
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    pub(super) fn of(arguments: &impl Debug, output: Output) -> Self {
        Self {
            arguments: format!("{arguments:?}").chars().take(300).collect(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(super) fn succeeds(self) -> String {
        assert_eq!(
            (self.code, self.stderr.as_str()),
            (Some(0), ""),
            "{}",
            self.arguments
        );
        self.stdout
    }

    #[track_caller]
    pub(super) fn prints(self, expected: &str) {
        let arguments = self.arguments.clone();
        assert_eq!(self.succeeds(), expected, "{arguments}");
    }

    #[track_caller]
    pub(super) fn prints_json(self, expected: &Json) {
        let arguments = self.arguments.clone();
        let stdout = self.succeeds();
        assert_eq!(stdout.lines().count(), 1, "{arguments}: {stdout}");
        assert_eq!(
            &serde_json::from_str::<Json>(&stdout).unwrap(),
            expected,
            "{arguments}"
        );
    }

    #[track_caller]
    pub(super) fn fails_with(self, code: i32, culprits: &[&str]) {
        let Self {
            arguments,
            stdout,
            stderr,
            ..
        } = self;
        assert_eq!(
            (self.code, stdout.as_str()),
            (Some(code), ""),
            "{arguments}: {stderr}"
        );
        let one_line = stderr.starts_with("nsc: ") && stderr.find('\n') == Some(stderr.len() - 1);
        assert!(one_line && stderr.len() < 700, "{arguments}: {stderr}");
        for culprit in culprits {
            assert!(
                stderr.contains(culprit),
                "{arguments}: '{culprit}' is not in {stderr}"
            );
        }
    }

    #[track_caller]
    pub(super) fn fails(self, culprits: &[&str]) {
        self.fails_with(1, culprits);
    }
}
