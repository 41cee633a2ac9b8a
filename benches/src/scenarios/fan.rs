//! Fan-out: one client of many servers, which share a process.

use super::Room;
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Callers, Until, What};
use crate::peers::{self, PeerName};

const SERVERS: usize = 64;
const IN_FLIGHT: usize = 256;
const CALLS: u64 = 100_000;
const WARM_UP: u64 = 10_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Out;

impl Room for Out {
    fn serve(&self, peer: PeerName, _part: &str) -> anyhow::Result<()> {
        peers::serve(peer, SERVERS)
    }

    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        let found = client.addresses.len();
        anyhow::ensure!(
            found == SERVERS,
            "it runs {found} server in a process, not {SERVERS}"
        );
        peers::runtime()?.block_on(async {
            let mut callers = Vec::new();
            for address in &client.addresses {
                callers.push(peers::connect(client.peer, address).await?);
            }
            // Each server gets its turn as often as any other: the same number is in flight at each.
            let callers = Callers::in_all(callers, IN_FLIGHT);
            let warm_up = Until::Calls(WARM_UP);
            callers.call(client, What::Process, warm_up).await?;
            let until = Until::Calls(CALLS);
            Ok(callers.call(client, What::Process, until).await?.rates())
        })
    }
}
