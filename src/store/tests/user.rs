//! Users and tokens.

use chrono::TimeDelta;

use super::*;
use crate::authz::{Action, Principal, Role, authorize};
use crate::model::secret::ExposeSecret;
use crate::model::{TokenId, UserId};

fn new_user(name: &str) -> NewUser {
    NewUser {
        tenant_id: TenantId::PLATFORM,
        username: name.to_owned(),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into(),
        role: "platform_admin",
    }
}

fn token(name: &str, kind: TokenKind, digest: u8, expires_at: Option<Time>) -> NewToken {
    NewToken { name: name.to_owned(), kind, digest: [digest; 32], expires_at }
}

fn acting(fx: &Fixture, user: &UserRecord) -> TenantStore {
    let principal = Principal {
        user_id: user.id,
        username: user.username.clone(),
        tenant_id: user.tenant_id,
        role: Role::PlatformAdmin,
    };
    fx.store.tenant(&authorize(&principal, Action::AccountWrite).unwrap())
}

on_both! {
    async fn of_many_first_users_one_is_made(fx: Fixture) {
        assert_eq!(fx.system().user_count().await.unwrap(), 0);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let system = fx.system();
                tokio::spawn(async move { system.user_bootstrap(new_user("Admin")).await.unwrap() })
            })
            .collect();
        let mut made = 0;
        for task in tasks {
            made += usize::from(task.await.unwrap().is_some());
        }
        assert_eq!(made, 1);
        let user = fx.system().user_by_name("aDMIN").await.unwrap().unwrap();
        assert_eq!((user.username.as_str(), user.role.as_str()), ("Admin", "platform_admin"));
        assert!(user.password_hash.expose_secret().starts_with("$argon2id$"));
        assert!(!format!("{user:?}").contains("argon2id"));
        assert!(fx.system().user_by_name("nobody").await.unwrap().is_none());
        assert!(fx.system().user_by_name("ad\0min").await.unwrap().is_none());
        let error = fx.system().user_create(new_user("ADMIN")).await.unwrap_err();
        assert!(matches!(&error, Error::UsernameTaken(name) if name == "ADMIN"));
        fx.system().user_create(new_user("second")).await.unwrap();
        assert_eq!(fx.system().user_count().await.unwrap(), 2);
    }
}

on_both! {
    async fn a_token_stands_for_its_user_until_it_expires_or_is_revoked(fx: Fixture) {
        let system = fx.system();
        let user = system.user_create(new_user("admin")).await.unwrap();
        let other = system.user_create(new_user("other")).await.unwrap();
        let me = acting(&fx, &user);
        let in_an_hour = fx.clock.now() + TimeDelta::hours(1);
        let session = token("login", TokenKind::Session, 1, Some(in_an_hour));
        let session = system.token_create(user.id, session).await.unwrap();
        let api = me.token_create(token("ci", TokenKind::Api, 2, None)).await.unwrap();
        system.token_create(other.id, token("login", TokenKind::Session, 3, None)).await.unwrap();
        let error = system.token_create(UserId::generate(), token("x", TokenKind::Api, 4, None)).await.unwrap_err();
        assert!(matches!(error, Error::UserGone(_)));

        let (record, whom) = system.token_authenticate(&[1; 32]).await.unwrap().unwrap();
        assert_eq!((record.id, whom.id, record.last_used_at), (session.id, user.id, Some(fx.clock.now())));
        assert!(system.token_authenticate(&[9; 32]).await.unwrap().is_none());
        let listed: Vec<_> = me.tokens(None).await.unwrap().iter().map(|token| token.id).collect();
        assert_eq!(listed, [api.id, session.id], "newest first, only the own");
        assert_eq!(me.tokens(Some(TokenKind::Api)).await.unwrap(), std::slice::from_ref(&api));

        // When it was used is written down by the sweep, and survives.
        let used = fx.clock.now();
        assert_eq!(system.tokens_sweep().await.unwrap(), 0);
        assert!(fx.store.inner.tokens_used.lock().unwrap().is_empty());
        fx.clock.advance(TimeDelta::seconds(30));
        let (record, _) = system.token_authenticate(&[1; 32]).await.unwrap().unwrap();
        assert_eq!(record.last_used_at, Some(used), "to within a minute");

        fx.clock.advance(TimeDelta::hours(1));
        assert!(system.token_authenticate(&[1; 32]).await.unwrap().is_none(), "expired");
        assert_eq!(me.tokens(None).await.unwrap().len(), 1);
        assert_eq!(system.tokens_sweep().await.unwrap(), 1);

        assert!(!acting(&fx, &other).token_delete(api.id).await.unwrap(), "another user's");
        assert!(me.token_delete(api.id).await.unwrap());
        assert!(!me.token_delete(TokenId::generate()).await.unwrap());
        assert!(system.token_authenticate(&[2; 32]).await.unwrap().is_none());
    }
}

on_both! {
    async fn a_new_password_revokes_the_other_sessions(fx: Fixture) {
        let system = fx.system();
        let user = system.user_create(new_user("admin")).await.unwrap();
        let me = acting(&fx, &user);
        let mut ids = Vec::new();
        for (digest, kind) in [(1, TokenKind::Session), (2, TokenKind::Session), (3, TokenKind::Api)] {
            ids.push(system.token_create(user.id, token("t", kind, digest, None)).await.unwrap().id);
        }
        fx.clock.advance(TimeDelta::seconds(1));
        assert!(me.password_set(&"$argon2id$new".into(), Some(ids[0])).await.unwrap());
        let mut left: Vec<_> = me.tokens(None).await.unwrap().iter().map(|token| token.id).collect();
        left.sort_unstable();
        assert_eq!(left, [ids[0], ids[2]]);
        let now = me.user().await.unwrap().unwrap();
        assert_eq!(now.password_hash.expose_secret(), "$argon2id$new");
        assert_eq!((now.created_at, now.password_changed_at), (user.created_at, fx.clock.now()));
        assert!(!system.user_set_password(UserId::generate(), &"x".into(), None).await.unwrap());
    }
}
