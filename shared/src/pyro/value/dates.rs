//! Dates and times as text: what the other serializers have for the two types that only msgpack carries.

use std::io::Write as _;

/// The last day that Python knows, 9999-12-31.
pub(in super::super) const MAX_DATE_ORDINAL: u32 = 3_652_059;

/// The ordinal of 1970-01-01.
const EPOCH_ORDINAL: i64 = 719_163;

const SECONDS_A_DAY: i64 = 86_400;
const MICROS_A_SECOND: i64 = 1_000_000;

/// True for seconds since 1970 that stand in a year from 1 to 9999.
pub(in super::super) fn is_timestamp(seconds: f64) -> bool {
    let first = (1 - EPOCH_ORDINAL) * SECONDS_A_DAY;
    let end = (i64::from(MAX_DATE_ORDINAL) + 1 - EPOCH_ORDINAL) * SECONDS_A_DAY;
    // There are no numbers within a microsecond before the end, so none is rounded into the year after.
    seconds >= first as f64 && seconds < end as f64
}

/// Appends `2024-01-02T03:04:05.000678+00:00`; the fraction is left out when it is nothing, as Python does.
pub(in super::super) fn put_timestamp(out: &mut Vec<u8>, seconds: f64) {
    let whole = seconds.floor();
    let micros = ((seconds - whole) * MICROS_A_SECOND as f64).round() as i64;
    let seconds = whole as i64 + micros / MICROS_A_SECOND;
    let micros = micros % MICROS_A_SECOND;
    put_day(out, seconds.div_euclid(SECONDS_A_DAY) + EPOCH_ORDINAL);
    let of_day = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    // Writing to a vector cannot fail.
    let _ = write!(out, "T{hour:02}:{minute:02}:{second:02}");
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
    }
    out.extend_from_slice(b"+00:00");
}

/// Appends `2024-01-02`.
pub(in super::super) fn put_date(out: &mut Vec<u8>, ordinal: u32) {
    put_day(out, ordinal.into());
}

fn put_day(out: &mut Vec<u8>, ordinal: i64) {
    let (year, month, day) = civil(ordinal);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// Year, month and day, by the algorithm `civil_from_days` of Howard Hinnant (<https://howardhinnant.github.io/date_algorithms.html>).
fn civil(ordinal: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the odd day of a leap year is the last; eras have 400 years.
    const DAYS_AN_ERA: i64 = 146_097;
    let days = ordinal + 305;
    let (era, of_era) = (days.div_euclid(DAYS_AN_ERA), days.rem_euclid(DAYS_AN_ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year + era * 400 + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_those_of_python() {
        for (ordinal, date) in [
            (1, "0001-01-01"),
            (59, "0001-02-28"),
            (60, "0001-03-01"),
            (719_163, "1970-01-01"),
            (730_179, "2000-02-29"),
            (738_887, "2024-01-02"),
            (MAX_DATE_ORDINAL, "9999-12-31"),
        ] {
            assert_eq!(text(|out| put_date(out, ordinal)), date);
        }
    }

    #[test]
    fn times_are_in_utc_and_rounded_to_microseconds() {
        for (seconds, time) in [
            (0.0, "1970-01-01T00:00:00+00:00"),
            (-0.5, "1969-12-31T23:59:59.500000+00:00"),
            (1_704_164_645.000_678, "2024-01-02T03:04:05.000678+00:00"),
            (1.999_999_9, "1970-01-01T00:00:02+00:00"),
        ] {
            assert!(is_timestamp(seconds));
            assert_eq!(text(|out| put_timestamp(out, seconds)), time);
        }
        for none in [
            f64::NAN,
            f64::INFINITY,
            -62_135_596_801.0,
            253_402_300_800.0,
        ] {
            assert!(!is_timestamp(none), "{none}");
        }
    }
}
