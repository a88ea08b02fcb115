//! The kind `Provider`: a vCenter, an ESXi, or a KVM cluster.

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use serde_yaml_ng::Mapping;

use super::file::Step;
use super::read::{Bodies, Member, Reader};
use super::{Kind, Test};

/// The longest bundle of certificates that is sent.
const PEM_LIMIT_BYTES: u64 = 256 << 10;

/// See [`Kind`].
pub(super) const KIND: Kind = Kind {
    word: "Provider",
    noun: "provider",
    collection: "/v1/providers",
    members: &[
        "kind",
        "name",
        "platform",
        "endpoints",
        "username",
        "password_env",
        "password_file",
        "password",
        "fingerprint",
        "ca_file",
        "ca_pem",
        "enabled",
    ],
    hints: &[
        ("type", "platform"),
        ("endpoint", "endpoints"),
        ("url", "endpoints"),
        ("urls", "endpoints"),
        ("user", "username"),
        ("thumbprint", "fingerprint"),
        ("thumbprint_sha256", "fingerprint"),
        ("trust", "fingerprint"),
    ],
    shown: &["kind", "name", "endpoints", "username", "password", "trust.thumbprint_sha256", "trust.ca_pem", "enabled"],
    read,
    place,
    value,
    test,
    waits: |provider| provider["enabled"] == true,
};

fn read(reader: &mut Reader<'_>, name: &str) -> Bodies {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(name));
    let mut put = |member: &str, value: Member<Value>| match value {
        Member::Absent => {}
        Member::Clear => drop(body.insert(member.to_owned(), Value::Null)),
        Member::Set(value) => drop(body.insert(member.to_owned(), value)),
    };
    put("endpoints", reader.texts("endpoints").map(|texts| json!(texts)));
    let username = reader.text("username");
    let password = reader.password("password");
    if username == Member::Clear && matches!(password, Member::Absent) {
        // A password is that of its user.
        put("password", Member::Clear);
    }
    put("username", username.map(|name| json!(name)));
    put("password", password.map(|password| json!(password.expose_secret())));
    put("enabled", reader.flag("enabled").map(|enabled| json!(enabled)));
    let mut trust = Map::new();
    match reader.text("fingerprint") {
        Member::Absent => {}
        Member::Clear => drop(trust.insert("thumbprint_sha256".to_owned(), Value::Null)),
        Member::Set(text) => drop(trust.insert("thumbprint_sha256".to_owned(), json!(text))),
    }
    match authorities(reader) {
        Member::Absent => {}
        Member::Clear => drop(trust.insert("ca_pem".to_owned(), Value::Null)),
        Member::Set(pem) => drop(trust.insert("ca_pem".to_owned(), json!(pem))),
    }
    if !trust.is_empty() {
        put("trust", Member::Set(Value::Object(trust)));
    }
    let mut create = body.clone();
    // What is cleared is what a new one does not have.
    create.retain(|_, value| !value.is_null());
    let mut fixed = Vec::new();
    match reader.text("platform") {
        Member::Set(platform) => {
            create.insert("kind".to_owned(), json!(platform));
            fixed.push(("kind", json!(platform)));
        }
        Member::Clear => reader.wrong("platform", "cannot be cleared"),
        Member::Absent => {}
    }
    Bodies { create: Value::Object(create), patch: Value::Object(body), fixed }
}

fn authorities(reader: &mut Reader<'_>) -> Member<String> {
    match (reader.text("ca_file"), reader.text("ca_pem")) {
        (Member::Absent, pem) => pem,
        (Member::Clear, Member::Absent) => Member::Clear,
        (Member::Set(path), Member::Absent) => match reader.contents(&path, PEM_LIMIT_BYTES, false) {
            Ok(pem) => Member::Set(pem),
            Err(why) => {
                reader.wrong("ca_file", &why);
                Member::Absent
            }
        },
        _ => {
            reader.wrong("ca_pem", "is one too many: give one of ca_file, ca_pem");
            Member::Absent
        }
    }
}

/// Where in a document a member of the API's body stands.
fn place(member: &str, document: &Mapping) -> Vec<Step> {
    let (name, item) = match member.split_once('[') {
        Some((name, rest)) => (name, rest.trim_end_matches(']').parse().ok()),
        None => (member, None),
    };
    let given = |names: &[&'static str]| names.iter().copied().find(|name| document.contains_key(*name));
    let word = match name {
        "kind" => "platform",
        "trust.thumbprint_sha256" => "fingerprint",
        "trust.ca_pem" | "trust" => given(&["ca_file", "ca_pem"]).unwrap_or("ca_file"),
        "password" => given(&["password", "password_env", "password_file"]).unwrap_or("password"),
        other => other,
    };
    let mut path = vec![Step::Member(word.to_owned())];
    // One address may stand there without a list.
    if document.get(word).is_some_and(serde_yaml_ng::Value::is_sequence) {
        path.extend(item.map(Step::Item));
    }
    path
}

/// A member of a provider as the API shows it, in the form of the file. A password is shown by no one.
fn value(provider: &Value, member: &str) -> Value {
    match member {
        "endpoints" => {
            let sources = provider["sources"].as_array().map_or(&[][..], Vec::as_slice);
            sources.iter().map(|source| source["endpoint"].clone()).collect()
        }
        "password" if provider["has_password"] == true => json!("(not shown)"),
        "password" => Value::Null,
        "trust.ca_pem" if provider["trust"]["ca_pem"].is_string() => json!("(certificates)"),
        path => path.split('.').fold(provider, |value, name| &value[name]).clone(),
    }
}

/// The body of a connection test of what would be there, where it would connect differently and can be tested.
fn test(provider: &Value, changed: &[String], patch: &Value) -> Option<Test> {
    let connects = ["endpoints", "username", "password", "trust.thumbprint_sha256", "trust.ca_pem"];
    let differs = changed.iter().any(|member| connects.contains(&member.as_str()));
    // A password that is kept is not shown to us, so that it cannot be tested with.
    let has_secret = patch["password"].is_string() || provider["has_password"] != true;
    if !differs || !has_secret || provider["enabled"] == false {
        return None;
    }
    let mut body = json!({
        "name": provider["name"], "kind": provider["kind"], "endpoints": value(provider, "endpoints"),
        "username": provider["username"], "trust": provider["trust"],
    });
    if patch["password"].is_string() {
        body["password"] = patch["password"].clone();
    }
    Some(Test { path: "/v1/providers/test", body })
}
