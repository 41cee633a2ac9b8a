//! farcall with its defaults.

use bytes::Bytes;
use farcall::{Connections, Daemon, Remote};

use super::{Caller, Calls};

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

pub(crate) enum Kind {
    Plain,
    Async,
}

pub(crate) enum Farcall {
    Plain(PlainProxy),
    Async(WaitingProxy),
}

/// Proxies of one process share a connection; here each has its own, as the scenario says.
pub(crate) async fn connect(address: &str, kind: Kind) -> anyhow::Result<Farcall> {
    let own = Connections::new();
    Ok(match kind {
        Kind::Plain => {
            let uri = format!("far:plain@{address}");
            Farcall::Plain(PlainProxy::over(
                Remote::connect_with(&own, &uri, PlainProxy::descriptor()).await?,
            ))
        }
        Kind::Async => {
            let uri = format!("far:waiting@{address}");
            Farcall::Async(WaitingProxy::over(
                Remote::connect_with(&own, &uri, WaitingProxy::descriptor()).await?,
            ))
        }
    })
}

impl Caller for Farcall {
    fn call_all<'a>(
        &'a self,
        window: usize,
        stop: &'a (dyn Fn() -> bool + Sync),
        latency: &'a (dyn Fn(u64) + Sync),
    ) -> Calls<'a> {
        match self {
            Self::Plain(proxy) => {
                let proxy = proxy.clone();
                Box::pin(super::pipeline(window, stop, latency, move |data| {
                    let call = proxy.process(data);
                    async move { Ok(call.await?) }
                }))
            }
            Self::Async(proxy) => {
                let proxy = proxy.clone();
                Box::pin(super::pipeline(window, stop, latency, move |data| {
                    let call = proxy.process(data);
                    async move { Ok(call.await?) }
                }))
            }
        }
    }

    fn echo_all<'a>(
        &'a self,
        bytes: usize,
        window: usize,
        stop: &'a (dyn Fn() -> bool + Sync),
        latency: &'a (dyn Fn(u64) + Sync),
    ) -> Calls<'a> {
        match self {
            Self::Plain(proxy) => {
                let proxy = proxy.clone();
                Box::pin(super::echo_pipeline(
                    bytes,
                    window,
                    stop,
                    latency,
                    move |data| {
                        let call = proxy.echo(data);
                        async move { Ok(call.await?.len()) }
                    },
                ))
            }
            Self::Async(proxy) => {
                let proxy = proxy.clone();
                Box::pin(super::echo_pipeline(
                    bytes,
                    window,
                    stop,
                    latency,
                    move |data| {
                        let call = proxy.echo(data);
                        async move { Ok(call.await?.len()) }
                    },
                ))
            }
        }
    }
}
