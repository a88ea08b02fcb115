//! The dependencies: licences, bans, one crypto provider, and that the two clients know nothing of the gateway.
//!
//! The lists are those of `deny.toml`. What is compiled is asked from `cargo tree`, which resolves features as the build
//! does (`cargo metadata` also names optional packages that nothing turns on).

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::assert_none;
use crate::tree::root;

/// Crates of the workspace that others use without the gateway (invariant 7).
const BY_THEMSELVES: &[&str] = &["vsphere", "kvm"];

/// The lists of `deny.toml`.
#[derive(Debug)]
struct Rules {
    licenses: Vec<String>,
    exceptions: BTreeMap<String, Vec<String>>,
    banned: BTreeMap<String, String>,
}

impl Rules {
    fn read(text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap();
        let strings = |value: &toml::Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
        };
        let name = |value: &toml::Value| value["crate"].as_str().unwrap().to_owned();
        let exceptions = table["licenses"]["exceptions"].as_array().unwrap();
        let banned = table["bans"]["deny"].as_array().unwrap();
        Self {
            licenses: strings(&table["licenses"]["allow"]),
            exceptions: exceptions.iter().map(|entry| (name(entry), strings(&entry["allow"]))).collect(),
            banned: banned.iter().map(|entry| (name(entry), entry["reason"].as_str().unwrap().to_owned())).collect(),
        }
    }
}

/// A package that is compiled: name and licence expression.
type Package = (String, String);

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let done = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(done.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// What `cargo tree --prefix none --format '{p}|{l}'` lists: `name v1.2.3 (how)|licence`.
fn packages(tree: &str) -> Vec<Package> {
    let mut found: Vec<Package> = tree
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(package, license)| {
            (package.split(' ').next().unwrap().to_owned(), license.trim_end_matches(" (*)").trim().to_owned())
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn faults(packages: &[Package], rules: &Rules) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, license) in packages {
        if let Some(reason) = rules.banned.get(name) {
            faults.push(format!("{name} is banned: {reason} (cargo tree -i {name})"));
        }
        let extra = rules.exceptions.get(name).cloned().unwrap_or_default();
        let allowed = |one: &str| rules.licenses.iter().chain(&extra).any(|license| license == one);
        if !license_holds(license, &allowed) {
            faults.push(format!("{name} has the licence {license:?}, which deny.toml does not allow"));
        }
    }
    faults
}

/// Whether an SPDX expression is fulfilled by allowed licences. `/` is the old form of OR, `+` of "or later".
fn license_holds(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let holds = any_of(&tokens, &mut at, allowed);
    holds == Some(true) && at == tokens.len()
}

fn any_of(tokens: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut holds = all_of(tokens, at, allowed)?;
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= all_of(tokens, at, allowed)?;
    }
    Some(holds)
}

fn all_of(tokens: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut holds = single(tokens, at, allowed)?;
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= single(tokens, at, allowed)?;
    }
    Some(holds)
}

fn single(tokens: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let token = *tokens.get(*at)?;
    *at += 1;
    if token == "(" {
        let holds = any_of(tokens, at, allowed)?;
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(holds);
    }
    if tokens.get(*at) == Some(&"WITH") {
        let whole = format!("{token} WITH {}", tokens.get(*at + 1)?);
        *at += 2;
        return Some(allowed(&whole));
    }
    Some(allowed(token.trim_end_matches('+')))
}

/// Which crates that stand by themselves depend on a crate of the workspace, by `cargo metadata --no-deps`.
fn client_faults(metadata: &str) -> Vec<String> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).unwrap();
    let members = metadata["packages"].as_array().unwrap();
    let names: Vec<&str> = members.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let mut faults = Vec::new();
    for name in BY_THEMSELVES {
        let Some(package) = members.iter().find(|package| package["name"] == *name) else {
            faults.push(format!("there is no crate {name} in the workspace"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            if names.contains(&used) || !dependency["path"].is_null() {
                faults.push(format!("the crate {name} may not depend on {used}: it knows nothing of the gateway"));
            }
        }
    }
    faults
}

#[test]
fn dependencies_are_allowed() {
    let rules = Rules::read(&fs::read_to_string(root().join("deny.toml")).unwrap());
    let tree = cargo(&["tree", "--workspace", "--locked", "--prefix", "none", "--edges", "all", "--format", "{p}|{l}"]);
    let packages = packages(&tree);
    assert!(packages.len() > 100, "cargo tree lists only {} packages", packages.len());
    assert!(packages.iter().any(|(name, _)| name == "aws-lc-rs"), "the crypto provider of the tree is aws-lc-rs");
    assert_none(&faults(&packages, &rules));
}

#[test]
fn the_clients_stand_by_themselves() {
    assert_none(&client_faults(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"])));
}

#[test]
fn forbidden_packages_and_licences_are_refused() {
    let rules = Rules::read(
        "licenses.allow = ['MIT']\nlicenses.exceptions = [{ crate = 'virt', allow = ['LGPL-2.1'] }]\n\
         bans.deny = [{ crate = 'ring', reason = 'one crypto provider' }]",
    );
    let tree = "spandrel v0.1.0 (somewhere)|MIT\nring v0.17.1|MIT\nvirt v0.5.0|LGPL-2.1 (*)\nother v1.0.0|LGPL-2.1\nnone v1.0.0|";
    let found = faults(&packages(tree), &rules);
    let at_fault: Vec<_> = found.iter().map(|fault| fault.split(' ').next().unwrap()).collect();
    assert_eq!(at_fault, ["none", "other", "ring"]);
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = |one: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception", "MPL-2.0"].contains(&one);
    let check =
        |expression: &str, expected: bool| assert_eq!(license_holds(expression, &allowed), expected, "{expression}");
    check("MIT", true);
    check("MIT OR GPL-3.0", true);
    check("GPL-3.0/MIT", true);
    check("MIT AND GPL-3.0", false);
    check("ISC AND (MIT OR GPL-3.0)", true);
    check("(MIT OR ISC) AND GPL-3.0", false);
    check("Apache-2.0 WITH LLVM-exception", true);
    check("Apache-2.0", false);
    check("MPL-2.0+", true);
    check("", false);
    check("MIT AND", false);
    check("(MIT", false);
}

#[test]
fn a_client_that_knows_the_gateway_is_refused() {
    let metadata = r#"{"packages": [
        {"name": "vsphere", "dependencies": [{"name": "kvm", "path": "../kvm"}, {"name": "tokio", "path": null}]},
        {"name": "kvm", "dependencies": []}]}"#;
    assert_eq!(client_faults(metadata), ["the crate vsphere may not depend on kvm: it knows nothing of the gateway"]);
    assert_eq!(client_faults(r#"{"packages": [{"name": "kvm", "dependencies": []}]}"#).len(), 1);
}
