//! Clients that speak Pyro5's protocol: what every object offers them, and what those get that break it.

mod callers;
mod hostile;
mod objects;
mod python;
mod raw;
mod references;
mod streams;

use std::collections::BTreeMap;

use bytes::Bytes;
use farcall::python::{Exception, PyValue};
use farcall::{Context, Daemon, Streaming};
use farcall_shared::context::MetadataTooLarge;
use serde::{Deserialize, Serialize};

use crate::harness::{House, soon};
use raw::Client;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    x: i32,
    y: i32,
    label: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Shape {
    Nothing,
    Circle(u32),
    Line(u32, u32),
    Named { name: String, at: Point },
}

/// Every kind of type that travels.
#[farcall::remote]
pub(crate) trait Museum {
    fn square(&self, number: i64) -> i64;
    fn small(&self, number: u8) -> u8;
    fn half(&self, number: f64) -> f64;
    fn shift(&self, point: Point, by: (i32, i32)) -> Point;
    fn shapes(&self, shapes: Vec<Shape>) -> Vec<Shape>;
    fn reversed(&self, bytes: Vec<u8>) -> Vec<u8>;
    fn joined(&self, parts: Vec<Bytes>) -> Bytes;
    fn inventory(&self, rooms: BTreeMap<u32, Vec<String>>) -> BTreeMap<u32, Vec<String>>;
    fn maybe(&self, text: String, times: Option<u32>) -> Option<String>;
    fn checked(&self, fine: bool) -> Result<Point, String>;
    fn anything(&self, value: farcall::Value) -> farcall::Value;
    fn panics(&self);
    fn numbers(&self, below: u32) -> impl Iterator<Item = u32>;
    fn points(&self, fine: bool) -> Result<Streaming<Point>, String>;
    async fn ticks(&self, fails: bool) -> Streaming<u64>;
    async fn marked(&self) -> Result<String, MarkError>;
    fn annex(&self) -> MuseumProxy;
    async fn is_same(&self, other: MuseumProxy) -> bool;
    #[oneway]
    async fn close(&self);
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum MarkError {
    NoCall,
}

impl From<MetadataTooLarge> for MarkError {
    fn from(_: MetadataTooLarge) -> Self {
        Self::NoCall
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Hall;

impl Museum for Hall {
    fn square(&self, number: i64) -> i64 {
        number.wrapping_mul(number)
    }

    fn small(&self, number: u8) -> u8 {
        number
    }

    fn half(&self, number: f64) -> f64 {
        number / 2.0
    }

    fn shift(&self, mut point: Point, by: (i32, i32)) -> Point {
        point.x += by.0;
        point.y += by.1;
        point
    }

    fn shapes(&self, shapes: Vec<Shape>) -> Vec<Shape> {
        shapes
    }

    fn reversed(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }

    fn joined(&self, parts: Vec<Bytes>) -> Bytes {
        parts.concat().into()
    }

    fn inventory(&self, rooms: BTreeMap<u32, Vec<String>>) -> BTreeMap<u32, Vec<String>> {
        rooms
    }

    fn maybe(&self, text: String, times: Option<u32>) -> Option<String> {
        times.map(|times| text.repeat(times as usize))
    }

    fn checked(&self, fine: bool) -> Result<Point, String> {
        let point = Point {
            x: 1,
            y: 2,
            label: None,
        };
        if fine {
            Ok(point)
        } else {
            Err("nothing is fine".into())
        }
    }

    fn anything(&self, value: farcall::Value) -> farcall::Value {
        value
    }

    fn panics(&self) {
        panic!("it fell off the wall");
    }

    fn numbers(&self, below: u32) -> impl Iterator<Item = u32> {
        0..below
    }

    fn points(&self, fine: bool) -> Result<Streaming<Point>, String> {
        let point = self.checked(fine)?;
        Ok(Streaming::iter(
            (0..3).map(move |x| Point { x, ..point.clone() }),
        ))
    }

    async fn ticks(&self, fails: bool) -> Streaming<u64> {
        let last = if fails {
            Err("the clock stopped")
        } else {
            Ok(3)
        };
        Streaming::fallible(futures_util::stream::iter([Ok(1), Ok(2), last]))
    }

    async fn marked(&self) -> Result<String, MarkError> {
        let call = Context::current().ok_or(MarkError::NoCall)?;
        let said = call.metadata("MARK").unwrap_or_default();
        call.set_reply_metadata("BACK", said)?;
        Ok(format!("{:032x}", call.correlation_id()))
    }

    fn annex(&self) -> MuseumProxy {
        MuseumProxy::local(Hall)
    }

    async fn is_same(&self, other: MuseumProxy) -> bool {
        other.square(7).await == Ok(49)
    }

    async fn close(&self) {}
}

/// A daemon with a museum, and a client of it.
async fn museum() -> (House, Client) {
    let house = House::with(Daemon::builder()).await;
    house.host("museum", Hall.serve());
    let client = Client::connect(house.daemon.address(), "museum").await;
    (house, client)
}

fn dict<const N: usize>(entries: [(&str, PyValue); N]) -> PyValue {
    PyValue::Dict(entries.map(|(key, value)| (key.into(), value)).into())
}

fn list<const N: usize>(elements: [PyValue; N]) -> PyValue {
    PyValue::List(elements.into())
}

fn tuple<const N: usize>(elements: [PyValue; N]) -> PyValue {
    PyValue::Tuple(elements.into())
}

#[track_caller]
fn assert_raises(answer: Result<PyValue, Exception>, class: &str, words: &str) {
    let exception = answer.unwrap_err();
    assert_eq!(exception.class, class, "{exception:?}");
    let message = exception.message().unwrap_or_default();
    assert!(message.contains(words), "{message}");
    assert!(!exception.traceback.is_empty(), "{exception:?}");
}
