//! Inputs to chunks: each input encoded once, and kept until the job is over, in case its chunk is mapped again.

use bytes::Bytes;

use super::compute::encode;
use super::contract::Chunk;
use super::{MapReduce, MapReduceError};

/// A chunk takes no further input once it has so many bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// The most inputs of a chunk where nothing else is said.
const MAX_CHUNK_INPUTS: usize = 1_024;

/// How many chunks each worker gets where nothing else is said: enough for the slow to be helped, and for a lost one to
/// cost little.
const CHUNKS_PER_WORKER: usize = 16;

/// Cuts inputs into chunks of at most `chunk_inputs`, or of what suits so many workers.
pub(super) fn cut<M: MapReduce>(
    inputs: impl IntoIterator<Item = M::Input>,
    chunk_inputs: Option<usize>,
    workers: usize,
) -> Result<Vec<Chunk>, MapReduceError> {
    let mut encoded: Vec<Bytes> = Vec::new();
    for (index, input) in inputs.into_iter().enumerate() {
        let mut bytes = Vec::new();
        encode(&input, &mut bytes).map_err(|why| MapReduceError::Input {
            index: index as u64,
            why: format!("it cannot be sent: {why}"),
        })?;
        encoded.push(bytes.into());
    }
    let suits = encoded.len().div_ceil(CHUNKS_PER_WORKER * workers.max(1));
    let most = chunk_inputs.unwrap_or(suits.min(MAX_CHUNK_INPUTS)).max(1);
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut bytes = 0;
    for (first, input) in (0..).zip(encoded) {
        let grown = bytes + input.len();
        match chunks.last_mut() {
            Some(chunk) if chunk.inputs.len() < most && grown <= CHUNK_BYTES => {
                bytes = grown;
                chunk.inputs.push(input);
            }
            _ => {
                bytes = input.len();
                chunks.push(Chunk {
                    first,
                    inputs: vec![input],
                });
            }
        }
    }
    Ok(chunks)
}
