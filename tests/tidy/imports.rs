//! Who may use whom: the table of `docs/ARCHITECTURE.md`, held against every path in the sources.

use crate::assert_none;
use crate::lexer::{body, code, inline_modules, line_of, words};
use crate::tree::{File, sources};

/// A module of `src/` and what of the workspace it may use. `clock` is below all of them: time is injected everywhere.
const TABLE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("model", &["clock"]),
    ("authz", &["clock", "model"]),
    ("provider", &["clock", "model", "vsphere", "kvm"]),
    ("store", &["clock", "model", "authz", "migrations"]),
    ("inventory", &["clock", "model", "authz"]),
    ("sync", &["clock", "model", "provider", "store", "inventory"]),
    ("operation", &["clock", "model", "authz", "provider", "store"]),
    ("app", &["clock", "model", "authz", "store", "inventory", "operation"]),
    ("jobs", &["clock", "model", "store", "inventory", "app", "operation", "sync"]),
    ("api", &["clock", "model", "authz", "app"]),
    // The words of the API are the model's and the API's own types; everything else is asked for over HTTP.
    ("cli", &["clock", "model", "api"]),
    ("config", &["clock", "model"]),
    ("telemetry", &["clock", "config"]),
    ("handles", &[]),
];

/// Wiring: may use everything.
const WIRING: &[&str] = &["main", "lib", "serve"];

/// The other crates of the workspace, as paths name them.
const CRATES: &[&str] = &["vsphere", "kvm", "migrations", "spandrel"];

/// The module path of a file of `src/`: `src/api/v1/vms.rs` is `[api, v1, vms]`, `src/api/mod.rs` is `[api]`.
fn module_path(path: &str) -> Option<Vec<&str>> {
    let mut parts: Vec<&str> = path.strip_prefix("src/")?.strip_suffix(".rs")?.split('/').collect();
    if parts.len() > 1 && parts.last() == Some(&"mod") {
        parts.pop();
    }
    Some(parts)
}

/// Everything of the workspace that a file of `src/` uses: (line, module or crate).
fn uses(file: &File, depth: usize) -> Vec<(usize, String)> {
    let code = code(&file.text);
    let inline = inline_modules(&code);
    let all = words(&code);
    let mut found = Vec::new();
    for (index, word) in all.iter().enumerate() {
        let path_goes_on = code[word.start + word.text.len()..].trim_start().starts_with("::");
        let path_begins = begins_path(&code[..word.start]);
        if !path_goes_on {
            continue;
        }
        let after = code[word.start + word.text.len()..].find("::").unwrap() + word.start + word.text.len() + 2;
        let mut add = |at: usize| {
            found.extend(heads(&code, at).into_iter().map(|(place, name)| (line_of(&code, place), name.to_owned())));
        };
        match word.text {
            "crate" if path_begins => add(after),
            "super" if path_begins => {
                // `super` leads out of the inline modules first, then up the file's own path to the crate's root.
                let own_depth =
                    depth + inline.iter().filter(|(open, close)| (*open..*close).contains(&word.start)).count();
                let (steps, end) = supers(&code, &all[index..]);
                if steps == own_depth {
                    add(end);
                }
            }
            name if CRATES.contains(&name) && path_begins && !is_own_module(&code, name) => {
                found.push((line_of(&code, word.start), name.to_owned()));
            }
            _ => {}
        }
    }
    found
}

/// Whether what stands before a word leaves it the first of its path: no `::`, or one that itself begins the path.
fn begins_path(before: &str) -> bool {
    match before.trim_end().strip_suffix("::") {
        None => true,
        Some(before) => !before.ends_with(|character: char| character.is_alphanumeric() || "_>".contains(character)),
    }
}

/// How many `super::` stand in a row, and the place after them.
fn supers(code: &str, words: &[crate::lexer::Word<'_>]) -> (usize, usize) {
    let (mut count, mut end) = (0, words[0].start);
    for word in words.iter().take_while(|word| word.text == "super") {
        if count > 0 && code[end..word.start].trim() != "" {
            break;
        }
        let rest = &code[word.start + 5..];
        let Some(colons) = rest.trim_start().starts_with("::").then(|| rest.find("::").unwrap()) else { break };
        count += 1;
        end = word.start + 5 + colons + 2;
    }
    (count, end)
}

/// The first names after `crate::`, with their places: one, or several in braces. A macro of the crate is no module.
fn heads(code: &str, at: usize) -> Vec<(usize, &str)> {
    let rest = &code[at..];
    let start = at + rest.len() - rest.trim_start().len();
    if !code[start..].starts_with('{') {
        let name = words(&code[start..]).first().map(|word| word.text).unwrap_or_default();
        let is_macro = code[start + name.len()..].starts_with('!');
        return if is_macro || name.is_empty() { Vec::new() } else { vec![(start, name)] };
    }
    let (open, close) = body(code, start).unwrap();
    let (mut found, mut depth, mut expects) = (Vec::new(), 0_i32, false);
    let mut names = words(&code[..close]).into_iter().filter(|word| word.start > open).peekable();
    for (at, byte) in code.bytes().enumerate().take(close).skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        // A name stands at the head of a path when the group's brace or a comma of the same group comes before it.
        expects |= depth == 1 && matches!(byte, b'{' | b',');
        if let Some(name) = names.next_if(|word| word.start == at) {
            if expects && depth == 1 {
                found.push((at, name.text));
            }
            expects = false;
        }
    }
    found
}

/// Whether a name means a module that this file itself declares or has brought in, not the crate.
fn is_own_module(code: &str, name: &str) -> bool {
    let all = words(code);
    all.windows(2).any(|pair| pair[0].text == "mod" && pair[1].text == name)
        || all.iter().any(|word| {
            let before = code[..word.start].trim_end();
            let after = code[word.start + word.text.len()..].trim_start();
            word.text == name
                && (before.ends_with("::") || before.ends_with(['{', ',']))
                && after.starts_with([';', ',', '}'])
        })
}

/// Files of unit tests put real parts together, as wiring does. Inline test modules have no need to.
fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// What a file uses and its module may not.
fn faults(file: &File) -> Vec<String> {
    let Some(path) = module_path(&file.path) else { return Vec::new() };
    let module = path[0];
    if WIRING.contains(&module) || is_test_file(&file.path) {
        return Vec::new();
    }
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{}: the module {module} is not in the table of tests/tidy/imports.rs", file.path)];
    };
    uses(file, path.len())
        .into_iter()
        .filter(|(_, used)| used != module && !allowed.contains(&used.as_str()))
        .map(|(line, used)| format!("{}:{line}: {module} may not use {used}", file.path))
        .collect()
}

#[test]
fn modules_use_only_what_the_table_allows() {
    assert_none(&sources().iter().flat_map(faults).collect::<Vec<_>>());
}

#[test]
fn the_table_has_no_circle() {
    // What stands later may use what stands earlier: the order of the table is the order of the layers. Crates and the
    // two helpers at the end have no module above them that they use.
    let known: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
    for (place, (name, allowed)) in TABLE.iter().enumerate() {
        for used in allowed.iter().filter(|used| known.contains(*used)) {
            assert!(known[..place].contains(used), "{name} uses {used}, which stands above it");
        }
    }
}

#[test]
fn a_forbidden_use_is_found() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let found = faults(&File::sample(path, text));
        let used: Vec<_> = found.iter().map(|fault| fault.rsplit(' ').next().unwrap()).collect();
        assert_eq!(used, expected, "{path}: {text}");
    };
    check("src/model/vm.rs", "use crate::store::Vm;", &["store"]);
    check("src/model/vm.rs", "use super::{VmId, Time};", &[]);
    check("src/model/vm.rs", "use super::super::store::Vm;", &["store"]);
    check("src/model/mod.rs", "use super::store;", &["store"]);
    check(
        "src/model/vm.rs",
        "mod tests {\n use super::*;\n use super::super::VmId;\n use super::super::super::api;\n}",
        &["api"],
    );
    check("src/api/v1/vms.rs", "use crate::{app::vm::{self, list}, store, model::{Vm, store as s}};", &["store"]);
    check("src/api/v1/vms.rs", "fn f() { crate::inventory::get(crate::app::x()) }", &["inventory"]);
    check("src/api/v1/vms.rs", "// crate::store::x\nlet text = \"crate::store::x\"; crate::words! {}", &[]);
    check("src/app/vm.rs", "use kvm::Connection;\nuse ::vsphere::Session;", &["kvm", "vsphere"]);
    check("src/provider/mod.rs", "pub mod kvm;\nuse kvm::Kvm;\nuse vsphere::Session;", &[]);
    check("src/sync/mod.rs", "mod kvm;\nuse kvm::hosts;", &[]);
    check("src/news/mod.rs", "", &["tests/tidy/imports.rs"]);
    check("src/main.rs", "use crate::store;", &[]);
    check("src/api/tests/mod.rs", "use crate::store;", &[]);
    check("src/api/contests.rs", "use crate::store;", &["store"]);
}
