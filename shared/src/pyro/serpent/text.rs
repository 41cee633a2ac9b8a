//! Texts and bytes as Python's `repr` shows them.

use std::io::Write as _;
use std::ops::RangeInclusive;

use super::super::scan;
use super::super::value::{Piece, Wtf8};

/// Appends a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let quote = quote_for(text.as_bytes());
    out.reserve(text.len() + 2);
    out.push(quote);
    put_characters(out, text, quote);
    out.push(quote);
}

/// Appends a text with halves of characters.
pub(super) fn put_wtf8(out: &mut Vec<u8>, text: &Wtf8) {
    let quote = quote_for(text.as_bytes());
    out.push(quote);
    for piece in text.pieces() {
        match piece {
            Piece::Text(text) => put_characters(out, text, quote),
            // Writing to a vector cannot fail.
            Piece::Surrogate(number) => drop(write!(out, "\\u{number:04x}")),
        }
    }
    out.push(quote);
}

/// Appends bytes as a literal, as Python's `repr` does.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let quote = quote_for(bytes);
    out.extend_from_slice(&[b'b', quote]);
    for byte in bytes {
        match byte {
            b' '..=b'~' => put_character(out, char::from(*byte), quote),
            b'\n' | b'\r' | b'\t' => put_character(out, char::from(*byte), quote),
            _ => put_number(out, char::from(*byte)),
        }
    }
    out.push(quote);
}

/// The quote that Python's `repr` takes.
fn quote_for(text: &[u8]) -> u8 {
    if text.contains(&b'\'') && !text.contains(&b'"') {
        b'"'
    } else {
        b'\''
    }
}

fn put_characters(out: &mut Vec<u8>, text: &str, quote: u8) {
    let needs_a_look = |byte: u8| {
        // Without branches, so that many bytes are looked at together.
        !(b' '..0x7f).contains(&byte) | (byte == b'\\') | (byte == quote)
    };
    let mut rest = text;
    while let Some(at) = scan::position(rest.as_bytes(), needs_a_look) {
        let (plain, others) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        // Where there is one, there are more.
        let mut characters = others.chars();
        while let Some(byte) = characters.as_str().bytes().next()
            && needs_a_look(byte)
            && let Some(character) = characters.next()
        {
            put_character(out, character, quote);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn put_character(out: &mut Vec<u8>, character: char, quote: u8) {
    match u8::try_from(character) {
        Ok(byte) if byte == quote || byte == b'\\' => out.extend_from_slice(&[b'\\', byte]),
        Ok(b'\n') => out.extend_from_slice(b"\\n"),
        Ok(b'\r') => out.extend_from_slice(b"\\r"),
        Ok(b'\t') => out.extend_from_slice(b"\\t"),
        _ if is_printable(character) => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => put_number(out, character),
    }
}

/// Appends `\x7f`, `\u2028` or `\U000e0001`. Writing to a vector cannot fail.
fn put_number(out: &mut Vec<u8>, character: char) {
    let number = u32::from(character);
    let _ = match number {
        0..=0xff => write!(out, "\\x{number:02x}"),
        0x100..=0xffff => write!(out, "\\u{number:04x}"),
        _ => write!(out, "\\U{number:08x}"),
    };
}

/// Long runs of printable characters, which stand for most texts.
const PRINTABLE: [RangeInclusive<char>; 9] = [
    ' '..='~',
    '\u{ae}'..='\u{377}',
    '\u{3a3}'..='\u{52f}',
    '\u{3220}'..='\u{a48c}',
    '\u{ac00}'..='\u{d7a3}',
    '\u{20a0}'..='\u{20c0}',
    '\u{2190}'..='\u{2426}',
    '\u{2460}'..='\u{2b73}',
    '\u{1f300}'..='\u{1f6d7}',
];

/// True for what Python's `repr` shows as it is: neither control, format, private, unassigned nor a blank but the space.
///
/// The standard library's `escape_debug` leaves the same characters as they are, save that it escapes the quotes and a
/// mark that begins a text; so it is asked for a text that begins with a letter.
fn is_printable(character: char) -> bool {
    PRINTABLE.iter().any(|run| run.contains(&character)) || {
        let mut text = [b'a', 0, 0, 0, 0];
        let count = character.encode_utf8(&mut text[1..]).len();
        let text = std::str::from_utf8(&text[..=count]).unwrap_or_default();
        text.escape_debug().nth(1) == Some(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_of_printable_characters_hold_no_other() {
        for character in PRINTABLE.into_iter().flatten() {
            let shown = format!("a{character}").escape_debug().nth(1);
            let is_quoted = matches!(character, '\'' | '"' | '\\');
            assert!(shown == Some(character) || is_quoted, "{character:?}");
        }
        for character in "\u{7f}\u{a0}\u{ad}\u{200b}\u{2028}\u{feff}\u{e000}\u{3000}".chars() {
            assert!(!is_printable(character), "{character:?}");
        }
    }
}
