//! volo's thrift over its default framing, multiplexed: one connection carries all calls, as with the other peers.

#[path = "volo/worker_thrift.rs"]
#[rustfmt::skip]
mod generated;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use volo::net::Address;
use volo::net::incoming::DefaultIncoming;
use volo_thrift::ServerError;
use volo_thrift::codec::default::DefaultMakeCodec;
use volo_thrift::codec::default::framed::MakeFramedCodec;
use volo_thrift::codec::default::thrift::MakeThriftCodec;
use volo_thrift::codec::default::ttheader::MakeTTHeaderCodec;

use self::generated::worker_thrift::worker::{
    Worker, WorkerClient, WorkerClientBuilder, WorkerServer,
};
use super::{Caller, Calls};

/// The largest message, either way.
const MAX_MESSAGE_BYTES: i32 = 128 << 20;

/// How long a call may take: its own default, a second, is little for the largest messages.
const DEADLINE: Duration = Duration::from_secs(10);

struct Squarer;

impl Worker for Squarer {
    async fn process(&self, data: i64) -> Result<i64, ServerError> {
        Ok(data * data)
    }

    async fn echo(&self, data: Bytes) -> Result<Bytes, ServerError> {
        Ok(data)
    }
}

/// The default codec, with a larger limit.
fn codec() -> DefaultMakeCodec<MakeTTHeaderCodec<MakeFramedCodec<MakeThriftCodec>>> {
    let framed = MakeFramedCodec::new(MakeThriftCodec::new());
    DefaultMakeCodec::new(MakeTTHeaderCodec::new(
        framed.with_max_frame_size(MAX_MESSAGE_BYTES),
    ))
}

pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let server = WorkerServer::new(Squarer)
        .make_codec(codec())
        .multiplex(true);
    tokio::spawn(server.run(DefaultIncoming::from(listener)));
    super::ready(&address).await
}

pub(crate) struct Volo(WorkerClient);

pub(crate) async fn connect(address: &str) -> anyhow::Result<Volo> {
    let address: SocketAddr = address.parse()?;
    Ok(Volo(
        WorkerClientBuilder::new("worker")
            .address(Address::from(address))
            .make_codec(codec())
            .multiplex(true)
            .rpc_timeout(Some(DEADLINE))
            .build(),
    ))
}

impl Caller for Volo {
    fn call_all<'a>(
        &'a self,
        window: usize,
        stop: &'a (dyn Fn() -> bool + Sync),
        latency: &'a (dyn Fn(u64) + Sync),
    ) -> Calls<'a> {
        let client = self.0.clone();
        Box::pin(super::pipeline(window, stop, latency, move |data| {
            let client = client.clone();
            async move { Ok(client.process(data).await?) }
        }))
    }

    fn echo_all<'a>(
        &'a self,
        bytes: usize,
        window: usize,
        stop: &'a (dyn Fn() -> bool + Sync),
        latency: &'a (dyn Fn(u64) + Sync),
    ) -> Calls<'a> {
        let client = self.0.clone();
        Box::pin(super::echo_pipeline(
            bytes,
            window,
            stop,
            latency,
            move |data| {
                let client = client.clone();
                async move { Ok(client.echo(data).await?.len()) }
            },
        ))
    }
}
