//! A temporary PostgreSQL cluster for the whole run, with a database per gateway.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::ConnectionTrait as _;

use super::process::{Helper, lab_command};

/// `./dev test` starts a cluster and names it; a plain `cargo test` starts its own, which ends with this process.
fn admin_url() -> String {
    static OWN: OnceLock<Helper> = OnceLock::new();
    std::env::var("SPANDREL_TEST_POSTGRES_ADMIN_URL").unwrap_or_else(|_| {
        let cluster = OWN.get_or_init(|| {
            let mut command = lab_command("postgres.py");
            command.args(["up", "--exit-with-stdin"]);
            Helper::start(command)
        });
        cluster.text("admin_url")
    })
}

/// Does something as the cluster's administrator.
pub async fn administer(sql: &str) {
    let connection = sea_orm::Database::connect(&admin_url()).await.expect("the PostgreSQL cluster answers");
    connection.execute_unprepared(sql).await.unwrap();
}

/// Makes a database and gives its address.
pub async fn new_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("it_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    administer(&format!("CREATE DATABASE {name}")).await;
    let mut url = url::Url::parse(&admin_url()).unwrap();
    url.set_path(&name);
    url.into()
}
