//! What goes both ways over a connection: streams, references, and what they cost in memory.

mod references;
mod still;
mod stream;

use farcall::{Daemon, Servant};

use crate::client::Client;
use crate::figure::Figure;
use crate::peers;

pub(crate) use references::References;
pub(crate) use still::Still;
pub(crate) use stream::Small;

/// A daemon with one object, by the name that `uri` gives.
fn serve(object: impl FnOnce() -> Servant) -> anyhow::Result<()> {
    peers::runtime()?.block_on(async {
        let daemon = Daemon::bind("127.0.0.1:0").await?;
        daemon.register("bench", object())?;
        peers::ready(&daemon.address().to_string()).await
    })
}

fn uri(client: &Client) -> String {
    format!("far:bench@{}", client.address())
}

/// What both ends hold at a time, in KiB.
#[derive(Clone, Copy, Debug)]
struct Held {
    server: f64,
    client: f64,
}

impl Held {
    fn now(client: &Client) -> anyhow::Result<Self> {
        Ok(Self {
            server: client.server.resident_kib()?,
            client: client.own.resident_kib()?,
        })
    }

    fn figures(self, when: &str) -> [Figure; 2] {
        let mib = |end: &str, kib| Figure::new(format!("{end}_{when}"), kib / 1024.0, "MiB");
        [mib("server", self.server), mib("client", self.client)]
    }
}
