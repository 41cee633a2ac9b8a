//! JSON against types, as `nsc call` meets them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use farcall_shared::shape::Type;
use farcall_shared::value::{Value, from_value};
use farcall_shared::wire::depth::MAX_DEPTH;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::{fit, takes_bare_text};

#[derive(Debug, PartialEq, Deserialize)]
struct Point {
    x: i32,
    y: Option<f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Dot,
    Circle(f64),
    Line(i32, i32),
    Box { width: u8, height: u8 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Tree {
    #[serde(default)]
    value: u8,
    #[serde(default)]
    children: Vec<Tree>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Metres(u16);

/// Fits JSON to the type of `T` and reads the outcome as one, as an object does.
fn read<T: DeserializeOwned>(json: Json) -> T {
    let value = fit(json.clone(), &Type::of::<T>()).unwrap_or_else(|e| panic!("{json}: {e}"));
    from_value(value).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn refusal<T: DeserializeOwned>(json: Json) -> String {
    let misfit = fit(json, &Type::of::<T>()).unwrap_err();
    misfit.to_string()
}

#[test]
fn every_integer_type_has_its_bounds() {
    macro_rules! bounds {
        ($($int:ty)*) => {$(
            for number in [<$int>::MIN, <$int>::MAX] {
                assert_eq!(read::<$int>(json!(number)), number);
            }
            for number in [i128::from(<$int>::MIN) - 1, i128::from(<$int>::MAX) + 1] {
                // What JSON cannot hold as a whole number arrives as a rounded one.
                let json = serde_json::from_str(&number.to_string()).unwrap();
                let error = refusal::<$int>(json);
                assert!(error.contains(&format!("from {} to {}", <$int>::MIN, <$int>::MAX)), "{error}");
                assert!(error.contains(stringify!($int)), "{error}");
            }
        )*};
    }
    bounds! { i8 i16 i32 i64 u8 u16 u32 u64 }
}

#[test]
fn integers_beyond_64_bits_are_read_from_text() {
    assert_eq!(read::<i128>(json!(i128::MIN.to_string())), i128::MIN);
    assert_eq!(read::<u128>(json!("18446744073709551616")), 1 << 64);
    assert_eq!(read::<u128>(json!(7)), 7);
    assert!(refusal::<u128>(json!("-1")).contains("from 0"));
    assert!(refusal::<i64>(json!("1")).contains("must be i64, not \"1\""));
}

#[test]
fn a_number_with_a_point_is_no_integer_but_an_integer_is_a_float() {
    assert!(refusal::<i32>(json!(1.5)).contains("a whole number"));
    assert_eq!(read::<f64>(json!(3)), 3.0);
    assert_eq!(read::<f64>(json!(u64::MAX)), u64::MAX as f64);
    assert_eq!(read::<f32>(json!(0.5)), 0.5);
    assert!(refusal::<f32>(json!(1e39)).contains("from -3402823"));
    assert!(refusal::<f64>(json!("3")).contains("must be f64, not \"3\""));
}

#[test]
fn options_take_null_and_others_do_not() {
    assert_eq!(read::<Option<u8>>(Json::Null), None);
    assert_eq!(read::<Option<u8>>(json!(3)), Some(3));
    read::<()>(Json::Null);
    assert!(refusal::<u8>(Json::Null).contains("must be u8, not null"));
    assert!(refusal::<Option<u8>>(json!(-1)).contains("u8, from 0 to 255, not -1"));
}

#[test]
fn bytes_come_from_a_list_of_numbers_or_text() {
    let bytes = |json| fit(json, &Type::Bytes);
    assert_eq!(bytes(json!([0, 255])), Ok(Value::Bytes(vec![0, 255])));
    assert_eq!(bytes(json!([])), Ok(Value::Bytes(vec![])));
    assert_eq!(bytes(json!("é")), Ok(Value::from("é")));
    let error = bytes(json!([0, 256])).unwrap_err().to_string();
    assert!(error.starts_with("[1] must be u8, not 256"), "{error}");
    assert!(
        bytes(json!(1))
            .unwrap_err()
            .to_string()
            .contains("must be bytes, a list")
    );
}

#[test]
fn structs_are_objects_whose_wrong_parts_are_named() {
    let point = read::<Point>(json!({"y": 2, "x": 1}));
    assert_eq!(point, Point { x: 1, y: Some(2.0) });
    let wide = refusal::<Vec<Point>>(json!([{"x": 1}, {"x": "wide"}]));
    assert_eq!(wide, "[1].x must be i32, not \"wide\"");
    let unknown = refusal::<Point>(json!({"x": 1, "yy": 1}));
    assert_eq!(
        unknown,
        " has no field 'yy'; did you mean y?; it is Point { x: i32, y: f64? }"
    );
    assert_eq!(
        refusal::<Point>(json!([1, 2])),
        " must be Point { x: i32, y: f64? }, not [1,2]"
    );
}

#[test]
fn enums_take_the_form_that_json_gives_them() {
    assert_eq!(read::<Shape>(json!("Dot")), Shape::Dot);
    assert_eq!(read::<Shape>(json!({"Dot": null})), Shape::Dot);
    assert_eq!(read::<Shape>(json!({"Circle": 2})), Shape::Circle(2.0));
    assert_eq!(read::<Shape>(json!({"Line": [1, -1]})), Shape::Line(1, -1));
    let boxed = read::<Shape>(json!({"Box": {"width": 1, "height": 2}}));
    assert_eq!(
        boxed,
        Shape::Box {
            width: 1,
            height: 2
        }
    );
    for (json, culprit) in [
        (
            json!("Circel"),
            "has no variant 'Circel'; did you mean Circle?; it is Shape <",
        ),
        (json!({"Circle": "x"}), ".Circle must be f64, not \"x\""),
        (json!("Circle"), ".Circle must be f64, not null"),
        (
            json!({"Dot": 1}),
            "must be Dot, written \"Dot\", not with 1",
        ),
        (
            json!({"Line": [1]}),
            ".Line must be (i32, i32), a list of 2, not of 1",
        ),
        (json!("Box"), "written {\"Box\": {fields}}, not with null"),
        (
            json!({"Box": {"width": 256}}),
            ".Box.width must be u8, from 0 to 255, not 256",
        ),
        (
            json!({"Dot": null, "Line": []}),
            "as \"Variant\" or {\"Variant\": content}",
        ),
        (json!({}), "as \"Variant\""),
        (json!(1), "as \"Variant\""),
    ] {
        let error = refusal::<Shape>(json);
        assert!(error.contains(culprit), "{error}");
    }
    assert_eq!(read::<Result<u8, String>>(json!({"Ok": 1})), Ok(1));
}

#[test]
fn tuples_newtypes_chars_and_maps_are_read() {
    assert_eq!(read::<(u8, String)>(json!([1, "a"])), (1, "a".to_owned()));
    assert!(refusal::<(u8, String)>(json!([1])).contains("a list of 2, not of 1"));
    assert_eq!(read::<Metres>(json!(7)), Metres(7));
    assert_eq!(read::<char>(json!("é")), 'é');
    assert!(refusal::<char>(json!("éé")).contains("must be char"));
    assert!(refusal::<bool>(json!(1)).contains("must be bool, not 1"));
    let map = BTreeMap::from([(1_u8, Metres(2)), (30, Metres(4))]);
    assert_eq!(read::<BTreeMap<u8, Metres>>(json!({"1": 2, "30": 4})), map);
    let error = refusal::<BTreeMap<u8, Metres>>(json!({"300": 2}));
    assert_eq!(error, ".300 must be u8, from 0 to 255, not 300");
    assert!(refusal::<BTreeMap<u8, u8>>(json!({"one": 2})).starts_with(".one must be u8"));
    let texts = BTreeMap::from([("1".to_owned(), true)]);
    assert_eq!(read::<BTreeMap<String, bool>>(json!({"1": true})), texts);
}

#[test]
fn recursive_types_are_checked_at_every_level() {
    let tree = json!({"value": 1, "children": [{"children": [{"value": 3}]}]});
    assert_eq!(read::<Tree>(tree).children[0].children[0].value, 3);
    let error = refusal::<Tree>(json!({"children": [{"children": [{"value": 300}]}]}));
    assert!(
        error.starts_with(".children[0].children[0].value must be u8"),
        "{error}"
    );
}

#[test]
fn a_type_that_is_nothing_but_itself_comes_to_an_end() {
    let inner = Box::new(Type::Option(Box::new(Type::Recursive("Loop".into()))));
    let endless = Type::Newtype {
        name: "Loop".into(),
        inner,
    };
    assert_eq!(fit(Json::Null, &endless), Ok(Value::Null));
    let error = fit(json!(1), &endless).unwrap_err().to_string();
    assert!(error.contains("nests deeper than"), "{error}");
}

#[test]
fn what_may_be_sent_fits_at_its_deepest_and_the_deepest_json_overflows_no_small_stack() {
    let list = Type::Newtype {
        name: "List".into(),
        inner: Box::new(Type::Option(Box::new(Type::Seq(Box::new(
            Type::Recursive("List".into()),
        ))))),
    };
    let fits = move |levels: usize| {
        let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        fit(serde_json::from_str(&deep).unwrap(), &list).is_ok()
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let checked = thread.spawn(move || (fits(MAX_DEPTH), fits(126))).unwrap();
    assert_eq!(checked.join().unwrap(), (true, false));
}

#[test]
fn whatever_is_not_known_takes_everything() {
    let json = json!({"a": [1, null, "x"]});
    assert_eq!(fit(json.clone(), &Type::Any), Ok(Value::from(json.clone())));
    let lost = Type::Recursive("Nowhere".into());
    assert_eq!(fit(json.clone(), &lost), Ok(Value::from(json)));
}

#[test]
fn addresses_are_text() {
    for ty in [
        Type::of::<IpAddr>(),
        Type::of::<SocketAddr>(),
        Type::of::<std::net::Ipv4Addr>(),
    ] {
        for text in ["127.0.0.1", "127.0.0.1:80", "[::1]:80"] {
            assert_eq!(fit(json!(text), &ty), Ok(Value::from(text)), "{ty}");
        }
        assert!(fit(json!("localhost"), &ty).is_err(), "{ty}");
    }
    assert!(fit(json!("::1"), &Type::of::<Shape>()).is_err());
}

#[test]
fn bare_text_is_for_types_that_say_what_they_are() {
    assert!(takes_bare_text(&Type::of::<Option<String>>()));
    assert!(takes_bare_text(&Type::of::<Shape>()));
    assert!(!takes_bare_text(&Type::Option(Box::new(Type::Any))));
    assert!(!takes_bare_text(&Type::Any));
}
