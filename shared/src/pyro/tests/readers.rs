//! The readers take what Python's take and refuse what it refuses, and flaws have names and places.

use super::super::{Flaw, PyValue, Serializer};

fn read(text: &str) -> Result<PyValue, Flaw> {
    let read = Serializer::Serpent.decode(text.as_bytes());
    read.map_err(|error| error.flaw)
}

/// What was read, as it is written.
fn again(text: &str) -> String {
    let value = read(text).unwrap_or_else(|flaw| panic!("{text:?}: {flaw}"));
    let mut out = Vec::new();
    Serializer::Serpent.encode(&value, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

#[test]
fn literals_of_python_are_read() {
    for (text, value) in [
        (" \t\x0c\n# a comment\n 1 # another\n", "1"),
        ("1\\\n+2j", "(1.0+2.0j)"),
        ("'a' \"b\" '''c'''", "'abc'"),
        ("('a'\n'b')", "'ab'"),
        (
            "'\\a\\b\\f\\v\\0\\12\\x41\\u00e9\\U0001f600\\q\\'\\\"'",
            r#"'\x07\x08\x0c\x0b\x00\nAé😀\\q\'"'"#,
        ),
        ("'\\400'", "'Ā'"),
        (
            "b'\\400\\xff\\u1234'",
            "{'data': 'AP9cdTEyMzQ=', 'encoding': 'base64'}",
        ),
        ("rb'\\x'", "{'data': 'XHg=', 'encoding': 'base64'}"),
        ("r'\\''", r#""\\'""#),
        ("u'x'", "'x'"),
        ("'\\\n'", "''"),
        ("'''a\r\n'b'''", r#""a\n'b""#),
        ("'a\tb'", "'a\\tb'"),
        ("'\\ud800x'", "'\\ud800x'"),
        ("0x_fF", "255"),
        ("0o17", "15"),
        ("0b101", "5"),
        ("00", "0"),
        ("1_000", "1000"),
        ("- 1", "-1"),
        ("09.5", "9.5"),
        ("1.", "1.0"),
        (".5", "0.5"),
        ("1_0.0_1e1_0", "100100000000.0"),
        ("1e30000", "1e30000"),
        ("-1e400", "-1e30000"),
        (
            "-170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105728",
        ),
        (
            "170141183460469231731687303715884105728",
            "170141183460469231731687303715884105728",
        ),
        ("2J", "(0.0+2.0j)"),
        ("(-1)-2j", "(-1.0-2.0j)"),
        ("(1e30000-0.0j)", "(1e30000-0.0j)"),
        ("1,", "(1,)"),
        ("1, 2", "(1,2)"),
        ("(1)", "1"),
        ("(1,)", "(1,)"),
        ("( )", "()"),
        ("[1, [2,],]", "[1,[2]]"),
        ("{1, 2,}", "{1,2}"),
        ("set( )", "()"),
        ("{}", "{}"),
        ("{None: 1, (1,'a') :{},}", "{None:1,(1,'a'):{}}"),
        ("{b'k':1}", "{b'k':1}"),
        (
            "{'__class__':'float','value':'nan'}",
            "{'__class__':'float','value':'nan'}",
        ),
        (
            "{'data':'AA==','encoding':'base64'}",
            "{'data': 'AA==', 'encoding': 'base64'}",
        ),
        (
            "{'data':'A','encoding':'base64'}",
            "{'data':'A','encoding':'base64'}",
        ),
    ] {
        assert_eq!(again(text), value, "{text:?}");
    }
    assert!(
        matches!(read("{'__class__':'float','value':'nan'}"), Ok(PyValue::Float(nan)) if nan.is_nan())
    );
    assert_eq!(
        read("{'encoding':'base64','data':'AA=='}"),
        Ok(PyValue::Bytes(vec![0]))
    );
    assert_eq!(read("set()"), Ok(PyValue::Set(vec![])));
}

#[test]
fn what_python_refuses_is_refused() {
    for text in [
        "",
        "#",
        "1 2",
        "1;",
        "x",
        "None_",
        "nan",
        "1__0",
        "1_",
        "_1",
        "0x",
        "0xg",
        "0b2",
        "012",
        "1e",
        "1e_5",
        "1..",
        "1if",
        "--1",
        "-'a'",
        "+True",
        "1+2",
        "1j+2j",
        "1+-2j",
        "True+1j",
        "1*2",
        "'a",
        "'a\nb'",
        "'''a'",
        "ur'a'",
        "f'a'",
        "'a'b'b'",
        "b'é'",
        "'\\x4'",
        "'\\u12'",
        "'\\U00110000'",
        "'\\N{DASH}'",
        "(",
        "(,)",
        "(1 2)",
        "[,]",
        "[1",
        "[1}",
        "{",
        "{1:}",
        "{1:2,3}",
        "{1,2:3}",
        "{**{}}",
        "{[1]:2}",
        "{{}}",
        "{1:2}{",
        "1,,",
        "set(1)",
        "set",
        "frozenset()",
        "...",
        "lambda:1",
        "\u{feff}1",
        "'a'.b",
        "\0",
        "'\0'",
    ] {
        assert!(read(text).is_err(), "{text:?}");
    }
}

#[test]
fn flaws_are_named_and_have_a_place() {
    let decode =
        |serializer: Serializer, bytes: &[u8]| serializer.decode(bytes).unwrap_err().to_string();
    let digits = "9".repeat(4301);
    for (serializer, bytes, text) in [
        (
            Serializer::Serpent,
            &b"[1,"[..],
            "the serpent payload is malformed at byte 3: it ends too early",
        ),
        (
            Serializer::Serpent,
            b"'\xff'",
            "the serpent payload is malformed at byte 1: a text is not UTF-8",
        ),
        (
            Serializer::Serpent,
            b"{[]:1}",
            "the serpent payload is malformed at byte 1: a list can be neither a key nor a member of a set",
        ),
        (
            Serializer::Serpent,
            digits.as_bytes(),
            "the serpent payload is malformed at byte 0: an integer of more than 4300 digits",
        ),
        (
            Serializer::Json,
            digits.as_bytes(),
            "the json payload is malformed at byte 0: an integer of more than 4300 digits",
        ),
        (
            Serializer::Json,
            b"{1:2}",
            "the json payload is malformed at byte 1: no text in quotes as a key",
        ),
        (
            Serializer::Json,
            b"\"\\ud800\"",
            "the json payload is malformed at byte 2: a text holds a lone surrogate, which is no character",
        ),
        (
            Serializer::Json,
            b"[] 1",
            "the json payload is malformed at byte 3: more follows the value",
        ),
        (
            Serializer::Msgpack,
            b"\xc1",
            "the msgpack payload is malformed at byte 0: unknown type 0xc1",
        ),
        (
            Serializer::Msgpack,
            b"\xd4\x05\x00",
            "the msgpack payload is malformed at byte 1: unknown type 0x05",
        ),
        (
            Serializer::Msgpack,
            b"\xdd\xff\xff\xff\xff",
            "the msgpack payload is malformed at byte 5: it ends too early",
        ),
        (
            Serializer::Msgpack,
            b"\xc0\xc0",
            "the msgpack payload is malformed at byte 1: more follows the value",
        ),
        (
            Serializer::Msgpack,
            b"\xd7\x33\xff\xff\xff\xff\xff\xff\xff\xff",
            "the msgpack payload is malformed at byte 1: a date outside of the years 1 to 9999",
        ),
        (
            Serializer::Marshal,
            b"c",
            "the marshal payload is malformed at byte 0: unknown type 0x63",
        ),
        (
            Serializer::Marshal,
            b"0",
            "the marshal payload is malformed at byte 0: unknown type 0x30",
        ),
        (
            Serializer::Marshal,
            b"r\0\0\0\0",
            "the marshal payload is malformed at byte 0: it refers to a part that is not there yet",
        ),
        (
            Serializer::Marshal,
            b"\xdb\x01\0\0\0r\0\0\0\0",
            "the marshal payload is malformed at byte 5: it refers to a part that is not there yet",
        ),
    ] {
        assert_eq!(decode(serializer, bytes), text);
    }
}

#[test]
fn json_reads_what_python_writes_and_no_more() {
    for (text, again) in [
        (
            " [NaN, -Infinity, Infinity, 1e5, -0.0, -0] ",
            "[NaN, -Infinity, Infinity, 100000.0, -0.0, 0]",
        ),
        (r#""\ud83d\ude00\/\u00e9\b""#, r#""😀/é\b""#),
        ("{\"a\" : {} , \"b\":[]}", r#"{"a": {}, "b": []}"#),
        ("\"\u{7f}\u{2028}\"", "\"\u{7f}\u{2028}\""),
    ] {
        let value = Serializer::Json.decode(text.as_bytes()).unwrap();
        let mut out = Vec::new();
        Serializer::Json.encode(&value, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), again);
    }
    for text in [
        "",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "nan",
        "'a'",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "[",
        "tru",
    ] {
        assert!(
            Serializer::Json.decode(text.as_bytes()).is_err(),
            "{text:?}"
        );
    }
}

#[test]
fn marshal_repeats_parts_within_bounds() {
    // A list of a text and twice the same.
    let text = b"[\x03\0\0\0\xfa\x02hir\0\0\0\0r\0\0\0\0";
    let value = Serializer::Marshal.decode(text).unwrap();
    assert_eq!(value, PyValue::List(vec!["hi".into(); 3]));
    // Each level is a tuple of two times the one before.
    let mut bomb = b"(\x40\0\0\0".to_vec();
    bomb.extend_from_slice(b"\xa9\x00");
    for level in 0..63u32 {
        bomb.extend_from_slice(b"\xa9\x02");
        for _ in 0..2 {
            bomb.push(b'r');
            bomb.extend_from_slice(&level.to_le_bytes());
        }
    }
    let error = Serializer::Marshal.decode(&bomb).unwrap_err();
    assert_eq!(error.flaw, Flaw::TooRepetitive);
}
