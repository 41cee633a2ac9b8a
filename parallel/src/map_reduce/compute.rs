//! The user's computation over bytes: a chunk to blocks, blocks to an output, two outputs to one.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use farcall_shared::shape::{Type, hash};
use farcall_shared::wire::codec::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MapReduce;
use super::contract::{Chunk, Fault, MAX_BLOCK_BYTES};

/// The longest text of a key in a report, in characters.
const MAX_KEY_CHARS: usize = 64;

/// A key, its value, and how many values went into that.
type Entry<M> = (<M as MapReduce>::Key, <M as MapReduce>::Value, u64);

/// What one chunk gave for one partition.
pub(super) struct Block {
    pub(super) bytes: Bytes,
    pub(super) values: u64,
    pub(super) keys: u64,
}

/// What a partition gave.
pub(super) struct Output {
    pub(super) bytes: Bytes,
    pub(super) keys: u64,
    pub(super) heaviest: Option<(String, u64)>,
}

/// A number that differs for programs whose types differ in shape.
pub(super) fn signature<M: MapReduce>() -> u64 {
    hash(&Type::of::<(M::Input, Entry<M>, M::Output)>().signature_text())
}

/// Maps a chunk and combines what it gives; one block for each partition, `None` where no key fell into it.
pub(super) fn map<M: MapReduce>(
    computation: &M,
    chunk: &Chunk,
    partitions: u32,
    max_keys: usize,
) -> Result<Vec<Option<Block>>, Fault> {
    let mut table = Table::new(computation);
    for (position, input) in (chunk.first..).zip(&chunk.inputs) {
        let unmapped = |why: String| Fault::Input {
            input: position,
            why,
        };
        let input: M::Input =
            decode(input).map_err(|why| unmapped(format!("unreadable: {why}")))?;
        // The table is not used again after a panic.
        let mapping = AssertUnwindSafe(|| {
            computation.map(input, &mut |key, value| {
                if table.entries.len() < max_keys {
                    table.add(key, value, 1);
                }
            });
        });
        catch_unwind(mapping).map_err(|panic| unmapped(panicked(&*panic)))?;
        if table.entries.len() >= max_keys {
            let what = format!("input {position} brings a chunk to its limit of {max_keys} keys");
            return Err(Fault::Full { what });
        }
    }
    encode_by_partition(table, chunk, partitions)
}

fn encode_by_partition<M: MapReduce>(
    table: Table<'_, M>,
    chunk: &Chunk,
    partitions: u32,
) -> Result<Vec<Option<Block>>, Fault> {
    let mut sorted: Vec<Vec<Entry<M>>> = (0..partitions).map(|_| Vec::new()).collect();
    let mut key_bytes = Vec::new();
    for (key, (value, count)) in table.entries {
        key_bytes.clear();
        encode(&key, &mut key_bytes).map_err(|why| Fault::Malformed {
            what: format!("key {} cannot be sent: {why}", shown(&key)),
        })?;
        if let Some(entries) = sorted.get_mut(partition_of(&key_bytes, partitions)) {
            entries.push((key, value, count));
        }
    }
    let blocks = sorted.iter().enumerate().map(|(partition, entries)| {
        if entries.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        encode(entries, &mut bytes).map_err(|why| Fault::Full {
            what: format!(
                "what the {} inputs from {} on give for partition {partition}: {why}",
                chunk.inputs.len(),
                chunk.first
            ),
        })?;
        Ok(Some(Block {
            bytes: bytes.into(),
            values: entries.iter().map(|(_, _, count)| count).sum(),
            keys: entries.len() as u64,
        }))
    });
    blocks.collect()
}

/// Reduces the blocks of one partition, in their order.
pub(super) fn reduce<M: MapReduce>(computation: &M, blocks: &[Bytes]) -> Result<Output, Fault> {
    let mut table = Table::new(computation);
    for block in blocks {
        let entries: Vec<Entry<M>> = decode(block).map_err(unreadable)?;
        for (key, value, count) in entries {
            table.add(key, value, count);
        }
    }
    let mut entries: Vec<_> = table.entries.into_iter().collect();
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let heaviest = entries
        .iter()
        .map(|(key, (_, count))| (key, *count))
        .max_by_key(|(_, count)| *count)
        .map(|(key, count)| (shown(key), count));
    let keys = entries.len() as u64;
    let pairs = entries.into_iter().map(|(key, (value, _))| (key, value));
    Ok(Output {
        bytes: encode_output(&computation.finish(pairs))?,
        keys,
        heaviest,
    })
}

/// Merges two outputs.
pub(super) fn merge<M: MapReduce>(
    computation: &M,
    first: &Bytes,
    second: &Bytes,
) -> Result<Bytes, Fault> {
    let first: M::Output = decode(first).map_err(unreadable)?;
    let second = decode(second).map_err(unreadable)?;
    encode_output(&computation.merge(first, second))
}

/// Keys with their values so far.
struct Table<'a, M: MapReduce> {
    computation: &'a M,
    entries: HashMap<M::Key, (M::Value, u64)>,
}

impl<'a, M: MapReduce> Table<'a, M> {
    fn new(computation: &'a M) -> Self {
        Self {
            computation,
            entries: HashMap::new(),
        }
    }

    fn add(&mut self, key: M::Key, value: M::Value, count: u64) {
        match self.entries.get_mut(&key) {
            Some((so_far, values)) => {
                self.computation.combine(&key, so_far, value);
                *values = values.saturating_add(count);
            }
            None => {
                self.entries.insert(key, (value, count));
            }
        }
    }
}

/// FNV-1a of 64 bits over the encoded key, folded: the same in every process and on every machine.
fn partition_of(key: &[u8], partitions: u32) -> usize {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = key.iter().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    });
    ((hash ^ (hash >> 32)) % u64::from(partitions.max(1))) as usize
}

pub(super) fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    Codec::Postcard
        .encode(value, out, MAX_BLOCK_BYTES)
        .map_err(|e| e.to_string())
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    Codec::Postcard.decode(bytes).map_err(|e| e.to_string())
}

fn encode_output<T: Serialize>(output: &T) -> Result<Bytes, Fault> {
    let mut bytes = Vec::new();
    encode(output, &mut bytes).map_err(|why| Fault::Full {
        what: format!("an output cannot be sent: {why}"),
    })?;
    Ok(bytes.into())
}

fn unreadable(why: String) -> Fault {
    Fault::Malformed {
        what: format!("a block cannot be read: {why}"),
    }
}

/// A key for people, cut to a length that fits in a line.
fn shown(key: &impl std::fmt::Debug) -> String {
    let text = format!("{key:?}");
    match text.char_indices().nth(MAX_KEY_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.as_deref().unwrap_or("(no text)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_key_is_the_same_in_every_process() {
        let partitions = ["", "a", "the", "word"].map(|key| partition_of(key.as_bytes(), 1_000));
        assert_eq!(partitions, [945, 824, 77, 899]);
        assert_eq!(partition_of(b"a", 1), 0);
    }

    #[test]
    fn a_long_key_is_cut_for_people() {
        assert_eq!(shown(&"a"), "\"a\"");
        assert_eq!(shown(&"ü".repeat(100)).chars().count(), MAX_KEY_CHARS + 1);
    }
}
