//! The bounds of a connection, each with a name and a default.

use std::time::Duration;

/// Bounds of one connection.
///
/// # Defaults
/// See each field; all are chosen so that a peer can hold at most a few messages' worth of memory.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest message, arguments or result, in bytes. Default 128 MiB. The smaller of both sides' counts.
    pub max_message_bytes: u32,
    /// The most calls in flight in one direction. Default 65,536. The smaller of both sides' counts.
    pub max_calls_in_flight: u32,
    /// The most objects bound in one direction. Default 65,536.
    pub max_bindings: u32,
    /// The most objects handed out to the peer at a time. Default 262,144.
    pub max_exports: u32,
    /// The most references of the peer's that are held at a time. Default 524,288.
    pub max_held: u32,
    /// The most streams at a time, in each direction. Default 1,024.
    pub max_streams: u32,
    /// Unsent bytes past which a caller waits for room, and a callee stops reading calls. Default 8 MiB.
    pub max_unsent_bytes: usize,
    /// How long the handshake may take. Default 5 s.
    pub handshake: Duration,
    /// After this much silence the peer is pinged. Default 2.5 s.
    pub heartbeat: Duration,
    /// After this much silence the peer is given up. Default 7.5 s.
    pub silence: Duration,
    /// A peer that takes nothing of what waits for it for this long is given up. Default 30 s.
    pub stall: Duration,
    /// The longest deadline; longer ones are cut to it. Default 30 days.
    pub max_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: 128 << 20,
            max_calls_in_flight: 65_536,
            max_bindings: 65_536,
            max_exports: 262_144,
            max_held: 524_288,
            max_streams: 1_024,
            max_unsent_bytes: 8 << 20,
            handshake: Duration::from_secs(5),
            heartbeat: Duration::from_millis(2_500),
            silence: Duration::from_millis(7_500),
            stall: Duration::from_secs(30),
            max_deadline: Duration::from_secs(30 * 24 * 3600),
        }
    }
}
