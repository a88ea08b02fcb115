//! Links in the documentation: every relative link leads to a file that there is, every anchor to a heading.

use std::collections::{BTreeMap, BTreeSet};

use crate::assert_none;
use crate::tree::{File, files, root};

/// A page's text without its code: fenced blocks and `inline code` are blanked, lines are kept.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => out.push_str(&without_inline_code(line)),
            _ => {}
        }
        out.push('\n');
    }
    out
}

fn without_inline_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    // An odd number of ticks leaves the last one open: then it is a plain tick.
    let closed = parts.len() % 2 == 1;
    let kept = parts.iter().enumerate().map(|(index, part)| if index % 2 == 1 && closed { "" } else { *part });
    kept.collect::<Vec<_>>().join("`")
}

/// The targets of `[text](target)`, `![text](target)` and `[name]: target`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text).lines().enumerate() {
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let end = rest.char_indices().scan(0_i32, |depth, (place, character)| {
                *depth += i32::from(character == '(') - i32::from(character == ')');
                Some((place, *depth))
            });
            if let Some((close, _)) = end.into_iter().find(|(_, depth)| *depth < 0) {
                found.push((number + 1, rest[..close].split_whitespace().next().unwrap_or_default().to_owned()));
            }
        }
        if line.trim_start().starts_with('[')
            && let Some((_, target)) = line.split_once("]: ")
        {
            found.push((number + 1, target.split_whitespace().next().unwrap_or_default().to_owned()));
        }
    }
    found
}

/// The anchors of a page as code hosts make them: lower case, blanks to `-`, punctuation gone, repeats numbered.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let mut in_fence = false;
    for line in text.lines() {
        in_fence ^= line.trim_start().starts_with("```");
        let level = line.bytes().take_while(|&byte| byte == b'#').count();
        if in_fence || level == 0 || level > 6 || !line[level..].starts_with(' ') {
            continue;
        }
        let kept = line[level..].trim().to_lowercase();
        let slug: String = kept
            .chars()
            .filter(|character| character.is_alphanumeric() || "-_ ".contains(*character))
            .map(|character| if character == ' ' { '-' } else { character })
            .collect();
        let count = seen.entry(slug.clone()).or_default();
        found.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    found
}

/// Resolves a link of a page to a path from the root; `None` when it leads out of the project.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { page.split('/').collect() };
    parts.pop();
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

fn faults(pages: &[File], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for page in pages {
        for (line, link) in links(&page.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (target, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let path = if target.is_empty() { Some(page.path.clone()) } else { resolve(&page.path, target) };
            // The gateway serves the pages under docs/problems without their ending, by links that begin with `/`.
            let served = |path: &str| target.starts_with('/') && exists(&format!("{path}.md"));
            let Some(path) = path.filter(|path| exists(path) || served(path)) else {
                faults.push(format!("{}:{line}: the link {link} leads nowhere", page.path));
                continue;
            };
            let known = pages.iter().find(|other| other.path == path).map(|other| anchors(&other.text));
            if let (Some(anchor), Some(known)) = (anchor, known)
                && !known.contains(anchor)
            {
                faults.push(format!("{}:{line}: {path} has no heading #{anchor}", page.path));
            }
        }
    }
    faults
}

#[test]
fn links_lead_somewhere() {
    let pages = files(|path| path.ends_with(".md"));
    assert_none(&faults(&pages, &|path| root().join(path).exists()));
}

#[test]
fn dead_links_are_refused() {
    let pages = [
        File::sample(
            "README.md",
            "# Top\n[a](docs/A.md) [b](docs/B.md#one-two) [c](docs/B.md#three) [d](#top) [e](gone.md)\n",
        ),
        File::sample(
            "docs/A.md",
            "[up](../README.md) [out](../../x.md) ![p](p.png)\n```\n[code](no.md)\n```\n`[x](no.md)`\n",
        ),
        File::sample(
            "docs/B.md",
            "## One, two!\n## Same\n## Same\n[second](#same-1) [third](#same-2) [web](https://a.b/c)\n[r]: C.md\n[p](/docs/A) [q](/docs/Z)\n",
        ),
    ];
    let found = faults(&pages, &|path| ["README.md", "docs/A.md", "docs/B.md"].contains(&path));
    let expected = [
        "README.md:2: docs/B.md has no heading #three",
        "README.md:2: the link gone.md leads nowhere",
        "docs/A.md:1: the link ../../x.md leads nowhere",
        "docs/A.md:1: the link p.png leads nowhere",
        "docs/B.md:4: docs/B.md has no heading #same-2",
        "docs/B.md:5: the link C.md leads nowhere",
        "docs/B.md:6: the link /docs/Z leads nowhere",
    ];
    assert_eq!(found, expected);
}
