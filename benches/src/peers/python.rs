//! The Python peers: either end starts a Python program, which speaks with it in lines of JSON until its input closes.

mod map;

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::{Caller, Calls, Load};
use crate::Arguments;
use crate::measure::What;

pub(crate) use map::Mapping;

pub(crate) const PYRO5: Script = Script(concat!(
    include_str!("python/common.py"),
    include_str!("python/pyro5.py")
));
pub(crate) const GRPCIO: Script = Script(concat!(
    include_str!("python/common.py"),
    include_str!("python/grpcio.py")
));
/// Pyro5's own clients with their defaults, which call whoever serves them.
const CLIENTS: Script = Script(concat!(
    include_str!("python/common.py"),
    include_str!("python/clients.py")
));
/// A daemon of Pyro5's with its defaults.
const HOST: Script = Script(concat!(
    include_str!("python/common.py"),
    include_str!("python/host.py")
));
pub(crate) const POOL: Script = Script(concat!(
    include_str!("python/common.py"),
    include_str!("python/pool.py")
));

/// The scenarios that a Python program can take part in: it is told when to start and when to stop, no more.
const SCENARIOS: [&str; 4] = ["A", "B64", "B256", "D64K"];

/// How often to look whether it is enough.
const LOOK: Duration = Duration::from_millis(5);

/// The program of a peer, for both ends.
#[derive(Clone, Copy)]
pub(crate) struct Script(&'static str);

pub(crate) async fn serve(script: Script) -> anyhow::Result<()> {
    suits()?;
    serve_with(script, "").await
}

/// A daemon of Pyro5's, for the scenarios of Python's clients; `kind` is the type of its server.
pub(crate) async fn serve_host(kind: &str) -> anyhow::Result<()> {
    serve_with(HOST, kind).await
}

async fn serve_with(script: Script, detail: &str) -> anyhow::Result<()> {
    let mut program = Program::start(script, "server", detail)?;
    let address: String = program.word().await?;
    super::ready(&address).await
}

pub(crate) async fn connect(script: Script, address: &str) -> anyhow::Result<Python> {
    suits()?;
    Python::start(script, address).await
}

/// What Pyro5's own clients do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients<'a> {
    /// By its name in the script.
    pub(crate) what: &'a str,
    pub(crate) serializer: &'a str,
    pub(crate) count: usize,
}

/// Clients of Pyro5's, in one process, each with a thread and a connection of its own.
pub(crate) async fn clients(clients: Clients<'_>, address: &str) -> anyhow::Result<Python> {
    let Clients {
        what,
        serializer,
        count,
    } = clients;
    Python::start(CLIENTS, &format!("{what} {serializer} {count} {address}")).await
}

fn suits() -> anyhow::Result<()> {
    let scenario = Arguments::parse().scenarios[0].name;
    let suits = SCENARIOS.contains(&scenario);
    anyhow::ensure!(suits, "its calls are in {} only", SCENARIOS.join(", "));
    Ok(())
}

/// A client program.
#[derive(Clone)]
pub(crate) struct Python {
    program: Arc<Mutex<Program>>,
    refused: Arc<AtomicU64>,
}

impl Python {
    async fn start(script: Script, detail: &str) -> anyhow::Result<Self> {
        let mut program = Program::start(script, "client", detail)?;
        let () = program.word().await?;
        Ok(Self {
            program: Arc::new(Mutex::new(program)),
            refused: Arc::default(),
        })
    }

    /// How many of its clients were not let in.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// What it did.
#[derive(Deserialize)]
struct Done {
    count: u64,
    /// How long each call took, where one was in flight.
    nanos: Vec<u64>,
    refused: u64,
}

impl Caller for Python {
    fn call_all<'a>(&'a self, what: What, load: Load<'a>) -> Calls<'a> {
        let bytes = match what {
            What::Process => 0,
            What::Echo(bytes) => bytes,
        };
        Box::pin(async move {
            let mut program = self.program.lock().await;
            let calls = json!({ "bytes": bytes, "window": load.window });
            program.tell(&calls.to_string()).await;
            while !(load.stop)() {
                tokio::time::sleep(LOOK).await;
            }
            program.tell("enough").await;
            let done: Done = program.word().await?;
            self.refused.store(done.refused, Ordering::Relaxed);
            done.nanos.into_iter().for_each(load.latency);
            Ok(done.count)
        })
    }
}

/// A Python program that runs. It ends when its input closes, so when this is dropped.
struct Program {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Program {
    /// Both words are what the script takes as its arguments.
    fn start(script: Script, role: &str, detail: &str) -> anyhow::Result<Self> {
        let mut child = Command::new("python3")
            .args(["-c", script.0, role, detail])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start python3")?;
        Ok(Self {
            input: child.stdin.take().context("no input to write")?,
            output: BufReader::new(child.stdout.take().context("no output to read")?).lines(),
            _child: child,
        })
    }

    async fn tell(&mut self, line: &str) {
        // When it has ended, its last word says why.
        let _ = self.input.write_all(format!("{line}\n").as_bytes()).await;
    }

    /// What it says next.
    async fn word<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let line = self.output.next_line().await?;
        let line = line.context("python3 ended without a word")?;
        let word: Result<T, String> =
            serde_json::from_str(&line).with_context(|| format!("python3 says '{line}'"))?;
        word.map_err(anyhow::Error::msg)
    }
}
