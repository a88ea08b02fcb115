//! Keys: sealing, rotation, and what a missing key says.

use std::os::unix::fs::PermissionsExt;

use base64::Engine;

use super::*;
use crate::model::secret::{ExposeSecret, SecretString};

async fn reopen(fx: &Fixture, keyring: Keyring) -> Result<Store> {
    Store::open(&fx.url, keyring, fx.clock.clone()).await
}

async fn password(store: &Store, id: ProviderId) -> String {
    let found = store.system("test").provider(id).await.unwrap().unwrap();
    found.secrets.password.unwrap().expose_secret().to_owned()
}

fn random_key() -> String {
    base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 32]>())
}

on_both! {
    async fn secrets_are_sealed_and_open_with_their_key_only(fx: Fixture) {
        let (id, _) = fx.provider("vc").await;
        let path = fx.folder.path().join("keys");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fx.store.close().await;

        let error = reopen(&fx, Keyring::generate()).await.err().expect("another key does not open it");
        assert!(matches!(error, Error::Keyring(KeyringError::Missing { .. })), "{error}");
        let kept = fx.folder.path().join("kept");
        std::fs::rename(&path, &kept).unwrap();
        let error = reopen(&fx, fx.keyring()).await.err().expect("no key does not open it");
        assert!(error.to_string().contains("which does not exist"), "{error}");
        assert!(!path.exists(), "and no new key file is made");
        std::fs::rename(&kept, &path).unwrap();
        let store = reopen(&fx, fx.keyring()).await.unwrap();
        assert_eq!(password(&store, id).await, "hunter2-päss");
        store.close().await;

        if fx.is_sqlite() {
            for entry in std::fs::read_dir(fx.folder.path()).unwrap() {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap();
                assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
            }
        }
    }
}

on_both! {
    async fn a_sealed_value_opens_only_where_it_was_sealed(fx: Fixture) {
        let (first, _) = fx.provider("first").await;
        let (second, _) = fx.provider("second").await;
        fx.sql("UPDATE provider SET secret = (SELECT secret FROM provider WHERE name = 'first')").await;
        assert_eq!(password(&fx.store, first).await, "hunter2-päss");
        let found = fx.system().provider(second).await.unwrap().unwrap();
        assert!(found.secrets.password.is_none());
        assert!(found.record.damage.unwrap().contains("does not open"));
    }
}

on_both! {
    async fn rotation_seals_everything_anew_and_older_keys_can_go(fx: Fixture) {
        let (id, _) = fx.provider("vc").await;
        let system = fx.system();
        let make = || zeroize::Zeroizing::new(vec![7; 32]);
        assert_eq!(*system.secret_setting("page_token_key", make).await.unwrap(), vec![7; 32]);
        let never = || -> zeroize::Zeroizing<Vec<u8>> { panic!("it is there already") };
        assert_eq!(*system.secret_setting("page_token_key", never).await.unwrap(), vec![7; 32]);
        fx.store.close().await;

        let path = fx.folder.path().join("keys");
        let old = std::fs::read_to_string(&path).unwrap();
        let new = random_key();
        std::fs::write(&path, format!("{old}{new}\n")).unwrap();
        let store = reopen(&fx, fx.keyring()).await.unwrap();
        assert_eq!(store.system("test").keys_rotate().await.unwrap(), 2);
        assert_eq!(password(&store, id).await, "hunter2-päss");
        let added = store.tenant(&fx.scope::<ProviderWrite>()).provider_create(new_provider("two")).await;
        let added = added.unwrap();
        assert_eq!(password(&store, added.id).await, "hunter2-päss");
        store.close().await;

        let only_new = Keyring::from_base64([&SecretString::from(new)]).unwrap();
        let store = reopen(&fx, only_new).await.unwrap();
        assert_eq!(password(&store, id).await, "hunter2-päss");
        assert_eq!(password(&store, added.id).await, "hunter2-päss");
        assert_eq!(*store.system("test").secret_setting("page_token_key", never).await.unwrap(), vec![7; 32]);
        store.close().await;
        std::fs::write(&path, old).unwrap();
        assert!(matches!(reopen(&fx, fx.keyring()).await, Err(Error::Keyring(KeyringError::Missing { .. }))));
    }
}

on_both! {
    async fn a_rotation_that_fails_changes_nothing(fx: Fixture) {
        let (id, _) = fx.provider("vc").await;
        let (damaged, _) = fx.provider("wc").await;
        fx.sql("UPDATE provider SET secret = (SELECT secret FROM provider WHERE name = 'vc') WHERE name = 'wc'").await;
        assert!(matches!(fx.system().keys_rotate().await, Err(Error::Keyring(KeyringError::Damaged { .. }))));
        assert_eq!(password(&fx.store, id).await, "hunter2-päss");
        let edit = ProviderEdit { password: Some(Some("mended".into())), ..Default::default() };
        fx.admin().provider_edit(damaged, None, edit, Told::any()).await.unwrap().unwrap();
        assert_eq!(fx.system().keys_rotate().await.unwrap(), 2);
        assert_eq!(password(&fx.store, damaged).await, "mended");
    }
}

on_both! {
    async fn rotation_and_edits_at_once_leave_nothing_unreadable(fx: Fixture) {
        let (id, _) = fx.provider("vc").await;
        let (system, admin) = (fx.system(), fx.admin());
        let rotate = tokio::spawn(async move {
            for _ in 0..10 {
                system.keys_rotate().await.unwrap();
            }
        });
        for round in 0..10 {
            let text = format!("password {round}");
            let edit = ProviderEdit { password: Some(Some(text.as_str().into())), ..Default::default() };
            admin.provider_edit(id, None, edit, Told::any()).await.unwrap().unwrap();
            assert_eq!(password(&fx.store, id).await, text);
        }
        rotate.await.unwrap();
        assert_eq!(password(&fx.store, id).await, "password 9");
    }
}

#[test]
fn bad_key_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let check = |text: &str, mode: u32, expected: &str| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let error = Keyring::from_file(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(text.len() < 20 || !error.contains(&text[..20]), "an error shows no key");
    };
    let key = random_key();
    check(&key, 0o640, "chmod 600");
    check(&key, 0o604, "chmod 600");
    check("# nothing but a comment\n\n", 0o600, "no master key");
    check(&key[..40], 0o600, "line 1");
    check(&format!("{key}\nnot base64 at all, that is certain\n"), 0o600, "line 2");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
    assert!(matches!(Keyring::from_file(folder.path()), Err(KeyringError::NotKeyFile { .. })));
    assert!(matches!(Keyring::from_base64([]), Err(KeyringError::Empty { .. })));
    let secret = SecretString::from(key.as_str());
    let debug = format!("{:?}", Keyring::from_base64([&secret]).unwrap());
    assert!(!debug.contains(&key));
}
