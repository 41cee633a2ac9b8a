//! Python programs: Pyro5's own clients of a farcall daemon and of one of Pyro5's, and farcall's client of the latter.

mod hosted;
mod rust;

use super::Room;
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Callers, Measured, What};
use crate::peers::python::{self, Clients};
use crate::peers::{self, PeerName};
use crate::run::Pair;

pub(crate) use rust::Rust;

/// What one client does: the word for it in the figures, the function in `clients.py`, and its serializer.
pub(crate) type Part = (&'static str, &'static str, &'static str);

pub(crate) const CALLS: [Part; 3] = [
    ("serpent", "process", "serpent"),
    ("json", "process", "json"),
    ("msgpack", "process", "msgpack"),
];
pub(crate) const BATCH: [Part; 3] = [
    ("serpent", "batch", "serpent"),
    ("json", "batch", "json"),
    ("msgpack", "batch", "msgpack"),
];
pub(crate) const LARGE: [Part; 9] = [
    ("text_in", "text_in", "serpent"),
    ("text_out", "text_out", "serpent"),
    ("text_echo", "text_echo", "serpent"),
    ("bytes_in", "bytes_in", "serpent"),
    ("bytes_out", "bytes_out", "serpent"),
    ("bytes_echo", "bytes_echo", "serpent"),
    ("json_text_echo", "text_echo", "json"),
    ("msgpack_text_echo", "text_echo", "msgpack"),
    ("msgpack_bytes_echo", "bytes_echo", "msgpack"),
];
pub(crate) const OBJECT: [Part; 3] = [
    ("method", "process", "serpent"),
    ("attribute", "attribute", "serpent"),
    ("items", "items", "serpent"),
];

/// One client, that does one thing after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct One {
    pub(super) parts: &'static [Part],
    /// Of the payload, where there is a large one.
    pub(super) bytes: usize,
    pub(super) object: Object,
}

/// How farcall's daemon hosts the object; in Python there is one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// As any `#[remote]` trait.
    Typed,
    /// As a `PythonObject`.
    Dynamic,
}

impl Room for One {
    fn measures(&self, peer: PeerName) -> bool {
        of_python(peer)
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let parts = self.parts.iter().map(|(part, ..)| pair.measure(part));
        Ok(parts.collect::<anyhow::Result<Vec<_>>>()?.concat())
    }

    fn serve(&self, peer: PeerName, _part: &str) -> anyhow::Result<()> {
        serve(peer, self.object, THREADS)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let part = self.parts.iter().find(|(part, ..)| *part == client.part);
        let (part, what, serializer) = part.ok_or_else(|| anyhow::anyhow!("no such part"))?;
        peers::runtime()?.block_on(async {
            let clients = Clients {
                what,
                serializer,
                count: 1,
            };
            let clients = python::clients(clients, client.address()).await?;
            let callers = Callers::each(vec![Box::new(clients)], 1);
            let measured = callers.measure(client, What::Echo(self.bytes)).await?;
            Ok(figures(part, &measured))
        })
    }
}

/// Many clients at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many {
    pub(super) clients: usize,
}

impl Room for Many {
    fn measures(&self, peer: PeerName) -> bool {
        of_python(peer)
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let mut figures = pair.measure(THREADS)?;
        if pair.peer() == PeerName::Pyro5 {
            figures.extend(pair.measure(ONE_THREAD)?);
        }
        Ok(figures)
    }

    fn serve(&self, peer: PeerName, part: &str) -> anyhow::Result<()> {
        serve(peer, Object::Typed, part)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        peers::runtime()?.block_on(async {
            let clients = Clients {
                what: "process",
                serializer: "serpent",
                count: self.clients,
            };
            let clients = python::clients(clients, client.address()).await?;
            let callers = Callers::each(vec![Box::new(clients.clone())], 1);
            let measured = callers.measure(client, What::Process).await?;
            let part = match client.part.as_str() {
                ONE_THREAD => ONE_THREAD,
                _ => "all",
            };
            let refused = clients.refused() as f64;
            let mut figures = figures(part, &measured);
            figures.push(Figure::new(format!("{part}_refused"), refused, ""));
            Ok(figures)
        })
    }
}

/// Pyro5's types of servers: a thread for each connection, which is its default, and one for all.
const THREADS: &str = "thread";
const ONE_THREAD: &str = "multiplex";

fn of_python(peer: PeerName) -> bool {
    matches!(peer, PeerName::Farcall | PeerName::Pyro5)
}

fn serve(peer: PeerName, object: Object, kind: &str) -> anyhow::Result<()> {
    peers::runtime()?.block_on(async {
        match peer {
            PeerName::Farcall => hosted::serve(object).await,
            _ => python::serve_host(kind).await,
        }
    })
}

fn figures(part: &str, measured: &Measured) -> Vec<Figure> {
    let figure = |metric: &str, value, unit| Figure::new(format!("{part}_{metric}"), value, unit);
    vec![
        figure("per_s", measured.calls_per_second(), "1/s"),
        figure("cpu_server", measured.server_cpu_us(), "us/call"),
        figure("cpu_client", measured.client_cpu_us(), "us/call"),
    ]
}
