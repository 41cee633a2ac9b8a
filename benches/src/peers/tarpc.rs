//! Stock tarpc: its own channels over its own TCP transport, with a postcard codec so that only the engine differs.

use std::io;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tarpc::server::{BaseChannel, Channel};
use tarpc::{client, context};

use super::Stub;

#[tarpc::service]
trait Worker {
    async fn process(data: i64) -> i64;
    async fn echo(data: Bytes) -> Bytes;
}

#[derive(Clone)]
struct Squarer;

impl Worker for Squarer {
    async fn process(self, _: context::Context, data: i64) -> i64 {
        data * data
    }
    async fn echo(self, _: context::Context, data: Bytes) -> Bytes {
        data
    }
}

/// tokio-serde's interface over postcard.
struct Postcard;

impl<T: Serialize> tokio_serde::Serializer<T> for Postcard {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, item: &T) -> io::Result<Bytes> {
        postcard::to_stdvec(item)
            .map(Bytes::from)
            .map_err(io::Error::other)
    }
}

impl<T: for<'de> Deserialize<'de>> tokio_serde::Deserializer<T> for Postcard {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, source: &BytesMut) -> io::Result<T> {
        postcard::from_bytes(source).map_err(io::Error::other)
    }
}

pub(crate) async fn serve() -> anyhow::Result<()> {
    let mut listener = tarpc::serde_transport::tcp::listen("127.0.0.1:0", || Postcard).await?;
    let address = listener.local_addr().to_string();
    tokio::spawn(async move {
        while let Some(Ok(transport)) = listener.next().await {
            let _ = transport.get_ref().set_nodelay(true);
            let channel = BaseChannel::with_defaults(transport);
            tokio::spawn(
                channel
                    .execute(Squarer.serve())
                    .for_each(|response| async move {
                        tokio::spawn(response);
                    }),
            );
        }
    });
    super::ready(&address).await
}

#[derive(Clone)]
pub(crate) struct Tarpc(WorkerClient);

pub(crate) async fn connect(address: &str) -> anyhow::Result<Tarpc> {
    let transport = tarpc::serde_transport::tcp::connect(address, || Postcard).await?;
    transport.get_ref().set_nodelay(true)?;
    Ok(Tarpc(
        WorkerClient::new(client::Config::default(), transport).spawn(),
    ))
}

impl Stub for Tarpc {
    async fn process(&self, data: i64) -> anyhow::Result<i64> {
        Ok(self.0.process(context::current(), data).await?)
    }

    async fn echo(&self, data: Bytes) -> anyhow::Result<usize> {
        Ok(self.0.echo(context::current(), data).await?.len())
    }
}
