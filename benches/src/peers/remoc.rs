//! remoc with its remote trait, its own codec, and the short names on the wire that it advises.

use std::sync::Arc;

use bytes::Bytes;
use remoc::rtc::{CallError, Client, ServerShared};
use remoc::{Cfg, Connect, ConnectExt};
use tokio::net::{TcpListener, TcpStream};

use super::Stub;

/// The largest message, either way.
const MAX_MESSAGE_BYTES: usize = 128 << 20;

/// Calls that a connection has in the making.
const MAX_CALLS: usize = 256;

#[remoc::rtc::remote(server(Shared))]
pub(super) trait Worker {
    #[serde(rename = "_0")]
    async fn process(&self, #[serde(rename = "_0")] data: i64) -> Result<i64, CallError>;

    #[serde(rename = "_1")]
    async fn echo(&self, #[serde(rename = "_0")] data: Bytes) -> Result<Bytes, CallError>;
}

struct Squarer;

impl Worker for Squarer {
    async fn process(&self, data: i64) -> Result<i64, CallError> {
        Ok(data * data)
    }

    async fn echo(&self, data: Bytes) -> Result<Bytes, CallError> {
        Ok(data)
    }
}

/// Its defaults, but large messages go in one piece instead of through a thread of their own.
fn config() -> Cfg {
    Cfg {
        max_data_size: MAX_MESSAGE_BYTES,
        ..Cfg::default()
    }
}

pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    super::ready(&address).await
}

async fn answer(stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let (reading, writing) = stream.into_split();
    let (mut server, mut client): (WorkerServerShared<_>, WorkerClient) =
        WorkerServerShared::with_request_buffer(Arc::new(Squarer), MAX_CALLS);
    server.set_parallelism(MAX_CALLS);
    client.set_max_request_size(MAX_MESSAGE_BYTES);
    client.set_max_response_size(MAX_MESSAGE_BYTES);
    Connect::io(config(), reading, writing)
        .provide(client)
        .await?;
    let served = server.serve().await;
    served.map_err(|e| anyhow::anyhow!("{e}"))
}

#[derive(Clone)]
pub(crate) struct Remoc(WorkerClient);

pub(crate) async fn connect(address: &str) -> anyhow::Result<Remoc> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (reading, writing) = stream.into_split();
    let mut client: WorkerClient = Connect::io(config(), reading, writing).consume().await?;
    client.set_max_request_size(MAX_MESSAGE_BYTES);
    client.set_max_response_size(MAX_MESSAGE_BYTES);
    Ok(Remoc(client))
}

impl Stub for Remoc {
    async fn process(&self, data: i64) -> anyhow::Result<i64> {
        Ok(self.0.process(data).await?)
    }

    async fn echo(&self, data: Bytes) -> anyhow::Result<usize> {
        Ok(self.0.echo(data).await?.len())
    }
}
