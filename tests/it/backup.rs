//! A back-up made as OPERATIONS says, while the gateway runs, is the same gateway again when it is restored.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::comparison::vsphere::{caught_up, compare, moref};
use crate::harness::{Database, Gateway, Setup, Simulator, output, postgres};

on_both_databases!(a_backup_that_is_restored_is_the_same_gateway);

/// Backs up a SQLite database into a folder, from which a gateway can be started.
fn back_up_sqlite(gateway: &Gateway, folder: &Path) {
    let database = gateway.data.path().join("spandrel.sqlite");
    let copy = folder.join("spandrel.sqlite");
    output(Command::new("sqlite3").arg(database).arg(format!(".backup '{}'", copy.display())));
    assert_eq!(output(Command::new("sqlite3").arg(copy).arg("PRAGMA integrity_check")).trim(), "ok");
}

/// Backs up a database of PostgreSQL by a role that is made for it, and restores it into another, whose address this gives.
async fn back_up_postgres(database: &str, folder: &Path) -> String {
    let dump = folder.join("spandrel.dump");
    let role = format!("backup_{}", std::process::id());
    postgres::administer(&format!("CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD 'backup'")).await;
    postgres::administer(&format!("GRANT pg_read_all_data TO {role}")).await;
    let mut by_role = url::Url::parse(database).unwrap();
    by_role.set_username(&role).unwrap();
    by_role.set_password(Some("backup")).unwrap();
    output(Command::new("pg_dump").arg("--format=custom").arg("--file").arg(&dump).arg(by_role.as_str()));
    let restored = postgres::new_database().await;
    let options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", "--dbname", &restored];
    output(Command::new("pg_restore").args(options).arg(&dump));
    std::fs::remove_file(dump).unwrap();
    restored
}

async fn a_backup_that_is_restored_is_the_same_gateway(database: Database) {
    let simulator = Simulator::start(&["--vms", "30", "--scenario", "lifelike"]);
    let setup = Setup::on(database, "").await;
    let gateway = Gateway::start_as(setup.clone()).await;
    let provider = gateway.join(simulator.provider("vc")).await;
    simulator.control("/churn", json!({"rate": 20})).await;
    let folder = tempfile::tempdir().unwrap();
    let database_url = match &setup.database_url {
        None => {
            back_up_sqlite(&gateway, folder.path());
            None
        }
        Some(url) => Some(back_up_postgres(url, folder.path()).await),
    };
    std::fs::copy(gateway.data.path().join("keys"), folder.path().join("keys")).unwrap();
    simulator.control("/churn", json!({"rate": 0})).await;
    let restored = Gateway::start_in(folder, Setup { database_url, ..setup }).await;
    restored.wait_for_state(&provider, "live").await;
    for each in [&gateway, &restored] {
        caught_up(each, &simulator).await;
    }
    compare(&restored, &simulator, &provider).await;
    // Ids are what bills and bookmarks hold on to.
    let ids = async |gateway: &Gateway| -> BTreeMap<String, String> {
        let hosts = gateway.all("hosts", "").await;
        hosts.iter().map(|host| (moref(host), host["id"].as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(ids(&restored).await, ids(&gateway).await);
    assert_eq!(restored.get("/v1/session").await.ok()["username"], "admin");
}
