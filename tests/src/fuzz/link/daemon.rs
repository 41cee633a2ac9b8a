//! A daemon that gets forged frames, and a neighbour whose calls it answers meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use farcall::parts::wire::frame;
use farcall::parts::wire::handshake::Side;
use farcall::{Arguments, Daemon, DynamicObject, Limits, Value};
use fastrand::Rng;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::PartReport;
use super::peer::{self, Came};
use super::{TOO_LONG, Victim};
use crate::forge;
use crate::target::{Dummy, Target as _, TargetProxy};

/// Small enough that forged frames meet each of them.
fn limits() -> Limits {
    Limits {
        max_message_bytes: 64 << 10,
        max_calls_in_flight: 200,
        max_bindings: 20,
        max_unsent_bytes: 256 << 10,
        ..Limits::default()
    }
}

/// Answers every method with its arguments.
struct Open;

impl DynamicObject for Open {
    async fn call(&self, _: String, arguments: Arguments) -> Result<Value, String> {
        Ok(Value::List(arguments.positional))
    }
}

/// The daemon that is attacked, and who sees whether it still answers.
pub(super) struct Attacked {
    daemon: Daemon,
    neighbour: Neighbour,
}

impl Attacked {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let daemon = Daemon::builder()
            .limits(limits())
            .compute_threads(1)
            .bind("127.0.0.1:0")
            .await?;
        daemon.register("open", Open.serve())?;
        let uri = daemon.register("target", Dummy.serve())?;
        let neighbour = Neighbour::start(&uri.to_string()).await?;
        Ok(Self { daemon, neighbour })
    }

    pub(super) async fn end(self, report: &mut PartReport) {
        self.neighbour.end("a daemon", report).await;
        self.daemon.shutdown().await;
    }
}

impl Victim for Attacked {
    async fn attack(&mut self, inputs: &[Vec<u8>], random: &mut Rng) -> Result<Came, String> {
        let io = |e: std::io::Error| format!("no connection: {e}");
        let address = self.daemon.address().to_string();
        let mut socket = peer::within(TcpStream::connect(address))
            .await?
            .map_err(io)?;
        socket.set_nodelay(true).map_err(io)?;
        let mut first = peer::greeting(Side::Dialled);
        for (handle, (object, codec)) in
            (0..).zip([("target", 1), ("target", 2), ("open", 3), ("Far.Daemon", 1)])
        {
            frame::put_bind(&mut first, &forge::bind_of(object, handle, codec));
        }
        socket.write_all(&first).await.map_err(io)?;
        let met = peer::meet(&mut socket, Side::Dialled).await?;
        met.ok_or("it closed in the handshake")?;
        let came = peer::assault(&mut socket, inputs, random, |_, _| {}).await?;
        self.neighbour.check()?;
        Ok(came)
    }
}

/// A client whose calls are sound, one after the other.
pub(super) struct Neighbour {
    calling: JoinSet<()>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    stop: AtomicBool,
    failed: AtomicBool,
    served: AtomicU64,
    slowest_micros: AtomicU64,
}

impl Neighbour {
    pub(super) async fn start(uri: &str) -> anyhow::Result<Self> {
        let proxy = TargetProxy::connect(uri).await?.with_deadline(TOO_LONG);
        let state = Arc::new(State::default());
        let mut calling = JoinSet::new();
        let shared = Arc::clone(&state);
        calling.spawn(async move {
            while !shared.stop.load(Ordering::Relaxed) {
                let number = shared.served.fetch_add(1, Ordering::Relaxed);
                let began = Instant::now();
                let text = format!("call {number}");
                let sound =
                    proxy.echo(text.clone()).await == Ok(text) && proxy.square(3).await == Ok(9);
                let micros = began.elapsed().as_micros() as u64;
                shared.slowest_micros.fetch_max(micros, Ordering::Relaxed);
                shared.failed.fetch_or(!sound, Ordering::Relaxed);
            }
        });
        Ok(Self { calling, state })
    }

    /// Sees that all its calls were answered, soundly and in time.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.state.failed.swap(false, Ordering::Relaxed) {
            return Err("a healthy connection's call failed meanwhile".into());
        }
        Ok(())
    }

    pub(super) async fn end(mut self, beside: &str, report: &mut PartReport) {
        self.state.stop.store(true, Ordering::Relaxed);
        let _ = tokio::time::timeout(TOO_LONG, self.calling.join_next()).await;
        if let Err(why) = self.check() {
            report.breaks(why, &[]);
        }
        let slowest = Duration::from_micros(self.state.slowest_micros.load(Ordering::Relaxed));
        let pairs = self.state.served.load(Ordering::Relaxed);
        report.notes.push(format!(
            "{pairs} pairs of calls of a healthy connection beside {beside} that is attacked, the slowest in {slowest:?}"
        ));
    }
}
