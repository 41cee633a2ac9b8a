//! Shapes and signatures of types of every kind.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::*;

/// Declares types for reading only.
macro_rules! read {
    ($($item:item)*) => {$(
        #[allow(dead_code, reason = "the fields are read by the probe alone")]
        #[derive(Deserialize)]
        $item
    )*};
}

mod attributes;
mod bounds;
mod by_hand;
mod signature;

fn text<T: for<'de> Deserialize<'de>>() -> String {
    Type::of::<T>().to_string()
}

fn signature<T: for<'de> Deserialize<'de>>() -> String {
    Type::of::<T>().signature_text()
}

read! {
    struct Job { id: u64, label: Option<String>, tags: Vec<String>, shape: Shape, extra: BTreeMap<String, f32> }
    enum Shape { Dot, Circle(f64), Rect { w: u32, h: u32 }, Pair(u8, u8) }
    struct Meters(f64);
    struct Pair(u8, String);
    struct Marker;
    struct Empty {}
    enum Never {}
    enum Tree { Leaf, Node(Box<Tree>, Box<Tree>) }
    enum Expr { Add(Box<Expr>, Box<Expr>), Literal(i64) }
    struct Parent { children: Vec<Child> }
    struct Child { name: String, parent: Option<Box<Parent>> }
    struct List(Option<Box<List>>);
    struct Grow<T> { inner: T }
    struct Chain { value: u8, next: Option<Box<Chain>> }
}

#[test]
fn primitives_have_their_own_names() {
    assert_eq!(
        text::<(bool, char, String, ())>(),
        "(bool, char, string, ())"
    );
    assert_eq!(
        text::<(i8, i16, i32, i64, i128, isize)>(),
        "(i8, i16, i32, i64, i128, i64)"
    );
    assert_eq!(
        text::<(u8, u16, u32, u64, u128, usize)>(),
        "(u8, u16, u32, u64, u128, u64)"
    );
    assert_eq!(text::<(f32, f64)>(), "(f32, f64)");
}

#[test]
fn structs_enums_and_collections_nest() {
    let shape = "Shape <Dot | Circle(f64) | Rect(w: u32, h: u32) | Pair(u8, u8)>";
    assert_eq!(
        text::<Job>(),
        format!(
            "Job {{ id: u64, label: string?, tags: [string], shape: {shape}, extra: {{string: f32}} }}"
        )
    );
    assert_eq!(
        text::<(Meters, Pair, Marker, Empty, Never)>(),
        "(Meters(f64), Pair(u8, string), (), Empty {}, Never <>)"
    );
    assert_eq!(text::<Result<Vec<f64>, String>>(), "Result<[f64], string>");
    assert_eq!(text::<Option<Option<u8>>>(), "u8??");
    assert!(!Type::of::<Job>().is_recursive());
}

#[test]
fn a_generic_type_inside_itself_is_not_taken_for_recursion() {
    assert_eq!(
        text::<Result<Result<Result<u8, ()>, String>, Result<(), u16>>>(),
        "Result<Result<Result<u8, ()>, string>, Result<(), u16>>"
    );
    assert_eq!(
        text::<Grow<Grow<Grow<u8>>>>(),
        "Grow { inner: Grow { inner: Grow { inner: u8 } } }"
    );
}

#[test]
fn types_of_std_are_read_as_in_a_compact_format() {
    assert_eq!(text::<Duration>(), "Duration { secs: u64, nanos: u32 }");
    assert_eq!(
        text::<SystemTime>(),
        "SystemTime { secs_since_epoch: u64, nanos_since_epoch: u32 }"
    );
    assert_eq!(text::<IpAddr>(), "IpAddr <V4([u8; 4]) | V6([u8; 16])>");
    assert_eq!(text::<(PathBuf, NonZeroU32, u128)>(), "(string, u32, u128)");
    assert_eq!(text::<BTreeSet<u16>>(), "[u16]");
    assert_eq!(
        text::<HashMap<String, Vec<(u8, Option<i32>)>>>(),
        "{string: [(u8, i32?)]}"
    );
    assert_eq!(text::<[u8; 4]>(), "[u8; 4]");
    assert_eq!(
        text::<(Box<u8>, Arc<str>, Cow<'static, str>, Box<[u8]>)>(),
        "(u8, string, string, [u8])"
    );
    assert_eq!(text::<(bytes::Bytes, bytes::BytesMut)>(), "(bytes, bytes)");
    assert_eq!(
        text::<std::ops::Range<u8>>(),
        "Range { start: u8, end: u8 }"
    );
}

#[test]
fn what_needs_a_neighbour_is_reached_past_one_that_refuses_zero() {
    assert_eq!(text::<HashMap<NonZeroU32, u8>>(), "{u32: u8}");
    assert_eq!(
        text::<(NonZeroU32, Shape, Job, u8)>()
            .rsplit_once(", ")
            .unwrap()
            .1,
        "u8)"
    );
    assert_eq!(
        text::<BTreeMap<IpAddr, ()>>(),
        "{IpAddr <V4([u8; 4]) | V6([u8; 16])>: ()}"
    );
    assert_eq!(text::<(serde_json::Value, u8)>(), "(any, u8)");
}

#[test]
fn recursion_ends_in_the_name() {
    let tree = Type::of::<Tree>();
    assert_eq!(tree.to_string(), "Tree <Leaf | Node(Tree, Tree)>");
    assert_eq!(tree.signature_text(), "<4:Leaf,4:Node(^1,^1,),>");
    assert!(tree.is_recursive());
    assert_eq!(signature::<Chain>(), "{5:value=u8,4:next=?^2,}");
    assert_eq!(text::<Expr>(), "Expr <Add(Expr, Expr) | Literal(i64)>");
    assert_eq!(
        text::<Parent>(),
        "Parent { children: [Child { name: string, parent: Parent? }] }"
    );
    assert_eq!(
        signature::<Parent>(),
        "{8:children=[{4:name=string,6:parent=?^4,}],}"
    );
    assert_eq!(
        text::<Child>(),
        "Child { name: string, parent: Parent { children: [Child] }? }"
    );
    assert_eq!(text::<List>(), "List(List?)");
    assert_eq!(signature::<List>(), "?^1");
    assert_eq!(signature::<Grow<List>>(), "{5:inner=?^1,}");
    assert!(Type::of::<Type>().is_recursive());
}

mod other {
    use super::*;
    read! {
        pub(super) struct Node { value: u8, child: Option<Box<super::Node>> }
    }
}
read! {
    struct Node { value: u8, child: Option<Box<other::Node>> }
}

#[test]
fn recursion_past_another_type_of_the_same_name_is_not_told() {
    let node = Type::of::<Node>();
    assert_eq!(
        node.to_string(),
        "Node { value: u8, child: Node { value: u8, child: any? }? }"
    );
    assert!(node.is_recursive());
}

#[test]
fn shapes_travel() {
    for ty in [
        Type::of::<Job>(),
        Type::of::<Parent>(),
        Type::of::<Tree>(),
        Type::of::<Pair>(),
        Type::of::<IpAddr>(),
    ] {
        assert_eq!(
            postcard::from_bytes::<Type>(&postcard::to_stdvec(&ty).unwrap()).unwrap(),
            ty
        );
        assert_eq!(
            serde_json::from_str::<Type>(&serde_json::to_string(&ty).unwrap()).unwrap(),
            ty
        );
    }
}
