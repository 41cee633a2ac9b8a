//! Integers beyond 128 bits, which farcall passes on and does not compute with.

use std::fmt;

use num_bigint::{BigInt as Number, Sign};

use super::super::MAX_INT_DIGITS;
use super::PyValue;

/// An integer beyond 128 bits, of at most [`MAX_INT_DIGITS`] decimal digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BigInt(Box<str>);

/// Digits that are no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum IntError {
    /// There are none, or something stands among them.
    Malformed,
    /// There are too many.
    TooLong,
}

impl BigInt {
    /// The digits, with a minus sign in front of negative ones.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The sign, and the magnitude's bytes, the lowest first.
    pub(in super::super) fn to_le_bytes(&self) -> (bool, Vec<u8>) {
        let number: Number = self.0.parse().unwrap_or_default();
        let (sign, bytes) = number.to_bytes_le();
        (sign == Sign::Minus, bytes)
    }
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PyValue {
    /// An integer of any size, from its decimal digits; `None` for other text and beyond [`MAX_INT_DIGITS`].
    #[must_use]
    pub fn int_from_digits(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        Self::int(negative, digits.as_bytes()).ok()
    }

    /// An integer, from its sign and its decimal digits.
    pub(in super::super) fn int(negative: bool, digits: &[u8]) -> Result<Self, IntError> {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(IntError::Malformed);
        }
        if digits.len() > MAX_INT_DIGITS {
            return Err(IntError::TooLong);
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        Ok(small(negative, &digits[zeros..]).unwrap_or_else(|| big(negative, &digits[zeros..])))
    }

    /// An integer, from its sign and its magnitude's bytes, the lowest first.
    pub(in super::super) fn int_from_le_bytes(
        negative: bool,
        bytes: &[u8],
    ) -> Result<Self, IntError> {
        // Each digit takes more than three bits.
        if bytes.len() > MAX_INT_DIGITS / 2 {
            return Err(IntError::TooLong);
        }
        let magnitude = Number::from_bytes_le(Sign::Plus, bytes).to_string();
        Self::int(negative, magnitude.as_bytes())
    }
}

/// The integer, if it has at most 128 bits.
fn small(negative: bool, digits: &[u8]) -> Option<PyValue> {
    // All numbers of so many digits fit the smaller type, which is quicker.
    const QUICK: usize = 18;
    let value = |digit: &u8| digit - b'0';
    if digits.len() <= QUICK {
        let put = |number, digit| number * 10 + i64::from(value(digit));
        let magnitude = digits.iter().fold(0i64, put);
        let number = if negative { -magnitude } else { magnitude };
        return Some(PyValue::Int(number.into()));
    }
    // Downwards, since there is one more negative number.
    let put = |number: i128, digit| {
        number
            .checked_mul(10)?
            .checked_sub(i128::from(value(digit)))
    };
    let below_zero = digits.iter().try_fold(0i128, put)?;
    let number = if negative {
        below_zero
    } else {
        below_zero.checked_neg()?
    };
    Some(PyValue::Int(number))
}

fn big(negative: bool, digits: &[u8]) -> PyValue {
    let sign = if negative { "-" } else { "" };
    let mut text = String::with_capacity(sign.len() + digits.len());
    text.push_str(sign);
    text.extend(digits.iter().map(|digit| char::from(*digit)));
    PyValue::Big(BigInt(text.into_boxed_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> PyValue {
        PyValue::int_from_digits(text).unwrap()
    }

    #[test]
    fn integers_are_small_up_to_128_bits_and_big_beyond() {
        for number in [0, 1, -1, i64::MAX.into(), i128::MAX, i128::MIN] {
            assert_eq!(int(&number.to_string()), PyValue::Int(number));
        }
        assert_eq!(int("-000"), PyValue::Int(0));
        assert_eq!(int("0012"), PyValue::Int(12));
        for text in [
            "170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105729",
        ] {
            assert!(matches!(int(text), PyValue::Big(big) if big.as_str() == text));
        }
    }

    #[test]
    fn integers_have_at_most_4300_digits() {
        let digits = "9".repeat(MAX_INT_DIGITS);
        assert!(matches!(int(&digits), PyValue::Big(_)));
        assert_eq!(
            PyValue::int(false, format!("{digits}0").as_bytes()),
            Err(IntError::TooLong)
        );
        for none in ["", "-", "+1", "1_0", "x"] {
            assert_eq!(PyValue::int_from_digits(none), None);
        }
    }

    #[test]
    fn a_big_integer_is_the_same_after_its_bytes() {
        let text = format!("-{}", "1234567890".repeat(40));
        let PyValue::Big(big) = int(&text) else {
            panic!("not big");
        };
        let (negative, bytes) = big.to_le_bytes();
        assert_eq!(PyValue::int_from_le_bytes(negative, &bytes), Ok(int(&text)));
    }
}
