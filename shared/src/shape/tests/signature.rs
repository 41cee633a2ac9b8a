//! The signature and its hash.

use super::*;

#[test]
fn the_signature_is_as_documented() {
    let shape = "<3:Dot,6:Circle=f64,4:Rect{1:w=u32,1:h=u32,},4:Pair(u8,u8,),>";
    assert_eq!(
        signature::<Job>(),
        format!(
            "{{2:id=u64,5:label=?string,4:tags=[string],5:shape={shape},5:extra=map(string,f32),}}"
        )
    );
    assert_eq!(
        signature::<(Meters, Pair, Marker, Empty, Never)>(),
        "(f64,(u8,string,),(),{},<>,)"
    );
    assert_eq!(
        signature::<Result<(), bytes::Bytes>>(),
        "<2:Ok=(),3:Err=bytes,>"
    );
}

#[test]
fn a_reference_to_nothing_is_any() {
    assert_eq!(
        Type::Recursive("Nowhere".to_owned()).signature_text(),
        "any"
    );
}

#[test]
fn the_hash_is_that_of_its_authors() {
    assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn any_change_of_the_encoding_or_of_a_name_changes_the_signature() {
    /// The signatures of several types called `T`.
    macro_rules! versions {
        ($($item:item)*) => { [$({
            read! { $item }
            (signature::<T>(), stringify!($item))
        }),*] };
    }
    let versions = versions! {
        struct T { a: u8, b: Vec<Option<(u8, char)>> }
        struct T { a: u8 }
        struct T { a: u8, b: Vec<Option<(u8, char)>>, c: () }
        struct T { b: Vec<Option<(u8, char)>>, a: u8 }
        struct T { a: u8, bb: Vec<Option<(u8, char)>> }
        struct T { a: i8, b: Vec<Option<(u8, char)>> }
        struct T { a: u16, b: Vec<Option<(u8, char)>> }
        struct T { a: u8, b: Vec<Option<(u16, char)>> }
        struct T { a: u8, b: Vec<(u8, char)> }
        struct T { a: u8, b: Option<Vec<(u8, char)>> }
        struct T { a: u8, b: Vec<Option<(char, u8)>> }
        struct T { a: u8, #[serde(rename = "b=[?(u8,char,)],1:c")] b: u8 }
        struct T(u8, Vec<Option<(u8, char)>>);
        enum T { A, B(u8) }
        enum T { B(u8), A }
        enum T { A, B(u8), C }
        enum T { A, C, B(u8) }
        enum T { A, C(u8) }
        enum T { A(()), B(u8) }
        enum T { A, B(u8, u8) }
        enum T { A, B((u8, u8)) }
        enum T { A, B { b: u8 } }
        enum T { A, B { c: u8 } }
        enum T { A, B(Box<T>) }
        enum T { A, B(Option<Box<T>>) }
        struct T { next: Option<Box<T>> }
        struct T { next: Vec<T> }
    };
    for (index, (one, source)) in versions.iter().enumerate() {
        for (other, other_source) in &versions[..index] {
            assert_ne!(one, other, "{source}\n{other_source}");
            assert_ne!(hash(one), hash(other), "{source}\n{other_source}");
        }
    }
}

mod renamed {
    use super::*;
    read! {
        pub(super) struct Task { id: u64, label: Option<String>, tags: Vec<String>, shape: Figure, extra: BTreeMap<String, f32> }
        enum Figure { Dot, Circle(Feet), Rect { w: u32, h: u32 }, Pair(u8, u8) }
        struct Feet(f64);
        pub(super) enum Bush { Leaf, Node(Box<Bush>, Box<Bush>) }
        pub(super) struct Mother { children: Vec<Kid> }
        struct Kid { name: String, parent: Option<Box<Mother>> }
    }
}

#[test]
fn renaming_a_container_keeps_the_signature() {
    assert_eq!(signature::<Job>(), signature::<renamed::Task>());
    assert_eq!(signature::<Tree>(), signature::<renamed::Bush>());
    assert_eq!(signature::<Parent>(), signature::<renamed::Mother>());
}
