//! Names as vCenter writes them and as people read them.

/// vCenter keeps `/`, `\` and `%` in names escaped as `%2f`, `%5c` and `%25`, and nothing else.
pub(super) fn decode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (decoded, length) = match rest.get(at..at + 3).map(str::to_ascii_lowercase).as_deref() {
            Some("%2f") => ('/', 3),
            Some("%5c") => ('\\', 3),
            Some("%25") => ('%', 3),
            _ => ('%', 1),
        };
        out.push(decoded);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// A name as one segment of a path: only a `/` within it is escaped.
pub(super) fn segment(name: &str) -> String {
    decode(name).replace('/', "%2f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once() {
        let check = |raw: &str, shown: &str, path: &str| {
            assert_eq!(decode(raw), shown);
            assert_eq!(segment(raw), path);
        };
        check("web-01", "web-01", "web-01");
        check("a%2fb", "a/b", "a%2fb");
        check("a%2Fb%5cc", "a/b\\c", "a%2fb\\c");
        check("100%25", "100%", "100%");
        check("%252f", "%2f", "%2f");
        check("50% %zz %", "50% %zz %", "50% %zz %");
        check("数据%2f库-🚀", "数据/库-🚀", "数据%2f库-🚀");
        check("%é", "%é", "%é");
    }
}
