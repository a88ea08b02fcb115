//! A reader of Rust that knows just enough: what is code and what is comment or text, where functions and inline modules
//! begin and end. The same number of bytes and lines comes out as went in, so places stay true.

/// The source with comments, strings and character literals blanked.
pub fn code(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' | b'c' if !continues_word(bytes, at) => match prefixed_end(bytes, at) {
                Some(end) => end,
                None => word_end(bytes, at),
            },
            b'\'' => match char_end(bytes, at) {
                Some(end) => end,
                None => at + 1,
            },
            byte if is_word(byte) => {
                at = word_end(bytes, at);
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        // A word that only looked like a literal's prefix, and a lifetime's tick, stay as they are.
        if !is_word(bytes[at]) && bytes[at] != b'\'' || literal(bytes, at, end) {
            for byte in &mut out[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        at = end;
    }
    String::from_utf8(out).unwrap()
}

fn literal(bytes: &[u8], start: usize, end: usize) -> bool {
    matches!(bytes[end - 1], b'"' | b'\'' | b'#') && end - start > 1
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn continues_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn word_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|&&byte| is_word(byte)).count()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|&&byte| byte != b'\n').count()
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`, `b'…'`, when that is what stands here. `r#name` is a word.
fn prefixed_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while matches!(bytes.get(at), Some(b'r' | b'b' | b'c')) && at - start < 2 {
        at += 1;
    }
    if bytes.get(at) == Some(&b'\'') && &bytes[start..at] == b"b" {
        return char_end(bytes, at);
    }
    let raw = bytes[start..at].contains(&b'r');
    let hashes = if raw { bytes[at..].iter().take_while(|&&byte| byte == b'#').count() } else { 0 };
    if bytes.get(at + hashes) != Some(&b'"') {
        return None;
    }
    if !raw {
        return Some(string_end(bytes, at));
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = at + hashes + 1;
    let found = bytes[body..].windows(close.len()).position(|window| window == close);
    Some(found.map_or(bytes.len(), |position| body + position + close.len()))
}

/// The end of a character literal; `None` for a lifetime.
fn char_end(bytes: &[u8], quote: usize) -> Option<usize> {
    let next = *bytes.get(quote + 1)?;
    if next == b'\\' {
        let close = bytes[quote + 3..].iter().position(|&byte| byte == b'\'')?;
        return Some(quote + 3 + close + 1);
    }
    let text = std::str::from_utf8(&bytes[quote + 1..]).ok()?;
    let after = quote + 1 + text.chars().next()?.len_utf8();
    (bytes.get(after) == Some(&b'\'')).then_some(after + 1)
}

/// A word of the code with its place.
#[derive(Clone, Copy)]
pub struct Word<'a> {
    /// The first byte.
    pub start: usize,
    /// The word.
    pub text: &'a str,
}

/// The identifiers and keywords of blanked code.
pub fn words(code: &str) -> Vec<Word<'_>> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if is_word(bytes[at]) {
            let end = word_end(bytes, at);
            found.push(Word { start: at, text: &code[at..end] });
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// The line (from 1) of a place.
pub fn line_of(code: &str, at: usize) -> usize {
    code.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// A function with a body: its name, first line and number of lines.
#[derive(Debug, PartialEq)]
pub struct Function {
    /// The name.
    pub name: String,
    /// The line of `fn`.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub lines: usize,
}

/// The functions of blanked code. `fn` in a type (`fn(u8)`) and a declaration without body are none.
pub fn functions(code: &str) -> Vec<Function> {
    let all = words(code);
    let mut found = Vec::new();
    for pair in all.windows(2) {
        if pair[0].text != "fn" || !code[pair[0].start + 2..pair[1].start].trim().is_empty() {
            continue;
        }
        if let Some((_, end)) = body(code, pair[1].start) {
            let line = line_of(code, pair[0].start);
            found.push(Function { name: pair[1].text.to_owned(), line, lines: line_of(code, end) - line + 1 });
        }
    }
    found
}

/// The places of the braces of the first body after a place, or `None` when a `;` comes first.
pub fn body(code: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = code.as_bytes();
    let mut nested = 0_i32;
    for at in from..bytes.len() {
        match bytes[at] {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested -= 1,
            b';' if nested == 0 => return None,
            b'{' if nested == 0 => return Some((at, closing(bytes, at))),
            _ => {}
        }
    }
    None
}

fn closing(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len() - 1
}

/// How many inline modules (`mod name { … }`) a place is in.
pub fn inline_modules(code: &str) -> Vec<(usize, usize)> {
    let all = words(code);
    let named = |pair: &&[Word]| pair[0].text == "mod" && code[pair[0].start + 3..pair[1].start].trim().is_empty();
    all.windows(2).filter(named).filter_map(|pair| body(code, pair[1].start)).collect()
}

#[test]
fn comments_and_literals_are_blanked_and_places_kept() {
    let check = |source: &str, expected: &str| {
        let found = code(source);
        assert_eq!(found.len(), source.len(), "{source}");
        assert_eq!(found.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{source}");
    };
    check("a // b { \"c", "a");
    check("a /* b /* c */ d */ e", "a e");
    check(r#"a("b { \" }", c)"#, "a( , c)");
    check("a(r#\"b \" { \"#, br\"\\\", c\"x\", b\"{\")", "a( , , , )");
    check("a('{', '\\'', '\\u{7b}', b'}', 'é') b", "a( , , , , ) b");
    check("fn f<'a>(x: &'a str, r: r#type, b: u8) {}", "fn f<'a>(x: &'a str, r: r#type, b: u8) {}");
    check("'outer: loop { break 'outer; }", "'outer: loop { break 'outer; }");
    check("bar\"b\"", "bar");
}

#[test]
fn functions_are_measured() {
    let source = "trait T { fn declared(&self) -> [u8; 4]; }\nfn short() {}\nfn long(f: fn(u8) -> u8) -> u8\nwhere\n{\n    \
                  let text = \"}\"; // }\n    { f(1) }\n}\n";
    let found = functions(&code(source));
    let found: Vec<_> = found.iter().map(|function| (function.name.as_str(), function.line, function.lines)).collect();
    assert_eq!(found, [("short", 2, 1), ("long", 3, 6)]);
}
