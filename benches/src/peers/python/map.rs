//! Python programs that spread items over two workers of their own.

use std::time::Duration;

use super::{Program, Script};
use crate::peers::PeerName;

const POOL: Script = Script(concat!(include_str!("map.py"), include_str!("map_pool.py")));
const CELERY: Script = Script(concat!(
    include_str!("map.py"),
    include_str!("map_celery.py")
));
const RAY: Script = Script(concat!(include_str!("map.py"), include_str!("map_ray.py")));

/// A program with its workers.
pub(crate) struct Mapping(Program);

impl Mapping {
    /// Starts the program and waits for its workers.
    pub(crate) async fn start(peer: PeerName) -> anyhow::Result<Self> {
        let (script, chunk) = match peer {
            PeerName::Pool => (POOL, ""),
            PeerName::Pool1 => (POOL, "1"),
            PeerName::Celery => (CELERY, ""),
            PeerName::Ray => (RAY, ""),
            other => anyhow::bail!("{} is not in Python", other.text()),
        };
        let mut program = Program::start(script, "map", chunk)?;
        let () = program.word().await?;
        Ok(Self(program))
    }

    /// Squares the numbers up to one, and checks every result; gives how long the squaring took.
    pub(crate) async fn squares(&mut self, items: u64) -> anyhow::Result<Duration> {
        self.0.tell(&items.to_string()).await;
        Ok(Duration::from_secs_f64(self.0.word().await?))
    }
}
