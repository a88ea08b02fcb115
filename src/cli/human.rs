//! Sizes and times as people read them. Programs ask for JSON and get the exact values.

use chrono::{DateTime, Local, Utc};

use super::terminal::harmless;
use crate::clock::Clock;

/// The moment at which a command prints.
///
/// The client is a program of its own beside the gateway: it shows ages as the user's clock has them.
pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// A size in bytes: at most one decimal, units of 1024.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 0;
    let mut divisor: u64 = 1;
    while unit + 1 < UNITS.len() && size / divisor >= 1024 {
        divisor *= 1024;
        unit += 1;
    }
    // Tenths in whole numbers, so that 1 TiB less one byte is not shown as 1024 GiB.
    let tenths = u128::from(size) * 10 / u128::from(divisor);
    if tenths % 10 == 0 || tenths >= 1000 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// A size in MiB.
pub(crate) fn mib(size: u64) -> String {
    size.checked_mul(1024 * 1024).map_or_else(|| format!("{size} MiB"), bytes)
}

/// A clock rate or CPU capacity in MHz.
pub(crate) fn mhz(rate: u64) -> String {
    if rate < 1000 { format!("{rate} MHz") } else { format!("{}.{} GHz", rate / 1000, rate % 1000 / 100) }
}

/// How long ago something was: the largest unit that fits.
pub(crate) fn age(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - then).num_seconds();
    match seconds {
        ..1 => "now".to_owned(),
        1..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// When something comes: `in 5s`, `at once`.
pub(crate) fn until(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if then <= now { "at once".to_owned() } else { format!("in {}", age(now, then)).replace("in now", "at once") }
}

/// A time of the API where the user is, to the minute.
pub(crate) fn moment(text: &str) -> String {
    text.parse::<DateTime<Utc>>()
        .map_or_else(|_| harmless(text), |time| time.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string())
}

/// The time of day where the user is, for lines of a stream.
pub(crate) fn time_of_day(then: DateTime<Utc>) -> String {
    then.with_timezone(&Local).format("%H:%M:%S").to_string()
}

/// Reads a size with a unit (`8GiB`, `512M`, `1.5T`) as bytes; `None` where it is none or not a whole number of bytes.
/// A number alone has no unit and is none.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let exponent = match unit.to_ascii_lowercase().as_str() {
        "b" => 0,
        "k" | "kib" => 1,
        "m" | "mib" => 2,
        "g" | "gib" => 3,
        "t" | "tib" => 4,
        "p" | "pib" => 5,
        _ => return None,
    };
    let factor = 1024_u128.pow(exponent);
    let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    if whole.is_empty() || fraction.len() > 6 {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = digits.checked_mul(factor)?;
    (scaled % scale == 0).then(|| u64::try_from(scaled / scale).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable_and_never_rounded_up() {
        for (size, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (10 * 1024 * 1024 * 1024, "10 GiB"),
            (1024_u64.pow(4) - 1, "1023 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(bytes(size), expected);
        }
        assert_eq!(mib(512), "512 MiB");
        assert_eq!(mib(6144), "6 GiB");
        assert_eq!(mib(u64::MAX), format!("{} MiB", u64::MAX));
        assert_eq!(mhz(2600), "2.6 GHz");
    }

    #[test]
    fn sizes_with_units_are_read_exactly() {
        for (text, expected) in [
            ("8GiB", Some(8 << 30)),
            ("512m", Some(512 << 20)),
            ("1.5T", Some(3 << 39)),
            ("17 g", Some(17 << 30)),
            ("0.3KiB", None),
            ("8", None),
            ("GiB", None),
            ("8 lightyears", None),
            ("99999999999999999999P", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }

    #[test]
    fn ages_use_the_largest_unit_that_tells() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        for (seconds, expected) in [(-5, "now"), (0, "now"), (90, "90s"), (600, "10m"), (10_000, "2h"), (400_000, "4d")]
        {
            assert_eq!(age(now - chrono::TimeDelta::seconds(seconds), now), expected);
        }
    }
}
