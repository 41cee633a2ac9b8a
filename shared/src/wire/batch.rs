//! The bodies of a batch: many calls of one method in one message, and their results in one reply.
//!
//! A call is `length u32 | arguments`, a result `status u16 | length u32 | result or text`, little-endian, back to back.

use super::read::cut;
use super::status::{Refusal, Status};

/// Bytes before each call's arguments.
pub const CALL_HEADER_BYTES: usize = 4;

/// Bytes before each result.
pub const RESULT_HEADER_BYTES: usize = 6;

/// The longest text of a call that was refused, in bytes; longer ones are cut.
const MAX_TEXT_BYTES: usize = 512;

/// Appends a call, its arguments appended by `write`; on an error or a panic the batch is as before.
///
/// # Errors
/// What `write` gives.
pub fn put_call<E>(
    batch: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = batch.len();
    // Also forgets the half that was written when the arguments' own code panics: a call too many would give every later
    // one another's result.
    let mut half = Half {
        batch,
        start,
        whole: false,
    };
    half.batch.extend_from_slice(&[0; CALL_HEADER_BYTES]);
    write(half.batch)?;
    half.whole = true;
    fill_in(half.batch, start, start + CALL_HEADER_BYTES);
    Ok(())
}

/// A call that is being written.
struct Half<'a> {
    batch: &'a mut Vec<u8>,
    start: usize,
    whole: bool,
}

impl Drop for Half<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.whole {
            self.batch.truncate(self.start);
        }
    }
}

/// Takes the next call's arguments off the front; `None` when the rest is malformed or there is none.
#[inline]
pub fn next_call<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let (arguments, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = behind;
    Some(arguments)
}

/// Appends a result, appended by `write`; a refusal takes its place.
pub fn put_result(batch: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Refusal>) {
    let start = batch.len();
    batch.extend_from_slice(&[0; RESULT_HEADER_BYTES]);
    if let Err(refusal) = write(batch) {
        batch.truncate(start);
        batch.extend_from_slice(&(refusal.status as u16).to_le_bytes());
        batch.extend_from_slice(&[0; 4]);
        batch.extend_from_slice(cut(&refusal.text, MAX_TEXT_BYTES).as_bytes());
    }
    fill_in(batch, start + 2, start + RESULT_HEADER_BYTES);
}

/// Takes the next result off the front, a status and a body; `None` when the rest is malformed or there is none.
#[inline]
pub fn next_result<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let (status, mut behind) = rest.split_first_chunk::<2>()?;
    let body = next_call(&mut behind)?;
    *rest = behind;
    Some((u16::from_le_bytes(*status), body))
}

#[inline]
fn fill_in(batch: &mut [u8], at: usize, from: usize) {
    let length = u32::try_from(batch.len().saturating_sub(from)).unwrap_or(u32::MAX);
    if let Some(place) = batch.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// The number of a result that is a value.
pub const DONE: u16 = Status::Done as u16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_results_come_out_as_they_went_in() {
        let mut calls = Vec::new();
        for arguments in [&b"one"[..], b"", b"three"] {
            put_call(&mut calls, |out| {
                out.extend_from_slice(arguments);
                Ok::<_, ()>(())
            })
            .unwrap();
        }
        assert_eq!(calls[..7], *b"\x03\0\0\0one");
        let rest = &mut &calls[..];
        assert_eq!(next_call(rest), Some(&b"one"[..]));
        assert_eq!(next_call(rest), Some(&b""[..]));
        assert_eq!(next_call(rest), Some(&b"three"[..]));
        assert_eq!((next_call(rest), rest.len()), (None, 0));

        let mut results = Vec::new();
        put_result(&mut results, |out| {
            out.push(9);
            Ok(())
        });
        put_result(&mut results, |out| {
            out.push(1);
            Err(Refusal::new(Status::Panicked, "why"))
        });
        let rest = &mut &results[..];
        assert_eq!(next_result(rest), Some((DONE, &[9][..])));
        assert_eq!(next_result(rest), Some((1, &b"why"[..])));
        assert_eq!((next_result(rest), rest.len()), (None, 0));
    }

    #[test]
    fn a_batch_has_these_bytes() {
        let codec = crate::wire::codec::Codec::Postcard;
        let (mut calls, mut results) = (Vec::new(), Vec::new());
        for n in [10_i64, 11] {
            put_call(&mut calls, |out| codec.encode(&(n,), out, 99)).unwrap();
            put_result(&mut results, |out| {
                codec.encode(&(n * n), out, 99).unwrap();
                Ok(())
            });
        }
        assert_eq!(calls, b"\x01\0\0\0\x14\x01\0\0\0\x16");
        assert_eq!(results, b"\0\0\x02\0\0\0\xc8\x01\0\0\x02\0\0\0\xf2\x01");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_batch_as_it_was() {
        let mut calls = b"before".to_vec();
        let refused = put_call(&mut calls, |out| {
            out.extend_from_slice(b"half");
            Err(())
        });
        assert_eq!((refused, &calls[..]), (Err(()), &b"before"[..]));
    }

    #[test]
    fn a_panic_of_whoever_writes_leaves_the_batch_as_it_was() {
        let mut calls = b"before".to_vec();
        let panics = std::panic::AssertUnwindSafe(|| {
            put_call(&mut calls, |out| -> Result<(), ()> {
                out.push(1);
                panic!("on purpose")
            })
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(calls, b"before");
    }

    #[test]
    fn lengths_that_lie_are_no_calls_and_no_results() {
        for bytes in [&[1, 0, 0][..], &[2, 0, 0, 0, 7], &[255, 255, 255, 255, 1]] {
            assert_eq!(next_call(&mut &*bytes), None);
            let result = [&[0, 0], bytes].concat();
            assert_eq!(next_result(&mut &result[..]), None);
        }
    }
}
