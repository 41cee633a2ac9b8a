//! A client that gets forged frames from what it takes for a daemon: each of its calls ends, by its deadline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use farcall::parts::wire::attached::{self, Entry};
use farcall::parts::wire::batch;
use farcall::parts::wire::frame::{self, Bound, Frame, ReplyFrame, flag, flow};
use farcall::parts::wire::handshake::Side;
use farcall::{CallError, Daemon, Fleet, FleetError, Remote, Streaming};
use fastrand::Rng;
use futures_util::{StreamExt as _, stream};
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::PartReport;
use super::daemon::Neighbour;
use super::peer::{self, Came};
use super::{TOO_LONG, Victim};
use crate::forge;
use crate::target::{Dummy, Target as _, TargetProxy};

/// How many call at a time.
const CALLERS: u64 = 8;

/// What each call may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// The number of `square`.
const SQUARE: u16 = 0;

/// The number of `echo`.
const ECHO: u16 = 2;

/// The number of `count_to`.
const COUNT_TO: u16 = 12;

/// The number of `echoes`.
const ECHOES: u16 = 14;

/// How many items a fleet's job has: enough for its calls to come in batches.
const ITEMS: i64 = 12;

/// The client that is attacked, a sound daemon that it calls as well, and how its calls ended.
pub(super) struct Attacked {
    listener: TcpListener,
    callers: JoinSet<()>,
    endings: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    daemon: Daemon,
    neighbour: Neighbour,
}

impl Attacked {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let daemon = Daemon::bind("127.0.0.1:0").await?;
        let sound = daemon.register("target", Dummy.serve())?;
        let neighbour = Neighbour::start(&sound.to_string()).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let uri = format!("far:target@{}", listener.local_addr()?);
        let endings = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let remote = Remote::unconnected(&uri, TargetProxy::descriptor())?.with_deadline(DEADLINE);
        let fleet = Fleet::of([&uri])?.with_deadline(DEADLINE);
        let mut callers = JoinSet::new();
        let heard = Arc::clone(&endings);
        callers.spawn(async move {
            loop {
                let ending = map(&fleet).await;
                let mut endings = heard.lock().unwrap_or_else(PoisonError::into_inner);
                *endings.entry(ending).or_default() += 1;
            }
        });
        for number in 0..CALLERS {
            let (proxy, endings) = (TargetProxy::over(remote.clone()), Arc::clone(&endings));
            callers.spawn(async move {
                for round in 0.. {
                    let ending = call(&proxy, number, round).await;
                    let mut endings = endings.lock().unwrap_or_else(PoisonError::into_inner);
                    *endings.entry(ending).or_default() += 1;
                }
            });
        }
        Ok(Self {
            listener,
            callers,
            endings,
            daemon,
            neighbour,
        })
    }

    fn check(&self) -> Result<(), String> {
        let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        if endings.contains_key(HUNG) {
            return Err(format!(
                "a call did not end by its deadline of {DEADLINE:?}"
            ));
        }
        self.neighbour.check()
    }

    pub(super) async fn end(mut self, report: &mut PartReport) {
        self.callers.shutdown().await;
        if let Err(why) = self.check() {
            report.breaks(why, &[]);
        }
        self.neighbour.end("a client", report).await;
        self.daemon.shutdown().await;
        let endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        report.notes.push(format!(
            "how the calls of the client that is attacked ended: {endings:?}"
        ));
    }
}

const HUNG: &str = "never";

/// One call, and how it ended; now and then it is dropped instead.
async fn call(proxy: &TargetProxy, caller: u64, round: u64) -> &'static str {
    let began = Instant::now();
    let ended = tokio::time::timeout(DEADLINE + TOO_LONG, async {
        match (caller + round) % 9 {
            // Tried again and again, after pauses: the others see to it that the client comes back soon.
            _ if caller == 0 => proxy.square(3).await.map(drop),
            0 => proxy.nothing().await,
            1 => proxy.note("a line".into()).await,
            2 => proxy.later(10).await.map(drop),
            3 => tokio::select! {
                biased;
                ended = proxy.never(1) => ended.map(drop),
                () = tokio::task::yield_now() => Ok(()),
            },
            4 => {
                let me = TargetProxy::local(Dummy);
                proxy.meet(Some(me.clone()), vec![me]).await.map(drop)
            }
            5 => read(proxy.count_to(1_000).await?).await,
            6 => {
                let lines = Streaming::new(stream::iter(0..1_000).map(|n| n.to_string()));
                read(proxy.echoes(lines).await?).await
            }
            _ => proxy.echo("a text".into()).await.map(drop),
        }
    });
    let ended = ended.await;
    match ended {
        Err(_) => HUNG,
        Ok(_) if began.elapsed() > DEADLINE + TOO_LONG / 2 => HUNG,
        Ok(Ok(())) => "Done",
        Ok(Err(CallError::Failed { .. })) => "Failed",
        Ok(Err(CallError::Rejected { .. })) => "Rejected",
        Ok(Err(CallError::NotSent { .. })) => "NotSent",
        Ok(Err(_)) => "Unknown",
    }
}

/// Reads a stream until it ends, or nothing comes for a while.
async fn read<T: DeserializeOwned + Send + 'static>(
    mut items: Streaming<T>,
) -> Result<(), CallError> {
    while let Ok(Some(item)) = tokio::time::timeout(DEADLINE / 10, items.next()).await {
        item?;
    }
    Ok(())
}

/// A fleet's job, and how it ended.
async fn map(fleet: &Fleet<TargetProxy>) -> &'static str {
    let mapping = fleet.map_settled(0..ITEMS, |proxy, n| proxy.square(n));
    match tokio::time::timeout(DEADLINE + TOO_LONG, mapping).await {
        Err(_) => HUNG,
        Ok(Ok(settled)) if settled.results.len() == ITEMS as usize => "Settled",
        Ok(Ok(_)) => HUNG,
        Ok(Err(FleetError::Deadline { .. })) => "Late",
        Ok(Err(_)) => "Nobody",
    }
}

impl Victim for Attacked {
    async fn attack(&mut self, inputs: &[Vec<u8>], random: &mut Rng) -> Result<Came, String> {
        let io = |e: std::io::Error| format!("no connection: {e}");
        let mut socket = loop {
            let accepted = peer::within(self.listener.accept()).await;
            let (mut socket, _) = accepted
                .map_err(|_| format!("the client did not come back within {TOO_LONG:?}"))?
                .map_err(io)?;
            socket.set_nodelay(true).map_err(io)?;
            // A call whose deadline is over lets go of the connection that it was about to make.
            if peer::meet(&mut socket, Side::Accepted).await?.is_some() {
                break socket;
            }
        };
        socket
            .write_all(&peer::greeting(Side::Accepted))
            .await
            .map_err(io)?;
        let mut said = Rng::with_seed(random.u64(..));
        let came = peer::assault(&mut socket, inputs, random, |frame, out| {
            answer(frame, out, &mut said)
        })
        .await?;
        self.check()?;
        Ok(came)
    }
}

/// What a sound daemon would say, to some of what it is asked.
fn answer(frame: &Frame<'_>, out: &mut Vec<u8>, random: &mut Rng) {
    match frame {
        Frame::Bind(bind) if random.u8(..) < 250 => frame::put_bound(
            out,
            &Bound {
                handle: bind.handle,
                status: 0,
                text: "",
                missing: Vec::new(),
            },
        ),
        // The text that it got, as it came.
        Frame::Call(call) if call.flags & flag::BATCH != 0 => {
            let (mut rest, mut body) = (call.body, Vec::new());
            while let Some(arguments) = batch::next_call(&mut rest) {
                forge::put_result(&mut body, arguments, random);
            }
            forge::spoil_batch(&mut body, random);
            let reply = ReplyFrame {
                flags: 0,
                status: 0,
                id: call.id,
                body: &body,
            };
            forge::put(out, &Frame::Reply(reply));
        }
        Frame::Call(call) if call.method == SQUARE || call.method == ECHO && random.bool() => {
            let reply = ReplyFrame {
                flags: 0,
                status: 0,
                id: call.id,
                body: call.body,
            };
            forge::put(out, &Frame::Reply(reply));
        }
        // A stream: its number is the next one, as long as nothing else was one.
        Frame::Call(call) if matches!(call.method, COUNT_TO | ECHOES) && random.u8(..) < 250 => {
            let stream = random.u32(0..3);
            // The first place, for any type of items.
            let mut body = vec![0, 0];
            attached::put(&mut body, &Entry::Stream(stream));
            attached::end(&mut body, 2);
            let reply = ReplyFrame {
                flags: flow::flag::ATTACHED,
                status: 0,
                id: call.id,
                body: &body,
            };
            forge::put(out, &Frame::Reply(reply));
        }
        Frame::Cancel(id) if random.bool() => frame::put_refusal(out, 64, *id, "cancelled"),
        _ => {}
    }
}
