//! The files of the project, as the rules see them.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file: its path from the root, with `/`, and what it holds.
pub struct File {
    /// The path from the project's root.
    pub path: String,
    /// The text.
    pub text: String,
}

impl File {
    /// A sample for a rule's own test.
    pub fn sample(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Folders that hold nothing of ours: what tools make.
const MADE: &[&str] = &[".git", ".local", "target", "node_modules", "bin", "dist"];

/// The project's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the project whose path the filter takes, in a fixed order.
pub fn files(filter: impl Fn(&str) -> bool) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", &filter, &mut found);
    assert!(!found.is_empty(), "the filter takes no file: the rule would hold by itself");
    found
}

fn walk(folder: &Path, prefix: &str, filter: &dyn Fn(&str) -> bool, found: &mut Vec<File>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        let path = format!("{prefix}{name}");
        if entry.is_symlink() {
            continue;
        }
        if entry.is_dir() {
            // A cargo target folder elsewhere in the tree is known by its tag.
            if !MADE.contains(&name.as_str()) && !entry.join("CACHEDIR.TAG").exists() {
                walk(&entry, &format!("{path}/"), filter, found);
            }
        } else if filter(&path)
            && let Ok(text) = fs::read_to_string(&entry)
        {
            found.push(File { path, text });
        }
    }
}

/// Whether a path is Rust that goes into the product.
pub fn is_source(path: &str) -> bool {
    path.ends_with(".rs")
        && ["src/", "vsphere/src/", "kvm/src/", "migrations/src/"].iter().any(|dir| path.starts_with(dir))
}

/// The product's own sources.
pub fn sources() -> Vec<File> {
    files(is_source)
}
