//! The shape of files: their length, their functions' length, their headers, and calls that belong in one place only.

use crate::assert_none;
use crate::lexer::{code, functions, line_of, words};
use crate::tree::{File, files, sources};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 100;

/// Longer than the rule allows, with the reason. Empty, and meant to stay so.
const LONG_FILES: &[(&str, &str)] = &[];

/// Calls of one place only (invariant 9), and where that is.
const ONE_PLACE: &[(&str, &str, &[&str])] = &[
    ("Utc", "now", &["src/clock.rs"]),
    ("Local", "now", &[]),
    ("SystemTime", "now", &["src/clock.rs"]),
    ("Uuid", "now_v7", &["src/model/id.rs"]),
    ("Uuid", "new_v4", &[]),
];

fn length_faults(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES && !LONG_FILES.iter().any(|(path, _)| *path == file.path) {
        faults.push(format!("{}: {lines} lines, {FILE_LINES} are allowed: split it by meaning", file.path));
    }
    for function in functions(&code(&file.text)).iter().filter(|function| function.lines > FUNCTION_LINES) {
        let (path, line, name, lines) = (&file.path, function.line, &function.name, function.lines);
        faults.push(format!("{path}:{line}: fn {name} has {lines} lines, {FUNCTION_LINES} are allowed"));
    }
    faults
}

/// Every file says at its head what it is for.
fn header_faults(file: &File) -> Vec<String> {
    let headed = file.text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("//!"));
    if headed { Vec::new() } else { vec![format!("{}: no //! header that says what the module is for", file.path)] }
}

fn call_faults(file: &File) -> Vec<String> {
    let code = code(&file.text);
    let mut faults = Vec::new();
    for pair in words(&code).windows(2) {
        let between = &code[pair[0].start + pair[0].text.len()..pair[1].start];
        if between.trim() != "::" {
            continue;
        }
        for (owner, method, places) in ONE_PLACE {
            if pair[0].text == *owner && pair[1].text == *method && !places.contains(&file.path.as_str()) {
                let line = line_of(&code, pair[0].start);
                faults.push(format!("{}:{line}: {owner}::{method} belongs in {places:?} only", file.path));
            }
        }
    }
    faults
}

/// Paths of one person's machine, in any kind of file. Put together here so that this file holds none itself.
fn machine_path_faults(file: &File) -> Vec<String> {
    let starts: Vec<String> = ["work", "home/user", "Users"].iter().map(|name| format!("/{name}/")).collect();
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for start in &starts {
            for (at, _) in line.match_indices(start.as_str()) {
                // `a/work/b` and `https://host/work/b` are no paths of a machine.
                let before = line[..at].chars().next_back();
                if before.is_none_or(|character| !character.is_alphanumeric() && !"/.-_}$*".contains(character)) {
                    faults.push(format!("{}:{}: a path of one machine: {}", file.path, number + 1, line.trim()));
                }
            }
        }
    }
    faults
}

fn is_text(path: &str) -> bool {
    const KINDS: &[&str] =
        &["rs", "py", "go", "md", "toml", "json", "yaml", "yml", "ts", "tsx", "html", "css", "sh", "xml"];
    path == "dev" || path == ".ci/run" || path.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind))
}

#[test]
fn files_and_functions_are_short() {
    assert_none(&sources().iter().flat_map(length_faults).collect::<Vec<_>>());
}

#[test]
fn every_module_says_what_it_is_for() {
    assert_none(&sources().iter().flat_map(header_faults).collect::<Vec<_>>());
}

#[test]
fn time_and_ids_come_from_one_place() {
    assert_none(&sources().iter().flat_map(call_faults).collect::<Vec<_>>());
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    assert_none(&files(is_text).iter().flat_map(machine_path_faults).collect::<Vec<_>>());
}

#[test]
fn long_files_and_functions_are_refused() {
    let long_file = "//! Long.\n".to_owned() + &"const A: u8 = 1;\n".repeat(FILE_LINES);
    assert_eq!(length_faults(&File::sample("src/long.rs", &long_file)).len(), 1);
    let long_function = format!("fn long() {{\n{}}}\n", "    call();\n".repeat(FUNCTION_LINES));
    assert_eq!(length_faults(&File::sample("src/a.rs", &long_function)).len(), 1);
    let at_limit = format!("fn fits() {{\n{}}}\n", "    call();\n".repeat(FUNCTION_LINES - 2));
    assert_eq!(length_faults(&File::sample("src/a.rs", &at_limit)), [""; 0]);
}

#[test]
fn a_missing_header_is_refused() {
    assert_eq!(header_faults(&File::sample("src/a.rs", "use std::io;\n//! Late.\n")).len(), 1);
    assert_eq!(header_faults(&File::sample("src/a.rs", "\n//! For this.\n")), [""; 0]);
}

#[test]
fn a_clock_of_its_own_is_refused() {
    let check = |path: &str, text: &str, count: usize| {
        assert_eq!(call_faults(&File::sample(path, text)).len(), count, "{path}: {text}");
    };
    check("src/jobs/meter.rs", "let now = chrono::Utc :: now();", 1);
    check("src/jobs/meter.rs", "let f = SystemTime::now; let i = Uuid::now_v7();", 2);
    check("src/jobs/meter.rs", "// Utc::now() would be wrong\nlet text = \"Utc::now()\"; let now = Instant::now();", 0);
    check("src/clock.rs", "Utc::now()", 0);
    check("vsphere/src/task.rs", "std::time::SystemTime::now()", 1);
}

#[test]
fn a_path_of_one_machine_is_refused() {
    let check = |text: &str, count: usize| {
        assert_eq!(machine_path_faults(&File::sample("README.md", &text.replace('~', "/work"))).len(), count, "{text}");
    };
    check("see ~/main/src", 1);
    check("`~/target` and (~/bin)", 2);
    check("https://example.org~/x and frame~/y", 0);
}
