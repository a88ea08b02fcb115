//! The audit log: who did what, from where, with which result.
//!
//! Each entry carries the hash of the one before it, so that none can be changed, put in or taken out without every later
//! hash being another. The text that is hashed is the entry's own JSON line without its last member: who has an export
//! needs nothing but SHA-256 to verify it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{TenantId, UserId};

/// What stands as `prev_hash` of the first entry.
pub const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

words! {
    /// By which door it was asked for.
    Door {
        /// By a program, with a token.
        Api = "api",
        /// By the portal: a cookie signed it in.
        Portal = "portal",
        /// By what runs by itself.
        Job = "job",
        /// By the gateway itself.
        System = "system",
    }
}

words! {
    /// What came of it.
    AuditResult {
        /// It was done.
        Done = "done",
        /// It was not allowed: no permission, a wrong password, too many tries.
        Denied = "denied",
        /// It was allowed, and not done.
        Failed = "failed",
    }
}

words! {
    /// What is wrong with an entry.
    AuditFault {
        /// Its content is not what was hashed.
        Content = "content",
        /// It does not follow from the entry before it.
        Link = "link",
        /// It is not there, though a later one is.
        Missing = "missing",
        /// It was the last, or among the last, and is not there.
        CutOff = "cut_off",
    }
}

/// An entry of the audit log. The order of the members is that of the hashed text, and does not change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its number. Dense: none is left out.
    pub seq: u64,
    /// When it was written down.
    pub at: DateTime<Utc>,
    /// The tenant whose concern it is.
    pub tenant_id: TenantId,
    /// The user that acted; `null` when nobody was signed in.
    pub actor_id: Option<UserId>,
    /// The user's name as it was then; of a refused sign-in the name that was tried; empty for a stranger.
    pub actor: String,
    /// For whom the user acted, where that is another.
    pub on_behalf_of: Option<String>,
    /// The address that it came from.
    pub address: Option<String>,
    /// By which door it was asked for.
    pub door: Door,
    /// The request, as logs and answers name it.
    pub request_id: Option<String>,
    /// What was asked for: `provider.create`, `login`.
    #[schema(example = "provider.create")]
    pub action: String,
    /// The kind of what it was asked of.
    #[schema(example = "provider")]
    pub object_kind: String,
    /// The id of what it was asked of.
    pub object_id: Option<String>,
    /// The name of that, as it was then.
    pub object_name: Option<String>,
    /// What came of it.
    pub result: AuditResult,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// What was before, without secrets.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Box<RawValue>>,
    /// What was afterwards, without secrets.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Box<RawValue>>,
    /// The hash of the entry before it; zeros for the first.
    pub prev_hash: String,
    /// SHA-256, in hexadecimal, of the entry's compact JSON text without this member.
    pub hash: String,
}

impl AuditEntry {
    /// The entry as one line of JSON, without a line's end: what is exported and forwarded.
    #[must_use]
    pub fn line(&self) -> String {
        // Its members are texts, numbers and JSON: it can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The text that is hashed: the line without its last member.
    #[must_use]
    pub fn hashed_text(&self) -> String {
        let mut line = self.line();
        line.truncate(line.len().saturating_sub(r#","hash":""}"#.len() + self.hash.len()));
        line.push('}');
        line
    }
}

/// What is to be written down.
#[derive(Clone, Debug)]
pub struct NewAudit {
    /// The tenant whose concern it is.
    pub tenant_id: TenantId,
    /// The user that acted.
    pub actor_id: Option<UserId>,
    /// The user's name, or the name that was tried.
    pub actor: String,
    /// For whom the user acted, where that is another.
    pub on_behalf_of: Option<String>,
    /// The address that it came from.
    pub address: Option<String>,
    /// By which door it was asked for.
    pub door: Door,
    /// The request.
    pub request_id: Option<String>,
    /// What was asked for.
    pub action: String,
    /// The kind of what it was asked of.
    pub object_kind: String,
    /// The id of that.
    pub object_id: Option<String>,
    /// The name of that.
    pub object_name: Option<String>,
    /// What came of it.
    pub result: AuditResult,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// What was before. Secrets are left out when it is written down ([`without_secrets`]).
    pub before: Option<Value>,
    /// What was afterwards; likewise.
    pub after: Option<Value>,
}

impl NewAudit {
    /// What the gateway itself did.
    #[must_use]
    pub fn of_gateway(door: Door, action: &str, object_kind: &str) -> Self {
        Self {
            tenant_id: TenantId::PLATFORM,
            actor_id: None,
            actor: "spandrel".to_owned(),
            on_behalf_of: None,
            address: None,
            door,
            request_id: None,
            action: action.to_owned(),
            object_kind: object_kind.to_owned(),
            object_id: None,
            object_name: None,
            result: AuditResult::Done,
            status: None,
            before: None,
            after: None,
        }
    }
}

/// What came of walking the whole chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditCheck {
    /// Whether every entry is sound and none is missing.
    pub sound: bool,
    /// How many entries are sound, from the oldest on.
    pub entries: u64,
    /// The number of the last entry that retention dropped; 0 when it dropped none. The chain begins behind it.
    pub dropped_through: u64,
    /// The number of the newest entry that there should be.
    pub last_seq: u64,
    /// The first entry that is not sound; `null` when all are.
    pub broken: Option<AuditBreak>,
}

/// Where the chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditBreak {
    /// The number of the first entry that is not sound.
    pub seq: u64,
    /// What is wrong with it.
    pub fault: AuditFault,
}

/// Words that make a member secret wherever its name has one of them.
const SECRET_PARTS: &[&str] =
    &["passw", "passphrase", "secret", "token", "private", "credential", "recovery", "totp", "cookie", "authorization"];
/// Words that make it secret when they are a word of its name by themselves.
const SECRET_WORDS: &[&str] = &["key", "keys", "otp", "pin", "pwd", "pass", "digest"];
/// What a name ends with that says something of a secret without telling it.
const HARMLESS_ENDS: &[&str] = &["id", "at", "days", "count", "name"];

/// Whether a member of this name is not to be written down.
fn is_secret(name: &str) -> bool {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            spaced.push('_');
        }
        spaced.extend(c.to_lowercase());
        before = c;
    }
    let words: Vec<&str> = spaced.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.len() > 1 && words.last().is_some_and(|last| HARMLESS_ENDS.contains(last)) {
        return false;
    }
    let joined = words.concat();
    SECRET_PARTS.iter().any(|part| joined.contains(part))
        || words.iter().any(|word| SECRET_WORDS.contains(word) || word.ends_with("key"))
}

/// A document without what is secret: members whose names say so are left out at every depth, but for a yes, a no and
/// nothing, which tell no secret; so are private keys in texts.
#[must_use]
pub fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let harmless = |name: &str, value: &Value| !is_secret(name) || value.is_boolean() || value.is_null();
            let kept = members.into_iter().filter(|(name, value)| harmless(name, value));
            Value::Object(kept.map(|(name, value)| (name, without_secrets(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets).collect()),
        Value::String(text) if text.contains("PRIVATE KEY-----") => Value::Null,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Time;

    #[test]
    fn secrets_are_left_out_at_every_depth() {
        let given = json!({
            "name": "lab", "password": "p1", "has_password": true, "password_changed_at": "2026-01-31T12:00:00Z",
            "trust": {"ca_pem": "-----BEGIN CERTIFICATE-----", "privateKey": "p2", "thumbprint_sha256": "AA:BB"},
            "keys": ["p3"], "api_key": "p4", "apikey": "p5", "token_id": "1", "bindPassword": {"value": "p6"},
            "list": [{"TOTP_seed": "p7", "recovery_codes": ["p8"], "kept": 1}, "-----BEGIN PRIVATE KEY-----p9"],
            "client-secret": "p10", "credentials": {"user": "p11"}, "Authorization": "p12", "monkeys": "kept",
            "password_hash": "p13", "refresh_token": null, "API_KEY": "p14",
        });
        let left = without_secrets(given);
        assert_eq!(
            left,
            json!({
                "name": "lab", "has_password": true, "password_changed_at": "2026-01-31T12:00:00Z",
                "trust": {"ca_pem": "-----BEGIN CERTIFICATE-----", "thumbprint_sha256": "AA:BB"},
                "token_id": "1", "list": [{"kept": 1}, null], "monkeys": "kept", "refresh_token": null,
            })
        );
    }

    #[test]
    fn the_hashed_text_is_the_line_without_its_last_member() {
        let entry = AuditEntry {
            seq: 7,
            at: Time::from_timestamp_micros(1_800_000_000_123_456).unwrap(),
            tenant_id: TenantId::PLATFORM,
            actor_id: None,
            actor: "a \"b\"".to_owned(),
            on_behalf_of: None,
            address: Some("192.0.2.1".to_owned()),
            door: Door::Api,
            request_id: None,
            action: "login".to_owned(),
            object_kind: "session".to_owned(),
            object_id: None,
            object_name: None,
            result: AuditResult::Denied,
            status: Some(401),
            before: None,
            after: Some(RawValue::from_string(r#"{"hash":"x"}"#.to_owned()).unwrap()),
            prev_hash: NO_HASH.to_owned(),
            hash: "ab".repeat(32),
        };
        let expected = format!("{},\"hash\":\"{}\"}}", entry.hashed_text().strip_suffix('}').unwrap(), entry.hash);
        assert_eq!(entry.line(), expected);
        assert!(entry.line().starts_with(
            r#"{"seq":7,"at":"2027-01-15T08:00:00.123456Z","tenant_id":"00000000-0000-0000-0000-000000000001","actor_id":null,"#
        ));
    }
}
