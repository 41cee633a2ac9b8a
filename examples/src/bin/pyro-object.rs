//! Hosts the object that shows everything that Python expects of one.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::ExitCode;

use clap::Parser;
use farcall::python::PythonObject as _;
use farcall::{Address, Daemon, ObjectUri, Publication};
use farcall_examples::compat::{Compat, Session};
use farcall_examples::{crew, program};

/// Hosts an object for Python's Pyro5, with everything that Python expects of one
///
/// Registers it as compat.object and compat.session, whoever had these names, and prints both URIs when it is ready. Ctrl-c and SIGTERM end it.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  ns --port 9090 &
  pyro-object --ns localhost:9090 --port 4242 &
  python3 -c 'import Pyro5.api; print(Pyro5.api.Proxy(\"PYRO:compat.object@localhost:4242\").sample())'"
)]
struct Arguments {
    /// The name service to register in
    #[arg(long, value_name = "HOST:PORT")]
    ns: Address,
    /// The address to listen on, by which clients reach this machine; 0.0.0.0 is all of its addresses
    #[arg(long, default_value = "localhost")]
    host: String,
    /// The port to listen on; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::exit("pyro-object", serve(Arguments::parse()).await)
}

async fn serve(Arguments { ns, host, port }: Arguments) -> anyhow::Result<()> {
    let mut daemon = Daemon::builder().names(ns.to_string());
    if host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified()) {
        daemon = daemon.advertise(towards(&ns)?.to_string());
    }
    let daemon = daemon.bind(&crew::listen_address(&host, port)).await?;
    let object = daemon
        .publish_as(
            "compat.object",
            Compat::default().serve(),
            Publication::replace(),
        )
        .await?;
    let session = Session::per_session(Session::default);
    let replace = Publication::replace();
    let session = daemon
        .publish_as("compat.session", session, replace)
        .await?;
    // Before anybody knows that it is there.
    let ended = daemon.run_until_ctrl_c();
    program::print(format_args!(
        "OBJ_URI={}\nSESSION_URI={}\n",
        pyro(&object),
        pyro(&session)
    ))?;
    Ok(ended.await?)
}

/// The address of this machine that leads to another one.
fn towards(other: &Address) -> anyhow::Result<IpAddr> {
    let Address::Tcp { host, port } = other else {
        return Ok(Ipv4Addr::LOCALHOST.into());
    };
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // Nothing is sent.
    socket.connect((host.as_str(), *port))?;
    Ok(socket.local_addr()?.ip())
}

/// Where Python finds an object of this daemon's: at the same address.
fn pyro(uri: &ObjectUri) -> farcall::python::PyroUri {
    farcall::python::PyroUri::Object {
        object: uri.object.clone(),
        address: uri.address.clone(),
    }
}
