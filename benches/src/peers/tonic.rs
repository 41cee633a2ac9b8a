//! tonic with prost's codec, no TLS, and windows that a large message does not wait for.

use std::iter::Map;
use std::ops::RangeFrom;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

use self::generated::worker_client::WorkerClient;
use self::generated::worker_server::{Worker, WorkerServer};
use super::Stub;

mod generated {
    include!(concat!(env!("OUT_DIR"), "/farcall.benches.Worker.rs"));
}

/// The largest message, either way.
const MAX_MESSAGE_BYTES: usize = 128 << 20;

/// HTTP/2 windows of a stream and of a connection.
const WINDOW_BYTES: u32 = 16 << 20;

/// Streams of a connection, one for each call in flight.
const MAX_STREAMS: u32 = 16 << 10;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Number {
    #[prost(int64, tag = "1")]
    data: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Blob {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

/// An item of a stream.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Item {
    #[prost(uint64, tag = "1")]
    number: u64,
}

/// As little as a stream of tonic's can be.
type Numbers = stream::Iter<Map<RangeFrom<u64>, fn(u64) -> Result<Item, Status>>>;

struct Squarer;

#[tonic::async_trait]
impl Worker for Squarer {
    async fn process(&self, request: Request<Number>) -> Result<Response<Number>, Status> {
        let data = request.into_inner().data;
        Ok(Response::new(Number { data: data * data }))
    }

    async fn echo(&self, request: Request<Blob>) -> Result<Response<Blob>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    type NumbersStream = Numbers;

    /// All numbers from the given one on.
    async fn numbers(&self, request: Request<Item>) -> Result<Response<Numbers>, Status> {
        let item: fn(u64) -> Result<Item, Status> = |number| Ok(Item { number });
        let numbers = (request.into_inner().number..).map(item);
        Ok(Response::new(stream::iter(numbers)))
    }
}

pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let worker = WorkerServer::new(Squarer).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let server = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .add_service(worker)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
    tokio::spawn(server);
    super::ready(&address).await
}

#[derive(Clone)]
pub(crate) struct Tonic(WorkerClient<Channel>);

pub(crate) async fn connect(address: &str) -> anyhow::Result<Tonic> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .tcp_nodelay(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .connect()
        .await?;
    let client = WorkerClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Ok(Tonic(client))
}

impl Tonic {
    /// All numbers from 0 on.
    pub(crate) async fn numbers(
        &self,
    ) -> anyhow::Result<impl Stream<Item = anyhow::Result<u64>> + Unpin + use<>> {
        let mut client = self.0.clone();
        let items = client.numbers(Item { number: 0 }).await?.into_inner();
        Ok(items.map(|item| Ok(item?.number)))
    }
}

impl Stub for Tonic {
    async fn process(&self, data: i64) -> anyhow::Result<i64> {
        let mut client = self.0.clone();
        Ok(client.process(Number { data }).await?.into_inner().data)
    }

    async fn echo(&self, data: Bytes) -> anyhow::Result<usize> {
        let mut client = self.0.clone();
        Ok(client.echo(Blob { data }).await?.into_inner().data.len())
    }
}
