//! Frames of streams and references by hand.

use farcall::Address;
use farcall_shared::wire::attached::{self, Entry};
use farcall_shared::wire::codec::Codec;
use farcall_shared::wire::frame::flow::{self, Credit, Release};
use farcall_shared::wire::frame::{self, CallFrame};
use farcall_shared::wire::handshake::{Side, feature};
use serde::Serialize;

use crate::hostile::wire::{Raw, Said, bind_to, call, hello_with};
use crate::two_way::HubProxy;

/// The number of one of the hub's methods.
pub(super) fn method(name: &str) -> u16 {
    let methods = &HubProxy::descriptor().methods;
    methods.iter().position(|m| m.name == name).unwrap() as u16
}

/// A hello that knows streams and references.
pub(super) fn greeting(side: Side) -> Vec<u8> {
    hello_with(side, feature::TWO_WAY)
}

/// Dials, shakes hands and binds the hub as handle 0.
pub(super) async fn bound_to_hub(address: &Address) -> Raw {
    let mut raw = Raw::dial(address).await;
    raw.send(&greeting(Side::Dialled)).await;
    assert!(raw.welcome().await);
    raw.send(&bind_hub()).await;
    assert_eq!(raw.said().await, Said::Bound(0, 0, String::new()));
    raw
}

pub(super) fn bind_hub() -> Vec<u8> {
    bind_to("hub", HubProxy::descriptor(), 0, Codec::Postcard)
}

/// A call of the hub.
pub(super) fn ask(id: u32, name: &str, arguments: &impl Serialize) -> Vec<u8> {
    call(id, method(name), arguments)
}

/// A call of the hub with attachments; `arguments` are written already.
pub(super) fn ask_with(id: u32, name: &str, arguments: &[u8], entries: &[Entry<'_>]) -> Vec<u8> {
    ask_raw(id, name, &with_list(arguments, entries))
}

/// The same with anything behind the header.
pub(super) fn ask_raw(id: u32, name: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let head = CallFrame {
        flags: frame::flag::ATTACHED,
        method: method(name),
        id,
        handle: 0,
        deadline_ms: 60_000,
        trace: None,
        name: None,
        body: &[],
    };
    let start = frame::begin_call(&mut out, &head);
    out.extend_from_slice(body);
    frame::end(&mut out, start);
    out
}

/// What stands at a place, as postcard has it in the arguments.
pub(super) const FIRST_OBJECT: &[u8] = &[0];
/// The same for a stream, beside which the type of its items has a place.
pub(super) const FIRST_STREAM: &[u8] = &[0, 0];

/// A value and the list behind it.
pub(super) fn with_list(value: &[u8], entries: &[Entry<'_>]) -> Vec<u8> {
    let mut body = value.to_vec();
    for entry in entries {
        assert!(attached::put(&mut body, entry));
    }
    attached::end(&mut body, value.len());
    body
}

/// A call that opens a stream of this number and holds it.
pub(super) fn opens(id: u32, stream: u32) -> Vec<u8> {
    ask_with(id, "hold", FIRST_STREAM, &[Entry::Stream(stream)])
}

pub(super) fn item(stream: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = flow::begin_item(&mut out, stream);
    out.extend_from_slice(value);
    frame::end(&mut out, start);
    out
}

/// An item of several values.
pub(super) fn packed(stream: u32, values: &[&[u8]]) -> Vec<u8> {
    let several = values.iter().flat_map(|value| {
        let length = (value.len() as u16).to_le_bytes();
        [&length[..], value].concat()
    });
    packed_raw(stream, &several.collect::<Vec<u8>>())
}

pub(super) fn packed_raw(stream: u32, body: &[u8]) -> Vec<u8> {
    let mut out = item(stream, body);
    flow::mark_packed(&mut out, 0);
    out
}

pub(super) fn item_with(stream: u32, value: &[u8], entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = flow::begin_item(&mut out, stream);
    out.extend_from_slice(&with_list(value, entries));
    flow::mark_attached(&mut out, start);
    frame::end(&mut out, start);
    out
}

pub(super) fn end_of(stream: u32) -> Vec<u8> {
    let mut out = Vec::new();
    flow::put_end(&mut out, stream, 0, "");
    out
}

pub(super) fn stop(stream: u32) -> Vec<u8> {
    let mut out = Vec::new();
    flow::put_stop(&mut out, stream);
    out
}

pub(super) fn credit(of: u32, bytes: u32) -> Vec<u8> {
    let mut out = Vec::new();
    flow::put_credit(&mut out, Credit { of, bytes });
    out
}

pub(super) fn release(export: u64, count: u32) -> Vec<u8> {
    let mut out = Vec::new();
    flow::put_release(&mut out, Release { export, count });
    out
}

/// A reply with attachments.
pub(super) fn reply_with(id: u32, value: &[u8], entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame::begin_reply(&mut out, 0, id);
    out.extend_from_slice(&with_list(value, entries));
    flow::mark_attached(&mut out, start);
    frame::end(&mut out, start);
    out
}

/// The first entry of the list behind a value.
pub(super) fn first_entry(body: &[u8]) -> Entry<'_> {
    let (_, mut list) = attached::split(body).unwrap();
    attached::next(&mut list).unwrap().unwrap()
}
