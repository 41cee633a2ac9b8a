//! marshal, version 4: the values of Python's own format, without compiled code.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// What the first byte of a value says.
mod kind {
    pub(super) const NULL: u8 = b'0';
    pub(super) const NONE: u8 = b'N';
    pub(super) const TRUE: u8 = b'T';
    pub(super) const FALSE: u8 = b'F';
    pub(super) const INT: u8 = b'i';
    pub(super) const LONG: u8 = b'l';
    pub(super) const FLOAT: u8 = b'g';
    pub(super) const COMPLEX: u8 = b'y';
    pub(super) const BYTES: u8 = b's';
    pub(super) const TEXT: u8 = b'u';
    pub(super) const TEXT_INTERNED: u8 = b't';
    pub(super) const ASCII: u8 = b'a';
    pub(super) const ASCII_INTERNED: u8 = b'A';
    pub(super) const SHORT_ASCII: u8 = b'z';
    pub(super) const SHORT_ASCII_INTERNED: u8 = b'Z';
    pub(super) const TUPLE: u8 = b'(';
    pub(super) const SMALL_TUPLE: u8 = b')';
    pub(super) const LIST: u8 = b'[';
    pub(super) const SET: u8 = b'<';
    pub(super) const FROZEN_SET: u8 = b'>';
    pub(super) const DICT: u8 = b'{';
    pub(super) const SEEN: u8 = b'r';

    /// Beside these: later parts may refer to this one.
    pub(super) const REMEMBER: u8 = 0x80;
}

/// An integer's digits are of so many bits.
const DIGIT_BITS: u32 = 15;
