//! MessagePack with Pyro's four types: complex numbers, large integers, times and dates.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// Numbers of Pyro's own types.
mod ext {
    /// Two `f64`, little-endian.
    pub(super) const COMPLEX: i8 = 0x30;
    /// Decimal digits in ASCII.
    pub(super) const INT: i8 = 0x31;
    /// Seconds since 1970 as an `f64`, little-endian.
    pub(super) const TIMESTAMP: i8 = 0x32;
    /// The proleptic Gregorian ordinal: a C `long`, little-endian, of 8 bytes nearly everywhere.
    pub(super) const DATE: i8 = 0x33;
}
