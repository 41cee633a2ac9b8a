//! Large messages: throughput, or the time of one, and the memory that is kept when they are over.

use std::time::Duration;

use super::Room;
use crate::client::Client;
use crate::figure::Figure;
use crate::measure::{Callers, Measured, Until, What};
use crate::peers;

const MIB: f64 = (1 << 20) as f64;

/// From this size on, a message is timed by itself.
const HUGE: usize = 16 << 20;

/// The fewest echoes of that size that are timed.
const FEWEST: u64 = 3;

/// After the last echo, until memory is looked at.
const REST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    pub(super) bytes: usize,
    pub(super) window: usize,
}

impl Room for Bulk {
    fn measure(&self, client: &Client) -> anyhow::Result<Vec<Figure>> {
        peers::runtime()?.block_on(async {
            let callers = client.connect_many(1).await?;
            let callers = Callers::each(callers, self.window);
            if self.bytes >= HUGE {
                return self.time(client, &callers).await;
            }
            let measured = callers.measure(client, What::Echo(self.bytes)).await?;
            Ok(self.throughput(&measured))
        })
    }
}

impl Bulk {
    fn throughput(&self, measured: &Measured) -> Vec<Figure> {
        let mib = measured.calls_per_second() * self.bytes as f64 / MIB;
        let mut figures = vec![Figure::new("each_way", mib, "MiB/s")];
        figures.extend(measured.rates());
        figures
    }

    async fn time(&self, client: &Client, callers: &Callers) -> anyhow::Result<Vec<Figure>> {
        let what = What::Echo(self.bytes);
        // Small calls first: what a connection needs anyway is not kept of the large ones.
        let small = Until::Both(Duration::ZERO, 100);
        callers.call(client, What::Process, small).await?;
        let (server, own) = resident_mib(client)?;
        let warm_up = Until::Both(Duration::ZERO, 1);
        callers.call(client, what, warm_up).await?;
        let until = Until::Both(client.time, FEWEST);
        let measured = callers.call(client, what, until).await?;
        tokio::time::sleep(REST).await;
        let after = resident_mib(client)?;
        let (server, own) = (after.0 - server, after.1 - own);
        Ok(vec![
            Figure::new("seconds_per_echo", 1.0 / measured.calls_per_second(), "s"),
            Figure::new("cpu_both", measured.cpu_us(), "us/call"),
            Figure::new("kept", server + own, "MiB"),
            Figure::new("kept_server", server, "MiB"),
            Figure::new("kept_client", own, "MiB"),
        ])
    }
}

/// What server and client hold.
fn resident_mib(client: &Client) -> anyhow::Result<(f64, f64)> {
    let server = client.server.resident_kib()? / 1024.0;
    Ok((server, client.own.resident_kib()? / 1024.0))
}
