//! Huge, deep and hostile types.

use std::time::{Duration, Instant};

use super::*;

read! {
    struct Wide<T> {
        a0: T, a1: T, a2: T, a3: T, a4: T, a5: T, a6: T, a7: T, b0: T, b1: T, b2: T, b3: T, b4: T, b5: T, b6: T, b7: T,
        c0: T, c1: T, c2: T, c3: T, c4: T, c5: T, c6: T, c7: T, d0: T, d1: T, d2: T, d3: T, d4: T, d5: T, d6: T, d7: T,
    }
}

fn nodes(ty: &Type) -> usize {
    1 + match ty {
        Type::Struct { fields, .. } => fields.iter().map(|field| nodes(&field.ty)).sum(),
        Type::Tuple(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}

/// A hundred times what it takes in a debug build, for busy machines.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_huge_type_is_described_in_full_and_soon() {
    let started = Instant::now();
    let wide = Type::of::<Wide<Wide<u8>>>();
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert!(!wide.is_recursive());
    assert_eq!(nodes(&wide), 1 + 32 + 32 * 32);
}

#[test]
fn past_the_most_nodes_the_rest_is_any() {
    let structs = Type::of::<Wide<Wide<Wide<u8>>>>();
    let arrays = Type::of::<[[[u8; 32]; 32]; 32]>();
    for ty in [structs, arrays] {
        assert!(ty.is_recursive());
        assert!(nodes(&ty) < MAX_NODES + 3 * 32, "{}", nodes(&ty));
    }
}

#[test]
fn a_value_too_large_for_the_stack_is_not_entered() {
    assert_eq!(text::<Wide<Wide<Wide<Wide<Wide<u64>>>>>>(), "any");
    assert_eq!(text::<Vec<[[[u64; 32]; 32]; 16]>>(), "[[any; 16]]",);
    assert_eq!(
        text::<Grow<[[u64; 32]; 32]>>(),
        "Grow { inner: [[u64; 32]; 32] }"
    );
}

type Eight<T> = Option<Option<Option<Option<Option<Option<Option<Option<T>>>>>>>>;

#[test]
fn depth_is_bounded() {
    assert!(!Type::of::<Eight<Eight<u8>>>().is_recursive());
    let deep = Type::of::<Eight<Eight<Eight<Eight<Eight<Eight<Eight<Eight<Eight<u8>>>>>>>>>>();
    assert_eq!(deep.signature_text(), "?".repeat(MAX_DEPTH) + "any");
    let bytes = postcard::to_stdvec(&deep).unwrap();
    assert_eq!(postcard::from_bytes::<Type>(&bytes).unwrap(), deep);
}

#[test]
fn a_type_from_a_peer_that_nests_too_deep_is_refused() {
    let option = postcard::to_stdvec(&Type::Option(Box::new(Type::Unit))).unwrap()[0];
    let mut bytes = vec![option; 1_000_000];
    assert!(postcard::from_bytes::<Type>(&bytes).is_err());
    bytes.truncate(MAX_DEPTH + 1);
    bytes.push(0);
    assert!(postcard::from_bytes::<Type>(&bytes).is_err());
    bytes.truncate(MAX_DEPTH);
    bytes.push(0);
    assert_eq!(
        postcard::from_bytes::<Type>(&bytes)
            .unwrap()
            .signature_text(),
        "?".repeat(MAX_DEPTH) + "()"
    );
}
