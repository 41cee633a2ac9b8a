//! Dial and listen: the only room that names a socket.

mod datagrams;
mod dial;
mod listen;
mod socket;

pub use datagrams::Datagrams;
pub use dial::{DialError, dial};
pub use listen::{ListenError, Listener};
pub use socket::{Peer, Reading, Socket, Writing};
