//! What is shown of a provider: one state for all of its sources, and why.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cli::columns::{Column, Source, check_columns as check, member};
use crate::cli::failure::Failure;
use crate::cli::human;
use crate::cli::table::Cell;
use crate::cli::terminal::{Palette, Tone, harmless};

/// States of sources, the worst first: a provider is in the worst state of its sources.
const WORST_FIRST: &[&str] = &["unreachable", "connecting", "loading", "lagging", "live", "disabled"];

/// The sources of a provider.
pub(crate) fn sources(provider: &Value) -> &[Value] {
    provider["sources"].as_array().map_or(&[], Vec::as_slice)
}

/// The state of a provider as a whole.
pub(crate) fn overall(provider: &Value) -> &str {
    if provider["removing"] == true {
        return "removing";
    }
    if provider["enabled"] == false {
        return "disabled";
    }
    let rank = |source: &&Value| {
        let state = source["sync"]["state"].as_str().unwrap_or("unknown");
        WORST_FIRST.iter().position(|word| *word == state).unwrap_or(0)
    };
    // A provider that was just added has no source yet.
    sources(provider)
        .iter()
        .min_by_key(rank)
        .and_then(|source| source["sync"]["state"].as_str())
        .unwrap_or("connecting")
}

/// The endpoints of a provider in one line.
pub(crate) fn endpoints(provider: &Value) -> String {
    sources(provider).iter().filter_map(|source| source["endpoint"].as_str()).collect::<Vec<_>>().join(", ")
}

/// Product and version.
pub(crate) fn product(identity: &Value) -> Option<String> {
    let product = identity["product"].as_str()?;
    Some(format!("{product} {}", identity["version"].as_str().unwrap_or_default()).trim_end().to_owned())
}

/// What a source does, in one line: `loading 120 of 400`, `unreachable since 5m: …`.
pub(crate) fn source_line(source: &Value, palette: Palette, now: DateTime<Utc>) -> String {
    let sync = &source["sync"];
    let state = sync["state"].as_str().unwrap_or("unknown");
    let mut text = palette.paint(Tone::of_state(state), &harmless(state));
    if state == "loading" {
        let _ = match (sync["loaded"].as_u64(), sync["expected"].as_u64()) {
            (Some(loaded), Some(expected)) => write!(text, " {loaded} of {expected}"),
            (Some(loaded), None) => write!(text, " {loaded}"),
            _ => Ok(()),
        };
    }
    if let Some(since) = time(&sync["since"]) {
        let _ = write!(text, ", since {}", human::age(since, now));
    }
    if let Some(message) = sync["message"].as_str() {
        let _ = write!(text, ": {}", harmless(message));
    }
    if let Some(next) = time(&sync["next_try_at"]) {
        let _ = write!(text, " (next try {})", human::until(next, now));
    }
    text
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

/// The columns of the table of providers.
pub(super) fn columns(wide: bool) -> Vec<String> {
    let short = ["name", "kind", "state", "since", "endpoints", "product", "message"];
    let more: &[&str] = if wide { &["quarantined", "username", "id"] } else { &[] };
    short.iter().chain(more).map(|column| (*column).to_owned()).collect()
}

/// Refuses a column that providers do not have.
pub(super) fn check_columns(asked: &[String], providers: &[Value]) -> Result<(), Failure> {
    let own = columns(true);
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let asked: Vec<Column> = asked
        .iter()
        .map(|word| Column {
            header: word.clone(),
            source: Source::Member(word.split('.').map(str::to_owned).collect()),
        })
        .collect();
    check(&own, &asked, providers)
}

/// A cell of the table of providers.
pub(super) fn cell(provider: &Value, column: &str, now: DateTime<Utc>) -> Cell {
    let state = overall(provider);
    // The sources that make the state what it is tell why and since when.
    let deciding = || sources(provider).iter().filter(|source| source["sync"]["state"] == state);
    match column {
        "state" => match progress(provider).filter(|_| state == "loading") {
            Some((loaded, Some(expected))) => Cell::toned(&format!("loading {loaded}/{expected}"), Tone::Warning),
            _ => Cell::state(state),
        },
        "since" => deciding()
            .filter_map(|source| time(&source["sync"]["since"]))
            .min()
            .map_or_else(Cell::none, |since| Cell::text(&human::age(since, now))),
        "endpoints" => Cell::text(&endpoints(provider)),
        "product" => sources(provider)
            .iter()
            .find_map(|source| product(&source["identity"]))
            .map_or_else(Cell::none, |text| Cell::text(&text)),
        "message" => {
            deciding().find_map(|source| source["sync"]["message"].as_str()).map_or_else(Cell::none, Cell::text)
        }
        "quarantined" => Cell::number(
            sources(provider).iter().filter_map(|source| source["quarantined_count"].as_u64()).sum::<u64>().to_string(),
        ),
        path => {
            let value = path.split('.').fold(provider, |value, name| &value[name]);
            member(path.rsplit('.').next().unwrap_or(path), value, now)
        }
    }
}

/// Objects read and expected by all sources that load; no total where one of them cannot tell.
pub(super) fn progress(provider: &Value) -> Option<(u64, Option<u64>)> {
    let loading = || sources(provider).iter().map(|source| &source["sync"]).filter(|sync| sync["state"] == "loading");
    loading().next()?;
    let loaded = loading().filter_map(|sync| sync["loaded"].as_u64()).sum();
    let expected = loading().map(|sync| sync["expected"].as_u64()).sum::<Option<u64>>().filter(|total| *total > 0);
    Some((loaded, expected))
}

/// A provider in full, for people.
pub(super) fn describe(provider: &Value, palette: Palette, now: DateTime<Utc>) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{} {value}", palette.paint(Tone::Quiet, &format!("{label:<12}")));
    };
    let field = |name: &str| harmless(provider[name].as_str().unwrap_or("-"));
    let state = overall(provider);
    line("name", &field("name"));
    line("id", &field("id"));
    line("kind", &field("kind"));
    line("state", &palette.paint(Tone::of_state(state), state));
    line("username", &field("username"));
    let trust = &provider["trust"];
    match (trust["thumbprint_sha256"].as_str(), trust["ca_pem"].as_str()) {
        (Some(thumbprint), _) => line("trust", &format!("the certificate {}", harmless(thumbprint))),
        (None, Some(_)) => line("trust", "certificates of an authority given with the provider"),
        (None, None) => line("trust", "the authorities that the gateway's machine trusts"),
    }
    line("created", &member("created_at", &provider["created_at"], now).text);
    line("changed", &member("updated_at", &provider["updated_at"], now).text);
    for source in sources(provider) {
        let sync = &source["sync"];
        line("", "");
        line("endpoint", &harmless(source["endpoint"].as_str().unwrap_or("-")));
        line("  state", &source_line(source, palette, now));
        if let Some(product) = product(&source["identity"]) {
            line("  product", &harmless(&product));
        }
        if let Some(reason) = sync["reason"].as_str() {
            line("  reason", &harmless(reason));
        }
        if let Some(thumbprint) = sync["presented_thumbprint"].as_str() {
            line("  presents", &harmless(thumbprint));
            line("  trust with", &trust_command(provider, thumbprint));
        }
        if sync["observed_at"].is_string() {
            line("  true at", &member("observed_at", &sync["observed_at"], now).text);
        }
        match source["quarantined_count"].as_u64() {
            Some(count) if count > 0 => {
                let command = format!("spandrel provider quarantine {}", quoted(&field("name")));
                let objects = if count == 1 { "object" } else { "objects" };
                line("  left out", &format!("{count} {objects}; `{command}` tells why"));
            }
            _ => {}
        }
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The command that trusts a certificate.
pub(super) fn trust_command(provider: &Value, thumbprint: &str) -> String {
    let name = harmless(provider["name"].as_str().unwrap_or("-"));
    format!("spandrel provider trust {} --thumbprint {}", quoted(&name), harmless(thumbprint))
}

/// A word for a shell: in quotes where it needs them.
pub(super) fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@/".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-26T10:05:00Z".parse().unwrap()
    }

    fn kvm() -> Value {
        json!({
            "id": "p1", "name": "lab kvm", "kind": "kvm", "enabled": true, "username": null,
            "trust": {"thumbprint_sha256": null, "ca_pem": null},
            "created_at": "2026-11-26T10:00:00Z", "updated_at": "2026-11-26T10:00:00Z",
            "sources": [
                {"endpoint": "qemu+ssh://one/system", "quarantined_count": 2,
                 "identity": {"product": "QEMU", "version": "9.2.0"},
                 "sync": {"state": "live", "since": "2026-11-26T10:01:00Z"}},
                {"endpoint": "qemu+tls://two/system", "quarantined_count": 0, "identity": null,
                 "sync": {"state": "unreachable", "since": "2026-11-26T10:02:00Z", "reason": "certificate_untrusted",
                          "message": "Its certificate is not trusted.", "presented_thumbprint": "AB:CD",
                          "next_try_at": "2026-11-26T10:05:30Z"}},
            ],
        })
    }

    #[test]
    fn a_provider_is_in_the_worst_state_of_its_sources() {
        let mut provider = kvm();
        assert_eq!(overall(&provider), "unreachable");
        provider["sources"][1]["sync"]["state"] = json!("loading");
        assert_eq!(overall(&provider), "loading");
        provider["sources"][1]["sync"]["state"] = json!("live");
        assert_eq!(overall(&provider), "live");
        provider["enabled"] = json!(false);
        assert_eq!(overall(&provider), "disabled");
        provider["removing"] = json!(true);
        assert_eq!(overall(&provider), "removing");
    }

    #[test]
    fn a_provider_is_told_with_every_endpoint_and_how_to_mend_it() {
        insta::assert_snapshot!(describe(&kvm(), Palette { coloured: false }, now()), @r"
        name         lab kvm
        id           p1
        kind         kvm
        state        unreachable
        username     -
        trust        the authorities that the gateway's machine trusts
        created      5m ago
        changed      5m ago

        endpoint     qemu+ssh://one/system
          state      live, since 4m
          product    QEMU 9.2.0
          left out   2 objects; `spandrel provider quarantine 'lab kvm'` tells why

        endpoint     qemu+tls://two/system
          state      unreachable, since 3m: Its certificate is not trusted. (next try in 30s)
          reason     certificate_untrusted
          presents   AB:CD
          trust with spandrel provider trust 'lab kvm' --thumbprint AB:CD
        ");
    }

    #[test]
    fn the_table_tells_the_deciding_source() {
        let provider = kvm();
        let row: Vec<String> = columns(true).iter().map(|column| cell(&provider, column, now()).text).collect();
        assert_eq!(
            row.join(" | "),
            "lab kvm | kvm | unreachable | 3m | qemu+ssh://one/system, qemu+tls://two/system | QEMU 9.2.0 | Its certificate is not trusted. | 2 | - | p1"
        );
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("lab-1"), "lab-1");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
