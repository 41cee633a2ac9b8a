//! farcall's client of a Python daemon, beside Pyro5's own.

use bytes::Bytes;
use farcall::python::{PyValue, PythonProxy};

use super::{figures, of_python};
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Callers, What};
use crate::peers::python::{self, Clients};
use crate::peers::{self, Caller, PeerName, Stub};
use crate::run::Pair;
use crate::scenarios::Room;

/// Clients, each with a connection of its own.
const CLIENTS: [usize; 2] = [1, 8];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rust;

impl Room for Rust {
    fn measures(&self, peer: PeerName) -> bool {
        of_python(peer)
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        let parts = CLIENTS.map(|clients| pair.measure(&clients.to_string()));
        Ok(parts
            .into_iter()
            .collect::<anyhow::Result<Vec<_>>>()?
            .concat())
    }

    fn serve(&self, _peer: PeerName, _part: &str) -> anyhow::Result<()> {
        peers::runtime()?.block_on(python::serve_host(super::THREADS))
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let count = client.part_number()?;
        peers::runtime()?.block_on(async {
            let callers: Vec<Box<dyn Caller>> = match client.peer {
                PeerName::Farcall => (0..count)
                    .map(|_| connect(client.address()))
                    .collect::<anyhow::Result<_>>()?,
                _ => {
                    let clients = Clients {
                        what: "process",
                        serializer: "serpent",
                        count,
                    };
                    vec![Box::new(python::clients(clients, client.address()).await?)]
                }
            };
            let callers = Callers::each(callers, 1);
            let measured = callers.measure(client, What::Process).await?;
            let part = format!("of_{count}");
            let mut figures = figures(&part, &measured);
            // What it has of one core, or more where threads do without Python's lock.
            let share = measured.server_cpu_us() * measured.calls_per_second() / 1e6;
            figures.push(Figure::new(format!("{part}_server_busy"), share, "cores"));
            Ok(figures)
        })
    }
}

fn connect(address: &str) -> anyhow::Result<Box<dyn Caller>> {
    let proxy = PythonProxy::new(&format!("PYRO:worker@{address}"))?;
    Ok(Box::new(proxy))
}

impl Stub for PythonProxy {
    async fn process(&self, data: i64) -> anyhow::Result<i64> {
        match self.call("process", [data.into()], []).await? {
            PyValue::Int(square) => Ok(i64::try_from(square)?),
            other => anyhow::bail!("an answer of type {}", other.type_name()),
        }
    }

    async fn echo(&self, _data: Bytes) -> anyhow::Result<usize> {
        anyhow::bail!("it has no echoes")
    }
}
