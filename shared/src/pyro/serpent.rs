//! serpent: values as Python literals, in UTF-8 behind a comment.

mod literal;
mod number;
mod read;
mod text;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// What a document begins with.
const HEADER: &[u8] = b"# serpent utf-8 python3.2\n";
