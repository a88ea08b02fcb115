//! Opening: migrations, locks, addresses.

use super::*;

async fn open(fx: &Fixture) -> Result<Store> {
    Store::open(&fx.url, fx.keyring(), fx.clock.clone()).await
}

on_both! {
    async fn what_was_written_is_there_after_reopening(fx: Fixture) {
        let (id, _) = fx.provider("vc").await;
        fx.store.ping().await.unwrap();
        fx.store.close().await;
        assert!(fx.store.ping().await.unwrap_err().is_unavailable());
        let store = open(&fx).await.unwrap();
        assert_eq!(store.system("test").providers().await.unwrap()[0].record.id, id);
    }
}

on_both! {
    async fn a_database_of_a_newer_version_is_refused(fx: Fixture) {
        fx.sql("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20991231_000001_future', 0)").await;
        fx.store.close().await;
        let error = open(&fx).await.err().expect("it is refused");
        assert!(matches!(error, Error::Newer(_)) && !error.is_unavailable(), "{error}");
        // And is as it was: the version that knows it opens it.
        let error = open(&fx).await.err().expect("it is still refused");
        assert!(matches!(error, Error::Newer(_)), "{error}");
    }
}

#[tokio::test]
async fn a_second_gateway_is_told_who_has_the_data_folder() {
    let fx = Fixture::sqlite().await;
    let error = open(&fx).await.err().expect("it is refused");
    let message = error.to_string();
    assert!(message.contains(&format!("process {} since 2027-01-15T08:00:00Z", std::process::id())), "{message}");
    let (id, _) = fx.provider("still-works").await;
    fx.store.close().await;
    let store = open(&fx).await.unwrap();
    assert!(store.system("test").provider(id).await.unwrap().is_some());
}

/// As after a kill: the one that was there before needs a moment to go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_just_going_is_waited_for() {
    let fx = Fixture::sqlite().await;
    let (url, keyring, clock) = (fx.url.clone(), fx.keyring(), fx.clock.clone());
    let next = tokio::spawn(async move { Store::open(&url, keyring, clock).await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!next.is_finished());
    fx.store.close().await;
    next.await.unwrap().unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn the_database_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fx = Fixture::sqlite().await;
    fx.provider("vc").await;
    for name in ["spandrel.db", "spandrel.db-wal", "spandrel.db.lock", "keys"] {
        let mode = std::fs::metadata(fx.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_open_a_new_database_at_once_one_writes() {
    let url: DatabaseUrl = new_postgres_database().await.parse().unwrap();
    let key = model::secret::SecretString::from("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (url, key) = (url.clone(), key.clone());
            tokio::spawn(async move { Store::open(&url, Keyring::from_base64([&key]).unwrap(), clock()).await })
        })
        .collect();
    let mut stores = Vec::new();
    for task in tasks {
        stores.push(task.await.unwrap().unwrap());
    }
    let scope: TenantScope<ProviderWrite> = TenantScope::of_tenant(TenantId::PLATFORM);
    let mut added = Vec::new();
    for store in &stores {
        match store.tenant(&scope).provider_create(new_provider("vc")).await {
            Ok(record) => added.push(record.id),
            Err(error) => {
                assert!(matches!(error, Error::TakenOver), "{error}");
                assert!(store.taken_over().is_cancelled());
            }
        }
    }
    let [added] = added[..] else { panic!("{added:?}: the last that opened it writes") };
    for store in &stores {
        assert!(store.system("test").provider(added).await.unwrap().unwrap().secrets.password.is_some());
    }
}

use crate::model;

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = DatabaseUrl::in_folder(&folder.path().join("missing"));
    let error = Store::open(&missing, Keyring::generate(), clock()).await.err().unwrap();
    assert!(matches!(error, Error::File { .. }), "{error}");

    let garbage = DatabaseUrl::in_folder(folder.path());
    std::fs::write(folder.path().join("spandrel.db"), "this is not a database, it only looks like a file".repeat(100))
        .unwrap();
    let error = Store::open(&garbage, Keyring::generate(), clock()).await.err().unwrap();
    assert!(matches!(error, Error::Connect { .. }) && !error.is_unavailable(), "{error:?}");

    let nobody: DatabaseUrl = "postgres://someone:s3cret@127.0.0.1:1/spandrel".parse().unwrap();
    let error = Store::open(&nobody, Keyring::generate(), clock()).await.err().unwrap();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(!format!("{error} {error:?} {nobody:?}").contains("s3cret"));
}

#[test]
fn addresses_are_read_and_shown_without_passwords() {
    let check = |text: &str, expected: std::result::Result<&str, &str>| match (text.parse::<DatabaseUrl>(), expected) {
        (Ok(url), Ok(shown)) => assert_eq!(url.to_string(), shown),
        (Err(error), Err(part)) => {
            assert!(error.to_string().contains(part), "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        (got, _) => panic!("{text}: {got:?}"),
    };
    check("sqlite:spandrel.db", Ok("sqlite:spandrel.db"));
    check("sqlite:///var/lib/spandrel.db", Ok("sqlite:/var/lib/spandrel.db"));
    check("postgres://u:s3cret@db.example/spandrel", Ok("postgres://db.example:5432/spandrel"));
    check("postgresql://u:s3cret@db.example:6432/x?sslmode=require", Ok("postgres://db.example:6432/x"));
    check("sqlite::memory:", Err("path of a file"));
    check("sqlite:", Err("path of a file"));
    check("sqlite:x.db?mode=ro", Err("no options"));
    check("mysql://u:s3cret@db/x", Err("neither"));
    check("u:s3cret@db/x", Err("neither"));
    check("postgres://u:s3cret@db", Err("name of the database"));
}
