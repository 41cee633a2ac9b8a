//! farcall with its defaults.

use bytes::Bytes;
use farcall::{Connections, Daemon, Remote};

use super::Stub;

#[farcall::remote]
pub(crate) trait Plain {
    fn process(&self, data: i64) -> i64;
    fn echo(&self, data: Bytes) -> Bytes;
}

#[farcall::remote]
pub(crate) trait Waiting {
    async fn process(&self, data: i64) -> i64;
    async fn echo(&self, data: Bytes) -> Bytes;
}

pub(crate) struct Squarer;

impl Plain for Squarer {
    fn process(&self, data: i64) -> i64 {
        data * data
    }
    fn echo(&self, data: Bytes) -> Bytes {
        data
    }
}

impl Waiting for Squarer {
    async fn process(&self, data: i64) -> i64 {
        data * data
    }
    async fn echo(&self, data: Bytes) -> Bytes {
        data
    }
}

pub(crate) async fn serve() -> anyhow::Result<()> {
    let daemon = Daemon::bind("127.0.0.1:0").await?;
    daemon.register("plain", Plain::serve(Squarer))?;
    daemon.register("waiting", Waiting::serve(Squarer))?;
    super::ready(&daemon.address().to_string()).await
}

/// Proxies of one process share a connection; here each has its own, as the scenario says.
pub(crate) async fn connect_plain(address: &str) -> anyhow::Result<PlainProxy<Remote>> {
    let uri = format!("far:plain@{address}");
    let descriptor = PlainProxy::<Remote>::descriptor();
    let remote = Remote::connect_with(&Connections::new(), &uri, descriptor).await?;
    Ok(PlainProxy::over(remote))
}

/// As `connect_plain`.
pub(crate) async fn connect_waiting(address: &str) -> anyhow::Result<WaitingProxy<Remote>> {
    let uri = format!("far:waiting@{address}");
    let descriptor = WaitingProxy::<Remote>::descriptor();
    let remote = Remote::connect_with(&Connections::new(), &uri, descriptor).await?;
    Ok(WaitingProxy::over(remote))
}

impl Stub for PlainProxy<Remote> {
    async fn process(&self, data: i64) -> anyhow::Result<i64> {
        Ok(self.process(data).await?)
    }

    async fn echo(&self, data: Bytes) -> anyhow::Result<usize> {
        Ok(self.echo(data).await?.len())
    }
}

impl Stub for WaitingProxy<Remote> {
    async fn process(&self, data: i64) -> anyhow::Result<i64> {
        Ok(self.process(data).await?)
    }

    async fn echo(&self, data: Bytes) -> anyhow::Result<usize> {
        Ok(self.echo(data).await?.len())
    }
}
