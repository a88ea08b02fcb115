//! Property paths: `config.hardware.device[4000].backing`, `host["host-795"].mountInfo`.
//!
//! A path is a list of names, each with an optional key in brackets that picks one element of a collection. Keys are
//! integers, or text in quotes which may hold dots and brackets (`config.extraConfig["guestinfo.metadata"]`).

/// One step of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment<'a> {
    /// The property's name; empty where a path begins with a key (the rest of a path inside a collection).
    pub name: &'a str,
    /// The key that picks an element of the collection with that name.
    pub key: Option<&'a str>,
}

/// Why a text is not a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the path is malformed at byte {at}")]
pub struct PathError {
    /// Where reading stopped, in bytes.
    pub at: usize,
}

/// Splits a path into its segments.
pub fn parse(path: &str) -> Result<Vec<Segment<'_>>, PathError> {
    let mut segments = Vec::with_capacity(4);
    let mut rest = path;
    loop {
        let at = path.len() - rest.len();
        let (segment, tail) = split_first(rest).ok_or(PathError { at })?;
        segments.push(segment);
        match tail {
            None => return Ok(segments),
            Some(tail) => rest = tail,
        }
    }
}

/// The first segment and what follows its dot. `None` when the text does not begin with a segment.
pub(crate) fn split_first(path: &str) -> Option<(Segment<'_>, Option<&str>)> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let name = &path[..end];
    let rest = &path[end..];
    let (key, rest) = match rest.strip_prefix('[') {
        None => (None, rest),
        Some(inside) => {
            let (key, rest) = split_key(inside)?;
            (Some(key), rest)
        }
    };
    if name.is_empty() && key.is_none() {
        return None;
    }
    match rest.strip_prefix('.') {
        Some(tail) => Some((Segment { name, key }, Some(tail))),
        None if rest.is_empty() => Some((Segment { name, key }, None)),
        None => None,
    }
}

/// Splits `4000].backing` or `"host-795"].mountInfo` behind the bracket.
fn split_key(inside: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = inside.strip_prefix('"') {
        // A key may itself hold a quote: it ends at the first `"]` that ends the segment.
        let mut from = 0;
        loop {
            let end = from + quoted[from..].find("\"]")?;
            let rest = &quoted[end + 2..];
            if rest.is_empty() || rest.starts_with('.') {
                return Some((&quoted[..end], rest));
            }
            from = end + 2;
        }
    }
    let end = inside.find(']')?;
    (end > 0).then(|| (&inside[..end], &inside[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &[(&str, Option<&str>)]) {
        let segments = parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let segments: Vec<_> = segments.iter().map(|s| (s.name, s.key)).collect();
        assert_eq!(segments, expected, "{path}");
    }

    #[test]
    fn paths_split_into_names_and_keys() {
        check("name", &[("name", None)]);
        check("config.hardware.numCPU", &[("config", None), ("hardware", None), ("numCPU", None)]);
        check(
            "config.hardware.device[4000].backing",
            &[("config", None), ("hardware", None), ("device", Some("4000")), ("backing", None)],
        );
        check("host[\"host-795\"].mountInfo", &[("host", Some("host-795")), ("mountInfo", None)]);
        check(
            "config.extraConfig[\"guestinfo.metadata\"].value",
            &[("config", None), ("extraConfig", Some("guestinfo.metadata")), ("value", None)],
        );
        check("a[\"x\"]y\"].b", &[("a", Some("x\"]y")), ("b", None)]);
        check("[7].b", &[("", Some("7")), ("b", None)]);
        check("a[-44]", &[("a", Some("-44"))]);
    }

    #[test]
    fn malformed_paths_are_refused() {
        for path in ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[1", "a[\"x]", "a[1]b", "a]["] {
            assert!(parse(path).is_err(), "{path}");
        }
    }
}
