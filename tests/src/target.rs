//! The object that forged calls are for: arguments of every shape, methods that answer at once, later and never.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use farcall::Streaming;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};

/// A struct with what structs usually have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// A number.
    pub id: u32,
    /// A list.
    pub tags: Vec<String>,
    /// An option.
    pub note: Option<String>,
}

/// An enum with each kind of variant, inside itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// No content.
    Dot,
    /// One value.
    Circle(f64),
    /// Several values.
    Line(i8, i8),
    /// Named values.
    Rect {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// Itself again.
    Group(Vec<Shape>),
    /// Itself again, once.
    Turned(f32, Box<Shape>),
}

/// A struct that nests by a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// What is below.
    pub below: Vec<Tree>,
}

/// A struct that nests by an option.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Nest {
    /// What is inside.
    pub inside: Option<Box<Nest>>,
}

/// Every number, and what is written like one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Numbers {
    pub small: (u8, i8, u16, i16),
    pub large: (u32, i32, u64, i64),
    pub huge: (u128, i128),
    pub real: (f32, f64),
    pub odd: (bool, char, ()),
}

/// Types of the standard library whose reading has rules of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Ruled {
    pub address: IpAddr,
    pub time: Duration,
    pub never_zero: NonZeroU16,
    pub range: std::ops::Range<u8>,
    pub row: [u16; 4],
    pub text: Box<str>,
}

/// Methods with arguments of every shape.
#[farcall::remote]
pub trait Target {
    /// Squares one number, on the compute pool.
    #[idempotent]
    fn square(&self, number: i64) -> i64;
    /// Counts what it got, on the compute pool.
    fn draw(&self, shapes: Vec<Shape>, by: Option<String>) -> Result<u64, String>;
    /// Gives back what it got.
    async fn echo(&self, text: String) -> String;
    /// Gives back what it got.
    async fn blob(&self, bytes: Bytes) -> Bytes;
    /// Gives so many bytes, at most 4096, after it let others run.
    async fn later(&self, count: u32) -> Vec<u8>;
    /// Waits for ever.
    async fn never(&self, number: u64) -> u64;
    /// Gives back what it got.
    async fn plant(&self, tree: Tree, nest: Nest) -> Tree;
    /// Counts what it got.
    async fn count(&self, words: BTreeMap<String, Vec<u32>>, jobs: HashMap<u32, Job>) -> u64;
    /// Gives back what it got.
    async fn number(&self, numbers: Numbers, ruled: Option<Ruled>) -> Numbers;
    /// Does nothing.
    async fn nothing(&self);
    /// Keeps nothing, and tells nobody.
    #[oneway]
    async fn note(&self, line: String);
    /// Calls one object, keeps none, and gives back the others.
    async fn meet(&self, who: Option<TargetProxy>, others: Vec<TargetProxy>) -> Vec<TargetProxy>;
    /// So many numbers.
    fn count_to(&self, end: u64) -> impl Iterator<Item = u64>;
    /// Reads a stream to its end.
    async fn sum(&self, numbers: Streaming<u64>) -> Option<u64>;
    /// Gives back what it got.
    fn echoes(&self, lines: Streaming<String>) -> impl Stream<Item = String>;
}

/// How long a [`Target`] waits for one that it calls.
const PATIENCE: Duration = Duration::from_millis(20);

/// A [`Target`].
#[derive(Clone, Copy, Debug)]
pub struct Dummy;

impl Target for Dummy {
    fn square(&self, number: i64) -> i64 {
        number.wrapping_mul(number)
    }

    fn draw(&self, shapes: Vec<Shape>, by: Option<String>) -> Result<u64, String> {
        by.map_or(Ok(shapes.len() as u64), Err)
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn blob(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    async fn later(&self, count: u32) -> Vec<u8> {
        tokio::task::yield_now().await;
        vec![7; count.min(4096) as usize]
    }

    async fn never(&self, _: u64) -> u64 {
        std::future::pending().await
    }

    async fn plant(&self, tree: Tree, _: Nest) -> Tree {
        tree
    }

    async fn count(&self, words: BTreeMap<String, Vec<u32>>, jobs: HashMap<u32, Job>) -> u64 {
        (words.len() + jobs.len()) as u64
    }

    async fn number(&self, numbers: Numbers, _: Option<Ruled>) -> Numbers {
        numbers
    }

    async fn nothing(&self) {}

    async fn note(&self, _: String) {}

    async fn meet(&self, who: Option<TargetProxy>, others: Vec<TargetProxy>) -> Vec<TargetProxy> {
        if let Some(who) = who {
            let _ = who.with_deadline(PATIENCE).later(3).await;
        }
        others
    }

    fn count_to(&self, end: u64) -> impl Iterator<Item = u64> {
        1..=end
    }

    async fn sum(&self, mut numbers: Streaming<u64>) -> Option<u64> {
        let mut sum = 0u64;
        while let Some(number) = numbers.next().await {
            sum = sum.wrapping_add(number.ok()?);
        }
        Some(sum)
    }

    fn echoes(&self, lines: Streaming<String>) -> impl Stream<Item = String> {
        lines
            .take_while(|line| std::future::ready(line.is_ok()))
            .filter_map(|line| std::future::ready(line.ok()))
    }
}
