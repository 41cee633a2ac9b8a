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
use super::Stub;

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

#[derive(Clone)]
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

impl Stub for Volo {
    async fn process(&self, data: i64) -> anyhow::Result<i64> {
        Ok(self.0.process(data).await?)
    }

    async fn echo(&self, data: Bytes) -> anyhow::Result<usize> {
        Ok(self.0.echo(data).await?.len())
    }
}
