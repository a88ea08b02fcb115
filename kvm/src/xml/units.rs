//! Sizes: libvirt's numbers with a unit, as bytes.

use super::XmlError;
use super::parse::shorten;

/// A number with libvirt's unit as bytes: `("2", Some("GiB"))` is 2147483648.
///
/// Without a unit the number is in `default_unit`. Units are `b`, `bytes`, `KB` (1000), `k`/`KiB` (1024) and so on up to `E`, in any case
/// except that `KB` and `KiB` differ, as in libvirt's `virScaleInteger`. Blanks around are ignored.
///
/// # Errors
/// [`XmlError::Value`] for a negative or fractional number, an unknown unit, or more bytes than fit in 64 bits.
pub fn size_to_bytes(number: &str, unit: Option<&str>, default_unit: &str, path: &str) -> Result<u64, XmlError> {
    let refuse = |reason| XmlError::Value { path: path.to_owned(), value: shorten(number), reason };
    let value: u64 = number.trim().parse().map_err(|_| refuse("it is not a whole number"))?;
    let unit = unit.map(str::trim).filter(|unit| !unit.is_empty()).unwrap_or(default_unit).to_ascii_lowercase();
    let scale: u64 = match unit.as_str() {
        "b" | "byte" | "bytes" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1000_u64.pow(2),
        "m" | "mib" => 1 << 20,
        "gb" => 1000_u64.pow(3),
        "g" | "gib" => 1 << 30,
        "tb" => 1000_u64.pow(4),
        "t" | "tib" => 1 << 40,
        "pb" => 1000_u64.pow(5),
        "p" | "pib" => 1 << 50,
        "eb" => 1000_u64.pow(6),
        "e" | "eib" => 1 << 60,
        _ => {
            return Err(XmlError::Value {
                path: path.to_owned(),
                value: shorten(&unit),
                reason: "it is not a unit of size",
            });
        }
    };
    value.checked_mul(scale).ok_or_else(|| refuse("it is more bytes than a machine can have"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_libvirts() {
        let check = |number: &str, unit: Option<&str>, default: &str, bytes: Option<u64>| {
            assert_eq!(size_to_bytes(number, unit, default, "x").ok(), bytes, "{number} {unit:?}");
        };
        check("2", Some("GiB"), "KiB", Some(2 << 30));
        check("2", Some("G"), "KiB", Some(2 << 30));
        check("2", Some("GB"), "KiB", Some(2_000_000_000));
        check("1048576", None, "KiB", Some(1 << 30));
        check(" 5 ", Some(" bytes "), "KiB", Some(5));
        check("7", None, "bytes", Some(7));
        check("0", Some("EiB"), "KiB", Some(0));
        check("16", Some("EiB"), "KiB", None);
        check("-1", None, "KiB", None);
        check("1.5", Some("GiB"), "KiB", None);
        check("1", Some("furlong"), "KiB", None);
        check("", None, "KiB", None);
    }
}
