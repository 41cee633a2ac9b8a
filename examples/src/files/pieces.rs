//! From a file to pieces and back, a few of them in memory at a time.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use crc32fast::Hasher;
use farcall::Streaming;
use futures_util::stream;
use tokio::task::spawn_blocking;

use super::{Checksum, Draft, Piece};

/// How much of a file travels at a time.
const PIECE_BYTES: u64 = 256 << 10;

/// What has passed so far.
#[derive(Clone, Debug, Default)]
struct Passed {
    bytes: u64,
    hasher: Hasher,
}

impl Passed {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hasher.update(bytes);
    }

    fn checksum(self) -> Checksum {
        Checksum {
            bytes: self.bytes,
            crc32: self.hasher.finalize(),
        }
    }
}

/// The pieces of a file. `tell` hears how many bytes each of them has.
pub fn send(file: File, tell: impl FnMut(u64) + Send + 'static) -> Streaming<Piece> {
    let begin = Some((file, Passed::default(), tell));
    Streaming::fallible(stream::unfold(begin, |state| async {
        let (file, passed, mut tell) = state?;
        let read = match spawn_blocking(|| read(file, passed)).await {
            Ok(read) => read,
            Err(stopped) => Err(io::Error::other(stopped)),
        };
        match read {
            Ok((bytes, _, passed)) if bytes.is_empty() => {
                Some((Ok(Piece::End(passed.checksum())), None))
            }
            Ok((bytes, file, passed)) => {
                tell(bytes.len() as u64);
                Some((Ok(Piece::Bytes(bytes)), Some((file, passed, tell))))
            }
            Err(error) => Some((Err(format!("the file cannot be read: {error}")), None)),
        }
    }))
}

/// Reads a piece; an empty one is the end.
fn read(file: File, mut passed: Passed) -> io::Result<(Bytes, File, Passed)> {
    let mut bytes = Vec::with_capacity(PIECE_BYTES as usize);
    (&file).take(PIECE_BYTES).read_to_end(&mut bytes)?;
    passed.add(&bytes);
    Ok((Bytes::from(bytes), file, passed))
}

/// Writes a file from its pieces, and sees that it is the same. `tell` hears how many bytes each of them has.
///
/// # Errors
/// The stream breaks off; the file cannot be written; what came is not what was read. Then there is no new file.
pub async fn receive(
    mut pieces: Streaming<Piece>,
    mut draft: Draft,
    mut tell: impl FnMut(u64),
) -> anyhow::Result<Checksum> {
    let mut passed = Passed::default();
    while let Some(piece) = pieces.next().await {
        match piece.context("the file did not come to its end")? {
            Piece::Bytes(bytes) => {
                let length = bytes.len() as u64;
                (draft, passed) = spawn_blocking(|| write(draft, passed, bytes)).await??;
                tell(length);
            }
            Piece::End(sent) => {
                let came = passed.checksum();
                ensure!(
                    sent == came,
                    "the file was damaged on its way: {sent} were sent, {came} came"
                );
                spawn_blocking(|| draft.finish())
                    .await?
                    .context("the file cannot be given its name")?;
                return Ok(came);
            }
        }
    }
    bail!("the file did not come to its end")
}

fn write(mut draft: Draft, mut passed: Passed, bytes: Bytes) -> anyhow::Result<(Draft, Passed)> {
    let written = draft.file().write_all(&bytes);
    written.context("the file cannot be written")?;
    passed.add(&bytes);
    Ok((draft, passed))
}
