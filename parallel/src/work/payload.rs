//! Items and results as bytes.

use bytes::Bytes;
use farcall_shared::wire::codec::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MAX_ITEM_BYTES, QueueError, WorkError, contract::Outcome};

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let encoded = Codec::Postcard.encode(value, &mut bytes, MAX_ITEM_BYTES);
    encoded.map_err(|e| e.to_string())?;
    Ok(bytes.into())
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    Codec::Postcard.decode(bytes).map_err(|e| e.to_string())
}

pub(super) fn encode_item<T: Serialize>(item: &T) -> Result<Bytes, QueueError> {
    encode(item).map_err(QueueError::Unencodable)
}

pub(super) fn read<R: DeserializeOwned>(outcome: Outcome) -> (u64, Result<R, WorkError>) {
    let worker = outcome.worker;
    let result = outcome
        .end
        .and_then(|bytes| decode(&bytes).map_err(|text| WorkError::Result { worker, text }));
    (outcome.index, result)
}
