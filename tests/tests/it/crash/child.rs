//! A daemon or a name service in a process of its own: this test program, run again in another role.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use farcall::names::Server;
use farcall::{Address, Daemon, Limits, Publication, Uri};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child as Process, ChildStdin, Command};

use crate::harness::{Clerk, Desk, LOOPBACK, Mill, Miller, soon};
use crate::hostile::{Open, Probe};
use crate::two_way::{Centre, Hub};

const ROLE: &str = "FARCALL_TEST_ROLE";
const READY: &str = "READY ";

/// A process that this one started. It is killed when dropped, and ends by itself when this process does.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    /// Its end ends the child.
    _lifeline: ChildStdin,
    pub(crate) uri: String,
}

impl Child {
    /// Starts a role, `NAME KEY=VALUE …`, and waits until it is ready:
    ///
    /// * `worker [ns=H:P name=NAME [group=yes]] [gate=open] [stall_ms=N]`: hosts a [`Desk`], a [`Probe`] and a [`Hub`];
    /// * `mill`: hosts a [`Mill`], its gates open;
    /// * `ns [at=H:P] store=STORE`.
    pub(crate) async fn start(role: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut process = Command::new(program)
            .args([
                "crash::child::acts_a_role",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let uri = soon(async {
            loop {
                let line = lines
                    .next_line()
                    .await
                    .unwrap()
                    .expect("the child ended before it was ready");
                if let Some((_, uri)) = line.split_once(READY) {
                    return uri.to_owned();
                }
            }
        });
        let uri = uri.await;
        Self {
            _lifeline: process.stdin.take().unwrap(),
            process,
            uri,
        }
    }

    pub(crate) fn address(&self) -> Address {
        match self.uri.parse() {
            Ok(Uri::Object(uri)) => uri.address,
            other => panic!("{other:?}"),
        }
    }

    fn id(&self) -> u32 {
        self.process.id().expect("it was not awaited yet")
    }

    /// SIGKILL, and its end.
    pub(crate) async fn kill(mut self) {
        soon(self.process.kill()).await.unwrap();
    }

    /// Sends a signal, as `TERM`.
    pub(crate) async fn signal(&self, signal: &str) {
        let command = format!("kill -{signal} {}", self.id());
        let sent = soon(Command::new("sh").args(["-c", &command]).status())
            .await
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(Duration::from_secs(35), self.process.wait())
            .await
            .expect("it ends by itself")
            .unwrap()
    }

    /// The most memory it ever used, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The most memory it ever reserved, in bytes.
    pub(crate) fn peak_reserved(&self) -> u64 {
        self.status("VmPeak:")
    }

    fn status(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes << 10
    }
}

/// Nothing by itself: the other tests run it in processes of their own, with a role.
#[test]
fn acts_a_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // A parent that is killed closes the pipe.
    runtime.spawn(async {
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        std::process::exit(9);
    });
    std::panic::set_hook(Box::new(|info| {
        // Only the clerk may panic, and only where it is asked to.
        if !info
            .location()
            .is_some_and(|place| place.file().contains("harness"))
        {
            eprintln!("{info}");
            std::process::abort();
        }
    }));
    let (name, settings) = role.split_once(' ').unwrap_or((&role, ""));
    match name {
        "worker" => runtime.block_on(work(&Settings(settings))),
        "mill" => runtime.block_on(mill()),
        "ns" => runtime.block_on(name_names(&Settings(settings))),
        _ => panic!("no role is called {name}"),
    }
    std::process::exit(0);
}

struct Settings<'a>(&'a str);

impl<'a> Settings<'a> {
    fn of(&self, key: &str) -> Option<&'a str> {
        self.0
            .split(' ')
            .filter_map(|pair| pair.split_once('='))
            .find(|(k, _)| *k == key)
            .map(|(_, value)| value)
    }
}

async fn work(settings: &Settings<'_>) {
    let mut builder = Daemon::builder();
    if let Some(names) = settings.of("ns") {
        builder = builder.names(names);
    }
    if let Some(stall) = settings.of("stall_ms") {
        builder = builder.limits(Limits {
            stall: Duration::from_millis(stall.parse().unwrap()),
            ..Limits::default()
        });
    }
    let daemon = builder.bind(LOOPBACK).await.unwrap();
    let clerk = Clerk::new();
    if settings.of("gate") == Some("open") {
        clerk.gate.open_for_good();
    }
    daemon.register("probe", Open.serve()).unwrap();
    daemon.register("hub", Centre::new().serve()).unwrap();
    let uri = match settings.of("name") {
        None => daemon.register("desk", clerk.serve()).unwrap(),
        Some(name) => {
            let how = if settings.of("group").is_some() {
                Publication::group()
            } else {
                Publication::default()
            };
            daemon.publish_as(name, clerk.serve(), how).await.unwrap()
        }
    };
    println!("{READY}{uri}");
    daemon.run_until_ctrl_c().await.unwrap();
}

async fn mill() {
    let daemon = Daemon::bind(LOOPBACK).await.unwrap();
    let miller = Miller::new();
    miller.open_for_good();
    let uri = daemon.register("mill", miller.serve()).unwrap();
    println!("{READY}{uri}");
    daemon.run_until_ctrl_c().await.unwrap();
}

async fn name_names(settings: &Settings<'_>) {
    let at = settings.of("at").unwrap_or(LOOPBACK);
    let server = Server::bind(at, settings.of("store").unwrap())
        .await
        .unwrap();
    println!("{READY}{}", server.uri());
    server.run_until_ctrl_c().await.unwrap();
}
