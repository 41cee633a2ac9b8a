//! Heads, annotations, compression and what is refused.

use std::io::Write as _;

use super::super::message::{
    Compression, HEAD_BYTES, Head, Kind, Limits, Message, MessageError, Outgoing, STREAM, flag,
};
use super::super::payload::PutError;
use super::capture;

pub(super) static ALL_KINDS: [Kind; 6] = [
    Kind::Connect,
    Kind::ConnectOk,
    Kind::ConnectFail,
    Kind::Invoke,
    Kind::Result,
    Kind::Ping,
];

const LIMITS: Limits = Limits {
    max_message_bytes: 10_000,
    max_annotations_bytes: 100,
    max_inflated_bytes: 20_000,
};

fn put(outgoing: &Outgoing<'_>, payload: &[u8]) -> Result<Vec<u8>, PutError> {
    let mut out = b"before".to_vec();
    let put = outgoing.put(&mut out, &LIMITS, |out| {
        out.extend_from_slice(payload);
        Ok(())
    });
    if put.is_err() {
        assert_eq!(out, b"before");
    }
    put.map(|()| out.split_off(6))
}

fn refusal(bytes: &[u8]) -> String {
    Head::parse(bytes, &LIMITS).unwrap_err().to_string()
}

#[test]
fn a_head_is_read_when_its_forty_bytes_are_there() {
    let bytes = capture("serpent-03-invoke-args-kwargs.1.c2s");
    for arrived in 0..HEAD_BYTES {
        assert_eq!(Head::parse(&bytes[..arrived], &LIMITS), Ok(None));
    }
    let head = Head::parse(&bytes[..HEAD_BYTES], &LIMITS).unwrap().unwrap();
    assert_eq!(head.kind(&[Kind::Invoke]), Ok(Kind::Invoke));
    let numbers = (
        head.serializer,
        head.flags,
        head.sequence,
        head.payload_bytes,
    );
    assert_eq!(numbers, (1, 0, 2, 76));
    assert_eq!(head.correlation, None);
    for arrived in HEAD_BYTES..bytes.len() {
        assert_eq!(Message::parse(head, &bytes[..arrived]), Ok(None));
    }
    assert!(Message::parse(head, &bytes).unwrap().is_some());
}

#[test]
fn what_is_no_message_is_refused_as_early_as_it_can_be_told() {
    assert_eq!(refusal(b"!"), "invalid data (a message begins with PYRO)");
    assert_eq!(Head::parse(b"PYR", &LIMITS), Ok(None));
    let expected = "invalid protocol version: 501 (this side speaks 502)";
    assert_eq!(refusal(b"PYRO\x01\xf5"), expected);
    let mut bytes = capture("serpent-18-ping.1.c2s");
    bytes[39] = 0;
    assert_eq!(
        refusal(&bytes),
        "invalid message or protocol version: another magic number"
    );
}

#[test]
fn a_kind_that_may_not_come_is_refused_in_pythons_words() {
    let bytes = capture("misc-bad-first-invoke-before-connect.1.c2s");
    let mut head = Head::parse(&bytes, &LIMITS).unwrap().unwrap();
    let error = head.kind(&[Kind::Connect]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid msg type 4 received (expected: 1)"
    );
    head.kind = 99;
    let error = head.kind(&[Kind::Invoke, Kind::Ping]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid msg type 99 received (expected: 4,6)"
    );
}

#[test]
fn lengths_beyond_the_limits_are_refused_before_they_are_read() {
    let mut bytes = capture("serpent-18-ping.1.c2s");
    bytes[12..16].copy_from_slice(&10_001u32.to_be_bytes());
    assert_eq!(refusal(&bytes), "message too large (10001, max=10000)");
    bytes[12..20].copy_from_slice(&[0xff; 8]);
    assert_eq!(refusal(&bytes), "message too large (8589934590, max=10000)");
    bytes[12..16].copy_from_slice(&0u32.to_be_bytes());
    bytes[16..20].copy_from_slice(&101u32.to_be_bytes());
    assert_eq!(refusal(&bytes), "annotations too large (101, max=100)");
}

#[test]
fn annotations_fill_their_place_and_the_last_of_a_name_counts() {
    let annotations: [([u8; 4], &[u8]); 3] = [(STREAM, b"1"), (*b"ABCD", b""), (STREAM, b"23")];
    let outgoing = Outgoing {
        annotations: &annotations,
        ..Outgoing::new(Kind::Result, 1, 7)
    };
    let bytes = put(&outgoing, b"payload").unwrap();
    let head = Head::parse(&bytes, &LIMITS).unwrap().unwrap();
    let message = Message::parse(head, &bytes).unwrap().unwrap();
    assert_eq!(message.annotations.find(STREAM), Some(&b"23"[..]));
    assert_eq!(message.annotations.find(*b"NONE"), None);
    assert_eq!(message.payload(&LIMITS).unwrap(), &b"payload"[..]);

    let mut short = bytes.clone();
    short[HEAD_BYTES + 7] = 200;
    assert_eq!(Message::parse(head, &short), Err(MessageError::Annotation));
    let mut odd = bytes;
    odd[HEAD_BYTES] = 0xff;
    assert_eq!(
        Message::parse(head, &odd),
        Err(MessageError::AnnotationName)
    );
}

#[test]
fn messages_beyond_the_limits_are_not_written() {
    let outgoing = Outgoing::new(Kind::Result, 1, 7);
    assert!(put(&outgoing, &[b'.'; 10_000]).is_ok());
    assert!(matches!(
        put(&outgoing, &[b'.'; 10_001]),
        Err(PutError::Message(MessageError::TooLarge {
            bytes: 10_001,
            limit: 10_000
        }))
    ));
    let long = [b'.'; 93];
    let annotations = [(*b"LONG", &long[..])];
    let outgoing = Outgoing {
        annotations: &annotations,
        ..outgoing
    };
    assert!(matches!(
        put(&outgoing, b""),
        Err(PutError::Message(MessageError::AnnotationsTooLarge {
            bytes: 101,
            limit: 100
        }))
    ));
}

#[test]
fn payloads_of_more_than_a_hundred_bytes_are_compressed_when_asked_for() {
    let outgoing = Outgoing {
        correlation: Some([7; 16]),
        compression: Compression::On,
        ..Outgoing::new(Kind::Invoke, 1, 7)
    };
    for (count, is_compressed) in [(100, false), (101, true), (20_000, true)] {
        let payload = vec![b'x'; count];
        let bytes = put(&outgoing, &payload).unwrap();
        let head = Head::parse(&bytes, &LIMITS).unwrap().unwrap();
        assert_eq!(head.has(flag::COMPRESSED), is_compressed);
        assert_eq!(head.correlation, Some([7; 16]));
        assert_eq!(head.message_bytes(), bytes.len());
        let message = Message::parse(head, &bytes).unwrap().unwrap();
        assert_eq!(message.payload(&LIMITS).unwrap(), payload);
    }
}

#[test]
fn a_payload_is_inflated_up_to_the_limit_and_no_further() {
    for (count, fits) in [
        (0, true),
        (19_999, true),
        (20_000, true),
        (20_001, false),
        (5_000_000, false),
    ] {
        let bytes = compressed(&vec![0; count]);
        let result = inflate(&bytes);
        match result {
            Ok(payload) => assert!(fits && payload.len() == count, "{count}"),
            Err(error) => {
                assert!(!fits, "{count}");
                assert_eq!(error, MessageError::InflatedTooLarge { limit: 20_000 });
            }
        }
    }
}

#[test]
fn a_compressed_payload_that_is_none_is_an_error() {
    let sound = compressed(b"some text");
    assert!(inflate(&sound).is_ok());
    for bytes in [
        b"".to_vec(),
        b"no zlib".to_vec(),
        sound[..sound.len() - 1].to_vec(),
    ] {
        assert_eq!(inflate(&bytes), Err(MessageError::Deflated));
    }
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(payload).unwrap();
    encoder.finish().unwrap()
}

fn inflate(payload: &[u8]) -> Result<Vec<u8>, MessageError> {
    let outgoing = Outgoing::new(Kind::Invoke, 1, 7);
    let mut bytes = put(&outgoing, payload).unwrap();
    bytes[9] |= flag::COMPRESSED as u8;
    let head = Head::parse(&bytes, &LIMITS).unwrap().unwrap();
    let message = Message::parse(head, &bytes).unwrap().unwrap();
    message.payload(&LIMITS).map(|payload| payload.into_owned())
}
