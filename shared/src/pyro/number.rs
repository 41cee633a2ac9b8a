//! Floating-point numbers as Python's `repr` writes them.

use std::io::Write as _;

/// The longest of them, `-2.2250738585072014e-308`.
const MAX_FLOAT_BYTES: usize = 24;

/// Appends the shortest digits that read as the same number: `1.0`, `1e+16`, `1.5e-07`. The number must be finite.
pub(super) fn put_float(out: &mut Vec<u8>, number: f64) {
    out.reserve(MAX_FLOAT_BYTES);
    let start = out.len();
    // Rust's `Debug` switches to exponents where Python does. Writing to a vector cannot fail.
    let _ = write!(out, "{number:?}");
    let exponent = out[start..].iter().position(|byte| *byte == b'e');
    if let Some(exponent) = exponent {
        sign_exponent(out, start + exponent + 1);
    }
}

/// Gives the exponent that begins at `at` a sign and at least two digits.
fn sign_exponent(out: &mut Vec<u8>, at: usize) {
    let sign = match out.get(at) {
        Some(b'-') => {
            out.remove(at);
            b'-'
        }
        _ => b'+',
    };
    let zero = (out.len() - at == 1).then_some(b'0');
    out.splice(at..at, [sign].into_iter().chain(zero));
}

/// The longest digits of an `f64` are cut by `str::parse`; text that is no number is `None`.
pub(super) fn parse_float(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_does() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e22, "1.5e+22"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.000_099_999, "9.9999e-05"),
            (1e-5, "1e-05"),
            (5e-324, "5e-324"),
            (-f64::MIN_POSITIVE, "-2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            let mut out = Vec::new();
            put_float(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
