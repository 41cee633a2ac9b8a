//! capnp-rpc over its two-party network, its streams buffered as its documentation advises; everything on one thread, as
//! its types demand.

#[expect(dead_code, reason = "a program needs less than capnpc writes")]
#[rustfmt::skip]
mod worker_capnp;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use capnp::message::ReaderOptions;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, VatNetwork, twoparty};
use futures_util::io::{BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use self::worker_capnp::worker;
use super::{Caller, Calls, ENDED, Load};
use crate::measure::What;

/// How often to look whether it is enough.
const LOOK: Duration = Duration::from_millis(20);

struct Squarer;

impl worker::Server for Squarer {
    async fn process(
        self: Rc<Self>,
        params: worker::ProcessParams,
        mut results: worker::ProcessResults,
    ) -> Result<(), capnp::Error> {
        let data = params.get()?.get_data();
        results.get().set_result(data * data);
        Ok(())
    }

    async fn echo(
        self: Rc<Self>,
        params: worker::EchoParams,
        mut results: worker::EchoResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_result(params.get()?.get_data()?);
        Ok(())
    }
}

fn network(stream: TcpStream, side: Side) -> std::io::Result<Box<dyn VatNetwork<Side>>> {
    stream.set_nodelay(true)?;
    let (reading, writing) = stream.into_split();
    Ok(Box::new(twoparty::VatNetwork::new(
        BufReader::new(reading.compat()),
        BufWriter::new(writing.compat_write()),
        side,
        // Its own limit on the size of a message, 64 MiB, does not pass 64 MiB of data.
        *ReaderOptions::new().traversal_limit_in_words(None),
    )))
}

pub(crate) async fn serve() -> anyhow::Result<()> {
    let serve = async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let worker: worker::Client = capnp_rpc::new_client(Squarer);
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(network) = network(stream, Side::Server) {
                    let connection = RpcSystem::new(network, Some(worker.client.clone()));
                    tokio::task::spawn_local(connection);
                }
            }
        });
        super::ready(&address).await
    };
    LocalSet::new().run_until(serve).await
}

pub(crate) struct Capnp {
    worker: worker::Client,
    /// The connection's task, and those of its callers.
    tasks: LocalSet,
}

pub(crate) async fn connect(address: &str) -> anyhow::Result<Capnp> {
    let network = network(TcpStream::connect(address).await?, Side::Client)?;
    let mut connection = RpcSystem::new(network, None);
    let worker = connection.bootstrap(Side::Server);
    let tasks = LocalSet::new();
    tasks.spawn_local(connection);
    Ok(Capnp { worker, tasks })
}

impl Caller for Capnp {
    fn call_all<'a>(&'a self, what: What, load: Load<'a>) -> Calls<'a> {
        let worker = self.worker.clone();
        match what {
            What::Process => {
                let calls = in_flight(load, move || {
                    let mut request = worker.process_request();
                    request.get().set_data(3);
                    let call = request.send();
                    async move {
                        let answer = call.promise.await?.get()?.get_result();
                        anyhow::ensure!(answer == 9, "a wrong answer");
                        Ok(())
                    }
                });
                Box::pin(self.tasks.run_until(calls))
            }
            What::Echo(bytes) => {
                let data = Bytes::from(vec![7; bytes]);
                let calls = in_flight(load, move || {
                    let mut request = worker.echo_request();
                    request.get().set_data(&data);
                    let call = request.send();
                    async move {
                        let answered = call.promise.await?.get()?.get_result()?.len();
                        anyhow::ensure!(answered == bytes, "an answer of {answered} bytes");
                        Ok(())
                    }
                });
                Box::pin(self.tasks.run_until(calls))
            }
        }
    }
}

/// As the shared `in_flight`, for calls that stay on their thread.
async fn in_flight<F, Fut>(load: Load<'_>, call: F) -> anyhow::Result<u64>
where
    F: Fn() -> Fut + Clone + 'static,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let Load {
        window,
        stop,
        latency,
    } = load;
    if window == 1 {
        let mut count = 0;
        while !stop() {
            let start = Instant::now();
            call().await?;
            latency(start.elapsed().as_nanos() as u64);
            count += 1;
        }
        return Ok(count);
    }
    let ended = Rc::new(Cell::new(false));
    let mut callers = JoinSet::new();
    for _ in 0..window {
        let (call, ended) = (call.clone(), ended.clone());
        callers.spawn_local(async move {
            let mut count = 0;
            while !ended.get() {
                call().await?;
                count += 1;
                ENDED.store(ENDED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            anyhow::Ok(count)
        });
    }
    let mut count = 0;
    while !stop() {
        if let Ok(Some(early)) = tokio::time::timeout(LOOK, callers.join_next()).await {
            count += early??;
        }
    }
    ended.set(true);
    while let Some(ended) = callers.join_next().await {
        count += ended??;
    }
    Ok(count)
}
