//! Signing in and out, and finding out who asks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use super::access::checked_username;
use super::bearer::TokenHash;
use super::{Address, App, Error, Invalid, Origin, Result, bearer, password, told};
use crate::authz::{AccountWrite, Principal, roles};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{
    Binding, BindingId, BindingScope, Door, Effect, NewAudit, Subject, TenantId, Time, TokenId, User, UserId, UserKind,
};
use crate::store::{NewToken, TokenKind, TokenRecord, Told, UserRecord};

/// How long it may take until another node's sign-out is noticed here.
const CACHED_FOR: TimeDelta = TimeDelta::seconds(5);
/// Who was signed in for certain this long ago still is while the database cannot be asked: reads go on without it.
const TRUSTED_FOR: TimeDelta = TimeDelta::minutes(10);
/// How long the database may take to say who asks, where that was known before.
const ASK_DEADLINE: std::time::Duration = std::time::Duration::from_secs(2);
/// How many sessions are remembered at most; more are only looked up again.
const CACHED_AT_MOST: usize = 4096;

/// Who asks, by which token, until when.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user.
    pub principal: Principal,
    /// The name that the user signs in with, as it is now.
    pub login_name: String,
    /// The token.
    pub token_id: TokenId,
    /// When the token ends; `None` when it does not.
    pub expires_at: Option<Time>,
    /// The request that is made with it; of what is kept for the next one there is none.
    pub origin: Option<Origin>,
}

impl Session {
    /// The session as it is for one request.
    #[must_use]
    pub fn asked_by(mut self, origin: &Origin) -> Self {
        origin.signed_in(&self);
        self.origin = Some(origin.clone());
        self
    }
}

/// A new session: the token is shown this once.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The token.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: Time,
    /// The user's name as it is stored.
    pub username: String,
}

/// The sessions seen a moment ago, so that not every request asks the database.
#[derive(Default)]
pub(super) struct SessionCache(Mutex<HashMap<TokenHash, Cached>>);

struct Cached {
    session: Session,
    /// When the database last said so.
    verified: Time,
    /// When it was last asked.
    asked: Time,
}

impl SessionCache {
    /// A session that is fresh. Of several callers with one that is not, the first is given none and must ask; the others go
    /// by what was known, so that not all of them ask at the same moment.
    fn get(&self, hash: &TokenHash, now: Time) -> Option<Session> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = cache.get_mut(hash).filter(|cached| cached.is_trusted(now))?;
        if now.signed_duration_since(cached.asked).abs() < CACHED_FOR {
            return Some(cached.session.clone());
        }
        cached.asked = now;
        None
    }

    /// A session that is not fresh any more, since the database cannot be asked. It counts as fresh for a while.
    fn get_unasked(&self, hash: &TokenHash, now: Time) -> Option<Session> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = cache.get_mut(hash).filter(|cached| cached.is_trusted(now))?;
        cached.asked = now;
        Some(cached.session.clone())
    }

    fn is_known(&self, hash: &TokenHash, now: Time) -> bool {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(hash).is_some_and(|cached| cached.is_trusted(now))
    }

    fn put(&self, hash: TokenHash, session: Session, now: Time) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_AT_MOST {
            cache.retain(|_, cached| now.signed_duration_since(cached.asked).abs() < CACHED_FOR);
        }
        if cache.len() < CACHED_AT_MOST {
            cache.insert(hash, Cached { session, verified: now, asked: now });
        }
    }

    fn forget(&self, hash: &TokenHash) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }

    /// Forgets everything: a token was revoked.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Cached {
    fn is_trusted(&self, now: Time) -> bool {
        let since = now.signed_duration_since(self.verified).abs();
        since < TRUSTED_FOR && self.session.expires_at.is_none_or(|end| now < end)
    }
}

impl App {
    /// Makes the first administrator, if there is no user at all. Gives whether it was made.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name or the password cannot be accepted, or an internal one.
    pub async fn admin_bootstrap(&self, username: &str, password: SecretString) -> Result<bool> {
        let username = checked_username(username)?;
        password::check_new("password", &password, &username)?;
        if self.store().system("first start").user_count().await? > 0 {
            return Ok(false);
        }
        let password_hash = self.passwords().hash(password).await?.into();
        let now = self.clock().now();
        let user = User {
            id: UserId::generate(),
            tenant_id: TenantId::PLATFORM,
            tenant_path: String::new(),
            username,
            kind: UserKind::User,
            display_name: String::new(),
            email: None,
            enabled: true,
            group_ids: Vec::new(),
            generation: 1,
            created_at: now,
            updated_at: now,
        };
        let role = Binding {
            id: BindingId::generate(),
            subject: Subject::User { id: user.id },
            role_id: roles::PLATFORM_ADMIN,
            scope: BindingScope::PLATFORM,
            tenant_id: TenantId::PLATFORM,
            effect: Effect::Allow,
            created_at: now,
        };
        let mut after = told::plain(&user);
        after["role_id"] = told::plain(&role.role_id);
        let told = Told::from(NewAudit::of_gateway(Door::System, "user.create", "user"));
        let told = told.of(user.id, user.username.as_str()).after(after);
        let made = self.store().system("first start").user_bootstrap(&user, &password_hash, &role, told).await?;
        self.reload_access().await?;
        Ok(made)
    }

    /// Signs a user in.
    ///
    /// # Errors
    /// [`Error::CredentialsRefused`], after the same work whether or not there is such a user;
    /// [`Error::TooManyAttempts`] without looking at the password; or an internal one.
    pub async fn login(&self, username: &str, password: SecretString, address: Address) -> Result<SignedIn> {
        if username.len() > 256 || password.expose_secret().len() > password::MAX_BYTES {
            return Err(Error::CredentialsRefused);
        }
        let now = self.clock().now();
        self.attempts().begin(username, address, now)?;
        let user = match self.signing_in(username) {
            Some(id) => self.store().system("login").user(id).await?,
            None => None,
        };
        let stored = user.as_ref().map(|user| user.password_hash.expose_secret().to_owned());
        let accepted = self.passwords().verify(password, stored).await?;
        let Some(user) = user.filter(|_| accepted) else {
            tracing::info!(?address, "a sign-in was refused");
            return Err(Error::CredentialsRefused);
        };
        self.attempts().succeeded(username, address, now);
        let (token, hash) = bearer::generate()?;
        let expires_at = now + self.options().session_lifetime;
        let new = NewToken {
            name: "login".to_owned(),
            kind: TokenKind::Session,
            digest: *hash.as_bytes(),
            expires_at: Some(expires_at),
        };
        self.store().system("login").token_create(user.id, new).await?;
        tracing::info!(user = user.username, ?address, "signed in");
        Ok(SignedIn { token, expires_at, username: user.username })
    }

    /// The user that a name stands for, if it can sign in with a password. The same as nobody: who cannot.
    fn signing_in(&self, login: &str) -> Option<UserId> {
        let access = self.access();
        let user = access.graph().user_of_login(login)?;
        let can = user.enabled && user.kind == UserKind::User && !access.graph().is_suspended(user.tenant_id);
        can.then_some(user.id)
    }

    /// Whether a user, of whom a token was given out, may still use it.
    pub(super) fn is_welcome(&self, user: UserId) -> bool {
        self.welcome(user).is_some()
    }

    /// The name of a user that may still use the tokens that were given out of it.
    fn welcome(&self, user: UserId) -> Option<String> {
        let access = self.access();
        let user = access.graph().user(user);
        user.filter(|user| user.enabled && !access.graph().is_suspended(user.tenant_id)).map(User::login_name)
    }

    /// Finds out who asks.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] without saying why, or an internal one.
    pub async fn authenticate(&self, token: Option<&str>) -> Result<Session> {
        let session = self.session_of_token(token).await?;
        // Also of what was known before: who is shut out is so at once, and a tenant may have another name.
        let login_name = self.welcome(session.principal.user_id).ok_or(Error::Unauthenticated)?;
        Ok(Session { login_name, ..session })
    }

    async fn session_of_token(&self, token: Option<&str>) -> Result<Session> {
        let hash = token.and_then(TokenHash::of).ok_or(Error::Unauthenticated)?;
        let now = self.clock().now();
        if let Some(session) = self.sessions().get(&hash, now) {
            return Ok(session);
        }
        let store = self.store().system("authentication");
        let asking = store.token_authenticate(hash.as_bytes());
        let found = if self.sessions().is_known(&hash, now) {
            match tokio::time::timeout(ASK_DEADLINE, asking).await {
                Ok(Err(error)) if !error.is_unavailable() => return Err(error.into()),
                Ok(Ok(found)) => found,
                Ok(Err(_)) | Err(_) => {
                    // Forgotten only meanwhile, if another call signed out.
                    return self.sessions().get_unasked(&hash, now).ok_or(Error::Unauthenticated);
                }
            }
        } else {
            asking.await?
        };
        let Some((token, user)) = found else {
            self.sessions().forget(&hash);
            return Err(Error::Unauthenticated);
        };
        let session = session_of(&token, user);
        self.sessions().put(hash, session.clone(), now);
        Ok(session)
    }

    /// Whether a session that was valid still is: for answers that go on for long.
    ///
    /// # Errors
    /// When the database does not say so in time.
    pub async fn session_is_valid(&self, session: &Session) -> Result<bool> {
        let expired = session.expires_at.is_some_and(|end| end <= self.clock().now());
        if expired || !self.is_welcome(session.principal.user_id) {
            return Ok(false);
        }
        let scope = self.scope::<AccountWrite>(session);
        let store = self.store().tenant(&scope);
        let asking = store.token_is_valid(session.token_id);
        Ok(tokio::time::timeout(ASK_DEADLINE, asking).await.map_err(|_| super::database_away())??)
    }

    /// Signs out: the token is worth nothing any more.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn logout(&self, session: &Session) -> Result<()> {
        let scope = self.scope::<AccountWrite>(session);
        let told = session.told("logout", "session", 204);
        self.store().tenant(&scope).token_delete(session.token_id, told).await?;
        self.sessions().clear();
        Ok(())
    }

    /// Changes the own password; every other session of the user ends.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the present password is wrong or the new one is poor, [`Error::TooManyAttempts`], or an
    /// internal one.
    pub async fn password_change(
        &self,
        session: &Session,
        current: SecretString,
        new: SecretString,
        address: Address,
    ) -> Result<()> {
        let scope = self.scope::<AccountWrite>(session);
        password::check_new("new_password", &new, &session.principal.username)?;
        let username = &session.login_name;
        if current.expose_secret() == new.expose_secret() {
            return Err(Invalid::field("new_password", "is the present one").into());
        }
        let now = self.clock().now();
        // A stolen token must not serve to guess the password.
        self.attempts().begin(username, address, now)?;
        let user = self.store().tenant(&scope).user().await?.ok_or(Error::Unauthenticated)?;
        let stored = user.password_hash.expose_secret().to_owned();
        if !self.passwords().verify(current, Some(stored)).await? {
            return Err(Invalid::field("current_password", "is not the present password").into());
        }
        self.attempts().succeeded(username, address, now);
        let hash = self.passwords().hash(new).await?.into();
        let told = session.told("password.change", "user", 204).of(session.principal.user_id, username);
        let done = self.store().tenant(&scope).password_set(&hash, Some(session.token_id), told).await?;
        self.sessions().clear();
        if !done {
            return Err(Error::Unauthenticated);
        }
        tracing::info!(user = username, "changed the password");
        Ok(())
    }
}

fn session_of(token: &TokenRecord, user: UserRecord) -> Session {
    let principal = Principal { user_id: user.id, username: user.username, tenant_id: user.tenant_id };
    let login_name = principal.username.clone();
    Session { principal, login_name, token_id: token.id, expires_at: token.expires_at, origin: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn one_of_many_callers_asks_again() {
        let (_, hash) = bearer::generate().unwrap();
        let principal =
            Principal { user_id: UserId::generate(), username: "admin".to_owned(), tenant_id: TenantId::generate() };
        let (login_name, token_id) = ("admin".to_owned(), TokenId::generate());
        let session = Session { principal, login_name, token_id, expires_at: None, origin: None };
        let (cache, now) = (SessionCache::default(), Clock::system().now());
        cache.put(hash, session, now);
        assert!(cache.get(&hash, now).is_some());
        let later = now + CACHED_FOR;
        assert!(cache.get(&hash, later).is_none(), "the first asks");
        assert!(cache.get(&hash, later).is_some(), "the others do not wait for it");
        assert!(cache.get(&hash, later + CACHED_FOR).is_none(), "an answer that never came is asked for again");
        assert!(cache.get(&hash, now + TRUSTED_FOR).is_none() && cache.get(&hash, now + TRUSTED_FOR).is_none());
    }
}
