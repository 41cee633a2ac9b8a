//! The native wire, pure: frames, handshake and codecs, without sockets, clocks or tasks.
//!
//! `docs/PROTOCOL.md` is the specification; the golden bytes in these rooms hold it in place.

pub mod attached;
pub mod batch;
pub mod blob;
pub mod codec;
pub mod depth;
pub mod frame;
pub mod frames;
pub mod handshake;
mod read;
pub mod status;
pub(crate) mod variant;

pub use read::cut;
pub use variant::{VariantContent, variant_index};
