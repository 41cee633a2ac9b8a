//! Contracts that changed on one side: what is the same still works, and nothing else is ever called instead.

use farcall::descriptor::Method;
use farcall::{Arguments, DynamicProxy, Value};

use crate::harness::{House, assert_ends, soon};

/// The contract as its callers know it.
mod before {
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Entry {
        pub(crate) title: String,
        pub(crate) amount: i64,
    }

    /// Read as any number.
    #[derive(Debug, Serialize, Deserialize)]
    pub(crate) struct Share(pub(crate) u8);

    #[farcall::remote]
    pub(crate) trait Ledger {
        async fn first(&self) -> String;
        async fn second(&self) -> String;
        fn add(&self, left: i64, right: i64) -> i64;
        fn scale(&self, by: i32) -> i32;
        async fn entry(&self, number: u64) -> Entry;
        async fn put(&self, entry: Entry) -> u64;
        async fn removed(&self) -> u64;
        async fn renamed(&self) -> u64;
        async fn waits_or_computes(&self) -> u64;
        async fn share(&self, share: Share) -> Share;
        #[oneway]
        async fn tell(&self, line: String);
    }
}

/// The contract as the daemon has it: other methods, in another order.
mod after {
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Entry {
        pub(crate) title: String,
        pub(crate) amount: i64,
        pub(crate) currency: String,
    }

    #[derive(Debug, Serialize, Deserialize)]
    pub(crate) struct Share(pub(crate) u8);

    #[farcall::remote]
    pub(crate) trait Ledger {
        async fn added(&self) -> String;
        async fn second(&self) -> String;
        async fn share(&self, share: Share) -> Share;
        async fn rename(&self) -> u64;
        async fn put(&self, entry: Entry) -> u64;
        async fn entry(&self, number: u64) -> Entry;
        fn scale(&self, by: i64) -> i64;
        fn add(&self, addend: i64, other: i64) -> i64;
        #[idempotent]
        fn waits_or_computes(&self) -> u64;
        async fn tell(&self, line: Vec<String>);
        async fn first(&self) -> String;
    }
}

struct Book;

impl after::Ledger for Book {
    async fn added(&self) -> String {
        "added".into()
    }
    async fn second(&self) -> String {
        "second".into()
    }
    async fn share(&self, share: after::Share) -> after::Share {
        share
    }
    async fn rename(&self) -> u64 {
        panic!("nobody calls this")
    }
    async fn put(&self, _: after::Entry) -> u64 {
        panic!("nobody calls this")
    }
    async fn entry(&self, _: u64) -> after::Entry {
        panic!("nobody calls this")
    }
    fn scale(&self, _: i64) -> i64 {
        panic!("nobody calls this")
    }
    fn add(&self, addend: i64, other: i64) -> i64 {
        addend + other
    }
    fn waits_or_computes(&self) -> u64 {
        3
    }
    async fn tell(&self, _: Vec<String>) {
        panic!("nobody calls this")
    }
    async fn first(&self) -> String {
        "first".into()
    }
}

async fn book() -> (House, before::LedgerProxy) {
    let house = House::new().await;
    let uri = house.host("book", after::Ledger::serve(Book));
    let ledger = soon(before::LedgerProxy::connect(&uri)).await.unwrap();
    (house, ledger)
}

#[tokio::test]
async fn methods_that_did_not_change_work_wherever_they_stand_now() {
    let (_house, ledger) = book().await;
    assert_eq!(soon(ledger.first()).await, Ok("first".into()));
    assert_eq!(soon(ledger.second()).await, Ok("second".into()));
    assert_eq!(soon(ledger.add(40, 2)).await, Ok(42));
    assert_eq!(soon(ledger.waits_or_computes()).await, Ok(3));
    assert_eq!(soon(ledger.share(before::Share(7))).await.unwrap().0, 7);
}

#[tokio::test]
async fn methods_that_changed_are_refused_by_name_and_nothing_is_called_instead() {
    let (house, ledger) = book().await;
    let unknown = "Rejected(UnknownMethod)";
    let scale = soon(ledger.scale(2)).await;
    assert_ends(
        scale,
        unknown,
        &["'scale' has another signature", "scale(by: i64)"],
    );
    assert_ends(
        soon(ledger.entry(1)).await,
        unknown,
        &["'entry' has another signature", "currency"],
    );
    let entry = before::Entry {
        title: "tea".into(),
        amount: 3,
    };
    assert_ends(
        soon(ledger.put(entry)).await,
        unknown,
        &["'put'", "currency"],
    );
    assert_ends(
        soon(ledger.removed()).await,
        unknown,
        &["Ledger has no method 'removed'"],
    );
    assert_ends(
        soon(ledger.renamed()).await,
        unknown,
        &["'renamed'", "did you mean rename"],
    );
    // Nobody hears of a one-way call that was refused, and it runs nothing.
    assert_eq!(soon(ledger.tell("x".into())).await, Ok(()));
    assert_eq!(soon(ledger.first()).await, Ok("first".into()));
    house.works().await;
}

#[tokio::test]
async fn a_caller_by_name_needs_no_contract() {
    let (house, _) = book().await;
    let uri = house.uri.replace("desk", "book");
    let book = soon(DynamicProxy::connect(&uri)).await.unwrap();
    let by_name = Arguments::named([("other", Value::Int(1)), ("addend", Value::Int(2))]);
    assert_eq!(soon(book.call("add", by_name)).await, Ok(Value::Int(3)));
}

#[tokio::test]
async fn an_object_of_another_contract_answers_none_of_the_methods() {
    let house = House::new().await;
    let ledger = soon(before::LedgerProxy::connect(&house.uri))
        .await
        .unwrap();
    let error = soon(ledger.first()).await;
    assert_ends(
        error,
        "Rejected(UnknownMethod)",
        &["Desk has no method 'first'"],
    );
}

/// The same shapes under other names, and near misses.
#[expect(dead_code, reason = "only their descriptors are looked at")]
mod shapes {
    macro_rules! contracts {
        ($($module:ident { $item:item $($method:tt)* })*) => { $(
            pub(crate) mod $module {
                #[derive(serde::Serialize, serde::Deserialize)]
                $item
                #[farcall::remote]
                pub(crate) trait Shape {
                    $($method)*
                }
            }
        )* };
    }

    contracts! {
        base { pub(crate) struct Point { x: i32, y: i32 } async fn go(&self, to: Point) -> u8; }

        other_argument_name { pub(crate) struct Point { x: i32, y: i32 } async fn go(&self, there: Point) -> u8; }
        computes { pub(crate) struct Point { x: i32, y: i32 } fn go(&self, to: Point) -> u8; }
        idempotent { pub(crate) struct Point { x: i32, y: i32 } #[idempotent] async fn go(&self, to: Point) -> u8; }
        documented { pub(crate) struct Point { x: i32, y: i32 } /** Goes. */ async fn go(&self, to: Point) -> u8; }

        other_method_name { pub(crate) struct Point { x: i32, y: i32 } async fn walk(&self, to: Point) -> u8; }
        field_type { pub(crate) struct Point { x: i32, y: i64 } async fn go(&self, to: Point) -> u8; }
        field_name { pub(crate) struct Point { x: i32, z: i32 } async fn go(&self, to: Point) -> u8; }
        field_order { pub(crate) struct Point { y: i32, x: i32 } async fn go(&self, to: Point) -> u8; }
        field_added { pub(crate) struct Point { x: i32, y: i32, z: i32 } async fn go(&self, to: Point) -> u8; }
        field_removed { pub(crate) struct Point { x: i32 } async fn go(&self, to: Point) -> u8; }
        optional_field { pub(crate) struct Point { x: i32, y: Option<i32> } async fn go(&self, to: Point) -> u8; }
        tuple { pub(crate) struct Point(i32, i32); async fn go(&self, to: Point) -> u8; }
        result { pub(crate) struct Point { x: i32, y: i32 } async fn go(&self, to: Point) -> u16; }
        no_result { pub(crate) struct Point { x: i32, y: i32 } async fn go(&self, to: Point); }
        more_arguments { pub(crate) struct Point { x: i32, y: i32 } async fn go(&self, to: Point, fast: bool) -> u8; }
        list { pub(crate) struct Point { x: i32, y: i32 } async fn go(&self, to: Vec<Point>) -> u8; }
    }
}

fn signature(descriptor: &farcall::descriptor::Descriptor) -> u64 {
    let [Method { signature, .. }] = descriptor.methods[..] else {
        panic!("one method");
    };
    signature
}

#[test]
fn a_signature_changes_with_the_shapes_and_the_name_of_a_method_and_with_nothing_else() {
    use shapes as s;
    macro_rules! signatures {
        ($($module:ident),*) => { [$((stringify!($module), signature(s::$module::ShapeProxy::descriptor()))),*] };
    }
    let base = signature(s::base::ShapeProxy::descriptor());
    for (what, signature) in signatures![other_argument_name, computes, idempotent, documented] {
        assert_eq!(signature, base, "{what}");
    }
    let mut different = signatures![
        base,
        other_method_name,
        field_type,
        field_name,
        field_order,
        field_added,
        field_removed,
        optional_field,
        tuple,
        result,
        no_result,
        more_arguments,
        list
    ];
    different.sort_by_key(|(_, signature)| *signature);
    for pair in different.windows(2) {
        assert_ne!(pair[0].1, pair[1].1, "{} and {}", pair[0].0, pair[1].0);
    }
}

/// A type that its two sides read differently although it has one shape.
mod strict {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(try_from = "u8")]
    pub(crate) struct Share(pub(crate) u8);

    impl TryFrom<u8> for Share {
        type Error = String;

        fn try_from(number: u8) -> Result<Self, String> {
            if number <= 100 {
                Ok(Self(number))
            } else {
                Err("more than all".into())
            }
        }
    }

    #[farcall::remote]
    pub(crate) trait Shares {
        async fn of(&self, holder: u8) -> Share;
    }
}

mod lax {
    #[farcall::remote]
    pub(crate) trait Shares {
        async fn of(&self, holder: u8) -> u8;
    }
}

struct Half;

impl lax::Shares for Half {
    async fn of(&self, holder: u8) -> u8 {
        holder
    }
}

#[tokio::test]
async fn a_result_that_the_caller_cannot_read_is_a_failure() {
    let house = House::new().await;
    let uri = house.host("shares", lax::Shares::serve(Half));
    let shares = soon(strict::SharesProxy::connect(&uri)).await.unwrap();
    assert_eq!(soon(shares.of(50)).await.unwrap().0, 50);
    assert_ends(
        soon(shares.of(200)).await,
        "Failed(Unreadable)",
        &["of of far:shares@", "cannot be read"],
    );
    house.works().await;
}
