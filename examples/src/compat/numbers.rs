//! Python's numbers: integers of any size, floating-point and complex ones.

use farcall::python::{Exception, PyValue};
use num_bigint::BigInt;

/// A number of Python's. `True` is 1 and `False` is 0.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Int(BigInt),
    Float(f64),
    Complex(f64, f64),
}

impl Number {
    /// The number that a value is, if it is one.
    pub(super) fn of(value: &PyValue) -> Option<Self> {
        Some(match value {
            PyValue::Int(number) => Self::Int(BigInt::from(*number)),
            PyValue::Bool(value) => Self::Int(BigInt::from(u8::from(*value))),
            PyValue::Big(number) => Self::Int(number.as_str().parse().ok()?),
            PyValue::Float(number) => Self::Float(*number),
            PyValue::Complex(real, imaginary) => Self::Complex(*real, *imaginary),
            _ => return None,
        })
    }

    /// `self + other`.
    pub(super) fn add(self, other: Self) -> Result<PyValue, Exception> {
        Ok(match (self, other) {
            (Self::Int(a), Self::Int(b)) => return int(&(a + b)),
            (Self::Complex(a, i), b) => {
                let (b, j) = b.parts()?;
                PyValue::Complex(a + b, i + j)
            }
            (a, Self::Complex(b, j)) => PyValue::Complex(a.float()? + b, j),
            (a, b) => PyValue::Float(a.float()? + b.float()?),
        })
    }

    /// `self // other`; nothing when one of them is complex.
    pub(super) fn floor_divide(self, other: Self) -> Result<Option<PyValue>, Exception> {
        Ok(Some(match (self, other) {
            (Self::Complex(..), _) | (_, Self::Complex(..)) => return Ok(None),
            (Self::Int(a), Self::Int(b)) => int(&floor_of_ints(&a, &b)?)?,
            (a, b) => PyValue::Float(floor_of_floats(a.float()?, b.float()?)?),
        }))
    }

    pub(super) fn is_negative(&self) -> bool {
        match self {
            Self::Int(number) => *number < BigInt::ZERO,
            Self::Float(number) => *number < 0.0,
            Self::Complex(..) => false,
        }
    }

    fn parts(&self) -> Result<(f64, f64), Exception> {
        match self {
            Self::Complex(real, imaginary) => Ok((*real, *imaginary)),
            other => Ok((other.float()?, 0.0)),
        }
    }

    fn float(&self) -> Result<f64, Exception> {
        match self {
            Self::Float(number) | Self::Complex(number, _) => Ok(*number),
            Self::Int(number) => {
                let float = number.to_string().parse().unwrap_or(f64::INFINITY);
                let too_large = "int too large to convert to float";
                match float.is_finite() {
                    true => Ok(float),
                    false => Err(Exception::builtin("OverflowError", too_large)),
                }
            }
        }
    }
}

fn int(number: &BigInt) -> Result<PyValue, Exception> {
    let text = "Exceeds the limit (4300 digits) for integer string conversion";
    PyValue::int_from_digits(&number.to_string())
        .ok_or_else(|| Exception::builtin("ValueError", text))
}

fn floor_of_ints(a: &BigInt, b: &BigInt) -> Result<BigInt, Exception> {
    if *b == BigInt::ZERO {
        return Err(by_zero("integer division or modulo by zero"));
    }
    let (quotient, rest) = (a / b, a % b);
    let is_above = rest != BigInt::ZERO && (rest < BigInt::ZERO) != (*b < BigInt::ZERO);
    Ok(quotient - u8::from(is_above))
}

/// As CPython's `float_divmod` computes it, from the remainder: a quotient that was rounded up is no floor.
fn floor_of_floats(a: f64, b: f64) -> Result<f64, Exception> {
    if b == 0.0 {
        return Err(by_zero("float floor division by zero"));
    }
    let rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 && (b < 0.0) != (rest < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return Ok(0.0_f64.copysign(a / b));
    }
    let floor = quotient.floor();
    Ok(if quotient - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    })
}

fn by_zero(text: &str) -> Exception {
    Exception::builtin("ZeroDivisionError", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> PyValue {
        match text.parse::<f64>() {
            Ok(number) if text.contains(['.', 'n']) => PyValue::Float(number),
            _ => PyValue::int_from_digits(text).unwrap(),
        }
    }

    fn number(text: &str) -> Number {
        Number::of(&value(text)).unwrap()
    }

    #[test]
    fn quotients_are_those_of_python() {
        for (a, b, floor) in [
            ("7", "2", "3"),
            ("-7", "2", "-4"),
            ("7", "-2", "-4"),
            ("-7", "-2", "3"),
            (
                "-1",
                "1606938044258990275541962092341162602522202993782792835301376",
                "-1",
            ),
            (
                "170141183460469231731687303715884105728",
                "-1",
                "-170141183460469231731687303715884105728",
            ),
            ("1.0", "0.1", "9.0"),
            ("-1.0", "0.1", "-10.0"),
            ("7.5", "-2", "-4.0"),
            ("-1", "inf", "-1.0"),
        ] {
            let found = number(a).floor_divide(number(b));
            assert_eq!(found, Ok(Some(value(floor))), "{a} // {b}");
        }
        for (a, b, class) in [
            ("1", "0", "builtins.ZeroDivisionError"),
            ("1", "0.0", "builtins.ZeroDivisionError"),
            (
                &format!("1{}", "0".repeat(400)),
                "2.0",
                "builtins.OverflowError",
            ),
        ] {
            let failed = number(a).floor_divide(number(b)).unwrap_err();
            assert_eq!(failed.class, class, "{a} // {b}");
        }
    }

    #[test]
    fn sums_are_of_any_size_up_to_pythons_limit_of_digits() {
        let most = "9".repeat(4_300);
        assert_eq!(number(&most).add(number("0")), Ok(value(&most)));
        assert_eq!(
            number(&most).add(number("1")).unwrap_err().class,
            "builtins.ValueError"
        );
        assert_eq!(
            number("1").add(Number::Complex(1.0, 2.0)),
            Ok(PyValue::Complex(2.0, 2.0))
        );
    }
}
