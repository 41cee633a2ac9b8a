//! Golden bytes and hostile bytes.

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn read_back(bytes: &[u8]) -> Frame<'_> {
    let total = frame_bytes(bytes, 1 << 20).unwrap().unwrap();
    assert_eq!(total, bytes.len());
    Frame::parse(&bytes[LENGTH_BYTES..]).unwrap()
}

#[test]
fn an_ordinary_call_has_these_bytes() {
    let call = CallFrame {
        flags: 0,
        method: 2,
        id: 7,
        handle: 1,
        deadline_ms: 30_000,
        trace: None,
        name: None,
        body: b"\x14",
    };
    let mut out = Vec::new();
    let start = begin_call(&mut out, &call);
    out.extend_from_slice(call.body);
    end(&mut out, start);
    assert_eq!(
        hex(&out),
        "11000000050002000700000001000000307500001".to_owned() + "4"
    );
    assert_eq!(read_back(&out), Frame::Call(call));
}

#[test]
fn a_call_by_name_with_a_trace_has_these_bytes() {
    let call = CallFrame {
        flags: flag::NAMED | flag::TRACE | flag::ONEWAY,
        method: 0,
        id: 0,
        handle: 0,
        deadline_ms: 1,
        trace: Some(Trace {
            trace_id: [0xab; 16],
            span_id: 5,
            flags: 1,
        }),
        name: Some("process"),
        body: b"",
    };
    let mut out = Vec::new();
    let start = begin_call(&mut out, &call);
    end(&mut out, start);
    let expected = "32000000".to_owned()
        + "0507000000000000000000"
        + "0001000000"
        + &"ab".repeat(16)
        + "050000000000000001"
        + "070070726f63657373";
    assert_eq!(hex(&out), expected);
    assert_eq!(read_back(&out), Frame::Call(call));
}

#[test]
fn pieces_and_takens_have_these_bytes() {
    let mut reply = Vec::new();
    let start = begin_reply(&mut reply, 0, 7);
    reply.push(0xc8);
    end(&mut reply, start);
    let content = &reply[LENGTH_BYTES..];
    for (part, left, expected) in [
        (&content[..5], 4, "0e0000001501000000040000000600000007"),
        (&content[5..], 0, "0d000000150100000000000000000000c8"),
    ] {
        let mut out = Vec::new();
        let start = flow::begin_piece(&mut out, 1, left);
        out.extend_from_slice(part);
        end(&mut out, start);
        assert_eq!(hex(&out), expected);
        let head = flow::PieceHead {
            frame: 1,
            left,
            bytes: part.len() as u32,
        };
        assert_eq!(flow::PieceHead::read(&out), Some(head));
        let piece = flow::Piece {
            frame: 1,
            left,
            body: part,
        };
        assert_eq!(read_back(&out), Frame::Flow(flow::Flow::Piece(piece)));
    }
    let mut out = Vec::new();
    flow::put_taken(&mut out, 65_536);
    assert_eq!(hex(&out), "050000001600000100");
    assert_eq!(flow::PieceHead::read(&out), None);
    assert_eq!(read_back(&out), Frame::Flow(flow::Flow::Taken(65_536)));
}

#[test]
fn the_other_frames_have_these_bytes() {
    let mut out = Vec::new();
    let start = begin_reply(&mut out, 0, 7);
    out.push(0xc8);
    end(&mut out, start);
    assert_eq!(hex(&out), "09000000060000000700000".to_owned() + "0c8");

    out.clear();
    put_refusal(&mut out, 17, 7, "no");
    assert_eq!(hex(&out), "0a0000000600110007000000".to_owned() + "6e6f");

    out.clear();
    let bind = Bind {
        handle: 1,
        codec: 1,
        incarnation: 0xa1,
        object: "w",
        methods: vec![("m", 9)],
    };
    put_bind(&mut out, &bind);
    assert_eq!(
        hex(&out),
        "1e000000".to_owned()
            + "03"
            + "01000000"
            + "01"
            + "a100000000000000"
            + "010077"
            + "0100"
            + "01006d"
            + "0900000000000000"
    );
    assert_eq!(read_back(&out), Frame::Bind(bind));

    out.clear();
    let bound = Bound {
        handle: 1,
        status: 0,
        text: "",
        missing: vec![(3, "gone")],
    };
    put_bound(&mut out, &bound);
    assert_eq!(
        hex(&out),
        "13000000".to_owned()
            + "04"
            + "01000000"
            + "0000"
            + "0000"
            + "0100"
            + "0300"
            + "0400676f6e65"
    );
    assert_eq!(read_back(&out), Frame::Bound(bound));

    for (put, expected) in [
        (put_cancel as fn(&mut Vec<u8>, u32), "050000000709000000"),
        (put_unbind, "050000000c09000000"),
    ] {
        out.clear();
        put(&mut out, 9);
        assert_eq!(hex(&out), expected);
    }
    out.clear();
    put_ping(&mut out, 1);
    put_pong(&mut out, 1);
    put_go_away(&mut out, "a");
    put_fault(&mut out, "b");
    assert_eq!(
        hex(&out),
        "09000000080100000000000000".to_owned()
            + "09000000090100000000000000"
            + "040000000a010061"
            + "040000000b010062"
    );
}

#[test]
fn credit_and_a_sequence_have_these_bytes() {
    let mut out = Vec::new();
    let credit = flow::Credit {
        of: flow::ONEWAY_CALLS,
        bytes: flow::ONEWAY_WINDOW_BYTES / 2,
    };
    flow::put_credit(&mut out, credit);
    assert_eq!(
        hex(&out),
        "09000000".to_owned() + "12" + "00000000" + "00000800"
    );
    assert_eq!(read_back(&out), Frame::Flow(Flow::Credit(credit)));

    out.clear();
    let call = CallFrame {
        flags: 0,
        method: 2,
        id: 7,
        handle: 1,
        deadline_ms: 30_000,
        trace: None,
        name: None,
        body: &[],
    };
    let oneway = CallFrame {
        flags: flag::ONEWAY,
        method: 3,
        id: 0,
        ..call
    };
    let start = flow::begin_sequence(&mut out, flow::mode::STOP_AT_FIRST_ERROR);
    for (call, arguments) in [(&call, &b"\x14"[..]), (&oneway, b"\x01x")] {
        let start = begin_call(&mut out, call);
        out.extend_from_slice(arguments);
        end(&mut out, start);
    }
    end(&mut out, start);
    assert_eq!(
        hex(&out),
        "2d00000017".to_owned()
            + "01"
            + "1100000005000200070000000100000030750000"
            + "14"
            + "1200000005010300000000000100000030750000"
            + "0178"
    );
    let Frame::Flow(Flow::Sequence(sequence)) = read_back(&out) else {
        panic!("not a sequence");
    };
    assert_eq!(sequence.mode, flow::mode::STOP_AT_FIRST_ERROR);
    assert_eq!(sequence.calls, &out[flow::SEQUENCE_HEADER_BYTES..]);
}

#[test]
fn a_call_knows_how_long_its_frame_is() {
    let trace = Trace {
        trace_id: [1; 16],
        span_id: 2,
        flags: 3,
    };
    for (trace, name) in [
        (None, None),
        (Some(trace), None),
        (Some(trace), Some("name")),
    ] {
        let mut out = Vec::new();
        let flags = trace.map_or(0, |_| flag::TRACE) | name.map_or(0, |_| flag::NAMED);
        let call = CallFrame {
            flags,
            method: 2,
            id: 7,
            handle: 1,
            deadline_ms: 30_000,
            trace,
            name,
            body: b"body",
        };
        let start = begin_call(&mut out, &call);
        out.extend_from_slice(call.body);
        end(&mut out, start);
        assert_eq!(call.frame_bytes(), out.len());
    }
}

#[test]
fn unknown_kinds_are_skipped_or_refused_by_name() {
    assert_eq!(Frame::parse(&[200, 1, 2]), Ok(Frame::Skipped(200)));
    assert_eq!(
        Frame::parse(&[60]),
        Err(FrameError::UnknownKind { kind: 60 })
    );
    let call = [5, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        Frame::parse(&call),
        Err(FrameError::UnknownFlags { flags: 32 })
    );
}

#[test]
fn a_declared_length_over_the_limit_is_refused_from_its_four_bytes() {
    assert_eq!(
        frame_bytes(&[0xff; 4], 1000),
        Err(FrameError::TooLong {
            bytes: u32::MAX,
            limit: 1000
        })
    );
    assert_eq!(frame_bytes(&[1, 0, 0], 1000), Ok(None));
}

#[test]
fn no_bytes_whatever_make_the_reader_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..200_000 {
        let mut bytes: Vec<u8> = (0..random.usize(0..64)).map(|_| random.u8(..)).collect();
        if let Some(kind) = bytes.first_mut() {
            *kind %= 26;
        }
        let _ = Frame::parse(&bytes);
        let _ = frame_bytes(&bytes, 1000);
    }
}

#[test]
fn long_texts_are_cut_between_characters() {
    let mut out = Vec::new();
    put_go_away(&mut out, &"é".repeat(5000));
    let Frame::GoAway(text) = read_back(&out) else {
        panic!("not a go-away");
    };
    assert_eq!(text.len(), MAX_TEXT_BYTES);
}
