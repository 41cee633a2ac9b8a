//! What serde's attributes make of a type.

use serde::de::{Deserializer, Error};

use super::*;

fn one() -> u8 {
    1
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

read! {
    #[serde(rename = "job", rename_all = "camelCase")]
    struct Renamed { long_name: u8, #[serde(rename = "x")] other: u8, #[serde(default = "one")] plain: u8, #[serde(skip)] gone: u8 }
    #[serde(rename_all = "snake_case")]
    enum Kind { FirstOne, #[serde(skip)] Gone, Last(u8) }
    struct Flat { id: u8, #[serde(flatten)] rest: Meta }
    struct Meta { a: u8 }
    #[serde(untagged)]
    enum Untagged { Number(u8), Text(String) }
    #[serde(tag = "type")]
    enum Internal { One { a: u8 }, Two }
    #[serde(tag = "t", content = "c")]
    enum Adjacent { One(u8), Two }
    struct With { #[serde(deserialize_with = "from_text")] number: u32, after: u8 }
    #[serde(transparent)]
    struct Clear { inner: u8 }
    #[serde(try_from = "u16")]
    struct Even(u16);
    #[serde(deny_unknown_fields)]
    struct Strict { even: Even, other: Vec<Even>, last: (u8, Even) }
    struct Awkward { any: serde_json::Value, refuses: Refuses, fine: u8 }
    struct Aliased { #[serde(alias = "a")] b: u8 }
}

impl TryFrom<u16> for Even {
    type Error = String;
    fn try_from(number: u16) -> Result<Self, String> {
        if number > 1 && number.is_multiple_of(2) {
            Ok(Even(number))
        } else {
            Err(format!("{number} will not do"))
        }
    }
}

struct Refuses;
impl<'de> Deserialize<'de> for Refuses {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("never"))
    }
}

#[test]
fn attributes_show_as_the_type_reads() {
    assert_eq!(text::<Renamed>(), "job { longName: u8, x: u8, plain: u8 }");
    assert_eq!(text::<Kind>(), "Kind <first_one | last(u8)>");
    assert_eq!(text::<Flat>(), "{string: any}");
    assert_eq!(text::<Untagged>(), "any");
    assert_eq!(text::<Internal>(), "any");
    assert_eq!(
        text::<Adjacent>(),
        "Adjacent { t: Adjacent <One | Two>, c: any }"
    );
    assert_eq!(text::<With>(), "With { number: string, after: u8 }");
    assert_eq!(text::<Clear>(), "u8");
    assert_eq!(text::<Aliased>(), "Aliased { a: u8, b: u8 }");
}

#[test]
fn a_part_that_cannot_be_told_leaves_the_others_be() {
    assert_eq!(
        text::<Strict>(),
        "Strict { even: u16, other: [u16], last: (u8, u16) }"
    );
    assert_eq!(text::<(Even, u8)>(), "(u16, u8)");
    assert_eq!(
        text::<Awkward>(),
        "Awkward { any: any, refuses: any, fine: u8 }"
    );
    assert_eq!(text::<(u8, Refuses, u8)>(), "(u8, any, any)");
    assert!(Type::of::<Awkward>().is_recursive());
}
