//! Small calls: so many connections, so many in flight on each.

use super::Room;
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Callers, What};
use crate::peers;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls {
    pub(super) connections: usize,
    /// On each connection.
    pub(super) window: usize,
}

impl Room for Calls {
    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        peers::runtime()?.block_on(async {
            let callers = client.connect_many(self.connections).await?;
            let callers = Callers::each(callers, self.window);
            let mut measured = callers.measure(client, What::Process).await?;
            let mut figures = measured.rates();
            for (metric, share) in [("p50", 0.5), ("p99", 0.99)] {
                let latency = measured.latency_us(share);
                figures.extend(latency.map(|us| Figure::new(metric, us, "us")));
            }
            Ok(figures)
        })
    }
}
