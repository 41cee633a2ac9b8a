//! Where a program hosts its object: at an address of this machine, and in a name service if one is named.

use clap::Args;
use farcall::{Address, Daemon, Servant};

use crate::{crew, program};

/// Where an object is to be reached.
#[derive(Args, Clone, Debug)]
pub struct Hosting {
    /// The address to listen on, by which clients reach this machine
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// The port to listen on; 0 is any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Register in this name service as well
    #[arg(long, value_name = "HOST:PORT")]
    pub ns: Option<Address>,
}

impl Hosting {
    /// Hosts `object` under `name`, and prints its URI.
    ///
    /// # Errors
    /// The address cannot be listened on; the name service is out of reach, or has that name already.
    pub async fn host(&self, name: &str, object: Servant) -> anyhow::Result<Daemon> {
        let mut builder = Daemon::builder();
        if let Some(names) = &self.ns {
            builder = builder.names(names.to_string());
        }
        let daemon = builder
            .bind(&crew::listen_address(&self.host, self.port))
            .await?;
        let uri = match self.ns {
            Some(_) => daemon.publish(name, object).await?,
            None => daemon.register(name, object)?,
        };
        program::print(format_args!("Ready. Object uri = {uri}\n"))?;
        Ok(daemon)
    }
}
