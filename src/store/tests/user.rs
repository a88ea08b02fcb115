//! Users and tokens.

use chrono::TimeDelta;

use super::*;
use crate::authz::roles;
use crate::model::secret::ExposeSecret;
use crate::model::{Binding, BindingId, BindingScope, Effect, Subject, TokenId, User, UserId, UserKind};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";

pub(super) fn new_user(fx: &Fixture, name: &str) -> User {
    let now = fx.clock.now();
    User {
        id: UserId::generate(),
        tenant_id: TenantId::PLATFORM,
        tenant_path: String::new(),
        username: name.to_owned(),
        kind: UserKind::User,
        display_name: String::new(),
        email: None,
        enabled: true,
        group_ids: Vec::new(),
        generation: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Adds a user with a password.
async fn added(fx: &Fixture, name: &str) -> User {
    let members: TenantStore<crate::authz::MemberWrite> = fx.store.tenant(&fx.scope());
    match members.user_create(new_user(fx, name), Some(HASH.into()), None, Told::any()).await.unwrap() {
        Outcome::Done(user, _) => user,
        Outcome::Before(_) => panic!("there was no key"),
    }
}

fn token(name: &str, kind: TokenKind, digest: u8, expires_at: Option<Time>) -> NewToken {
    NewToken { name: name.to_owned(), kind, digest: [digest; 32], expires_at }
}

pub(super) fn acting(fx: &Fixture, user: &User) -> TenantStore<AccountWrite> {
    let principal =
        crate::authz::Principal { user_id: user.id, username: user.username.clone(), tenant_id: user.tenant_id };
    fx.store.tenant(&crate::authz::Access::default().scope(&principal))
}

on_both! {
    async fn of_many_first_users_one_is_made(fx: Fixture) {
        assert_eq!(fx.system().user_count().await.unwrap(), 0);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (system, user) = (fx.system(), new_user(&fx, "Admin"));
                let role = Binding {
                    id: BindingId::generate(),
                    subject: Subject::User { id: user.id },
                    role_id: roles::PLATFORM_ADMIN,
                    scope: BindingScope::PLATFORM, tenant_id: TenantId::PLATFORM,
                    effect: Effect::Allow,
                    created_at: user.created_at,
                };
                tokio::spawn(async move { system.user_bootstrap(&user, &HASH.into(), &role, Told::any()).await.unwrap() })
            })
            .collect();
        let mut made = 0;
        for task in tasks {
            made += usize::from(task.await.unwrap());
        }
        assert_eq!(made, 1);
        let facts = fx.system().access_facts().await.unwrap();
        assert_eq!((facts.users.len(), facts.bindings.len()), (1, 1));
        assert_eq!(facts.bindings[0].subject, Subject::User { id: facts.users[0].id });
        let user = fx.system().user(facts.users[0].id).await.unwrap().unwrap();
        assert_eq!(user.username, "Admin");
        assert!(user.password_hash.expose_secret().starts_with("$argon2id$"));
        assert!(!format!("{user:?}").contains("argon2id"));
        assert!(fx.system().user(UserId::generate()).await.unwrap().is_none());
        added(&fx, "second").await;
        assert_eq!(fx.system().user_count().await.unwrap(), 2);
    }
}

on_both! {
    async fn a_token_stands_for_its_user_until_it_expires_or_is_revoked(fx: Fixture) {
        let system = fx.system();
        let user = added(&fx, "admin").await;
        let other = added(&fx, "other").await;
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

        assert!(!acting(&fx, &other).token_delete(api.id, Told::any()).await.unwrap(), "another user's");
        assert!(me.token_delete(api.id, Told::any()).await.unwrap());
        assert!(!me.token_delete(TokenId::generate(), Told::any()).await.unwrap());
        assert!(system.token_authenticate(&[2; 32]).await.unwrap().is_none());
    }
}

on_both! {
    async fn a_new_password_revokes_the_other_sessions(fx: Fixture) {
        let system = fx.system();
        let user = added(&fx, "admin").await;
        let me = acting(&fx, &user);
        let mut ids = Vec::new();
        for (digest, kind) in [(1, TokenKind::Session), (2, TokenKind::Session), (3, TokenKind::Api)] {
            ids.push(system.token_create(user.id, token("t", kind, digest, None)).await.unwrap().id);
        }
        fx.clock.advance(TimeDelta::seconds(1));
        assert!(me.password_set(&"$argon2id$new".into(), Some(ids[0]), Told::any()).await.unwrap());
        let mut left: Vec<_> = me.tokens(None).await.unwrap().iter().map(|token| token.id).collect();
        left.sort_unstable();
        assert_eq!(left, [ids[0], ids[2]]);
        let now = me.user().await.unwrap().unwrap();
        assert_eq!(now.password_hash.expose_secret(), "$argon2id$new");
        assert_eq!((now.created_at, now.password_changed_at), (user.created_at, fx.clock.now()));
        let members: TenantStore<crate::authz::MemberWrite> = fx.store.tenant(&fx.scope());
        assert!(!members.user_set_password(UserId::generate(), &"x".into(), Told::any()).await.unwrap());
    }
}
