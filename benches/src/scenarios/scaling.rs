//! How the cost of a call grows with connections, with registered objects, and with calls in flight.

use farcall::Connections as Shared;

use super::{Room, objects};
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Callers, Measured, What};
use crate::peers::{self, Caller, PeerName};
use crate::run::Pair;

const IN_FLIGHT: usize = 256;
const CONNECTIONS: [usize; 4] = [1, 10, 100, 1000];
const OBJECTS: [usize; 2] = [1, 100_000];
const WINDOWS: [usize; 3] = [64, 1000, 10_000];

/// The same calls over more and more connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connections;

/// The same calls, spread over more registered objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objects;

/// More and more calls in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight;

impl Room for Connections {
    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        each(pair, &CONNECTIONS)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let connections = client.part_number()?;
        peers::runtime()?.block_on(async {
            let callers = client.connect_many(connections).await?;
            let callers = Callers::in_all(callers, IN_FLIGHT);
            Ok(figures(
                &callers.measure(client, What::Process).await?,
                connections,
            ))
        })
    }
}

impl Room for Objects {
    fn measures(&self, peer: PeerName) -> bool {
        peer == PeerName::Farcall
    }

    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        each(pair, &OBJECTS)
    }

    fn serve(&self, _peer: PeerName, _part: &str) -> anyhow::Result<()> {
        objects::serve()
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let count = client.part_number()?;
        peers::runtime()?.block_on(async {
            objects::register(client.address(), 0..count as u64).await?;
            let connections = Shared::new();
            let mut callers: Vec<Box<dyn Caller>> = Vec::new();
            // As many as calls are in flight, from all over the table; of 1, all are the same.
            for number in 0..IN_FLIGHT {
                let number = (number * count / IN_FLIGHT) as u64;
                let proxy = objects::connect(&connections, client.address(), number).await?;
                callers.push(Box::new(proxy));
            }
            let callers = Callers::each(callers, 1);
            Ok(figures(
                &callers.measure(client, What::Process).await?,
                count,
            ))
        })
    }
}

impl Room for InFlight {
    fn round(&self, pair: &Pair<'_>) -> anyhow::Result<Vec<Figure>> {
        each(pair, &WINDOWS)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let window = client.part_number()?;
        peers::runtime()?.block_on(async {
            let callers = Callers::each(client.connect_many(1).await?, window);
            Ok(figures(
                &callers.measure(client, What::Process).await?,
                window,
            ))
        })
    }
}

/// One part for each number, with a server and a client of its own.
fn each(pair: &Pair<'_>, numbers: &[usize]) -> anyhow::Result<Vec<Figure>> {
    let parts = numbers
        .iter()
        .map(|number| pair.measure(&number.to_string()));
    Ok(parts.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

fn figures(measured: &Measured, number: usize) -> Vec<Figure> {
    let figure = |metric: &str, value, unit| Figure::new(format!("{metric}_{number}"), value, unit);
    vec![
        figure("calls_per_s", measured.calls_per_second(), "1/s"),
        figure("cpu_server", measured.server_cpu_us(), "us/call"),
        figure("cpu_both", measured.cpu_us(), "us/call"),
    ]
}
