//! API tokens: what programs sign in with.

use chrono::TimeDelta;

use super::{App, Error, Invalid, Result, Session, bearer};
use crate::authz::{Access, AccountWrite, MemberRead, MemberWrite, Node, TenantScope};
use crate::model::secret::SecretString;
use crate::model::{Subject, TokenId, User, UserId, UserKind};
use crate::store::{NewToken, Once, Outcome, TokenKind, TokenRecord};

/// How long a token is valid when nothing is said, days.
pub const DEFAULT_DAYS: u32 = 365;
/// How long a token can be valid, days.
pub const MAX_DAYS: u32 = 3650;
/// How many tokens a user can have.
const MAX_TOKENS: u64 = 100;

/// A token that is not stored yet, with its secret.
struct Making {
    new: NewToken,
    secret: SecretString,
}

impl Making {
    fn from(app: &App, name: &str, expires_in_days: Option<u32>) -> Result<Self> {
        let name = super::checked_name("name", name)?;
        let days = expires_in_days.unwrap_or(DEFAULT_DAYS);
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(Invalid::field("expires_in_days", format!("must be from 1 to {MAX_DAYS}")).into());
        }
        let (secret, hash) = bearer::generate()?;
        let expires_at = Some(app.clock().now() + TimeDelta::days(i64::from(days)));
        Ok(Self { new: NewToken { name, kind: TokenKind::Api, digest: *hash.as_bytes(), expires_at }, secret })
    }

    /// What is kept to be answered again has the secret, too.
    fn once(&self, once: Option<Once<(TokenRecord, SecretString)>>) -> Option<Once<TokenRecord>> {
        let shown = self.secret.clone();
        once.map(|Once { key, request, answer }| Once {
            key,
            request,
            answer: Box::new(move |record: &TokenRecord| answer(&(record.clone(), shown.clone()))),
        })
    }
}

fn with_secret(outcome: Outcome<TokenRecord>, secret: SecretString) -> Outcome<(TokenRecord, SecretString)> {
    match outcome {
        Outcome::Done(record, kept) => Outcome::Done((record, secret), kept),
        Outcome::Before(kept) => Outcome::Before(kept),
    }
}

impl App {
    /// Makes a token of the own user; once, where that is asked for. The secret is given this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name or the lifetime cannot be accepted, [`Error::IdempotencyKeyReused`], or an internal
    /// one.
    pub async fn token_create(
        &self,
        session: &Session,
        name: &str,
        expires_in_days: Option<u32>,
        once: Option<Once<(TokenRecord, SecretString)>>,
    ) -> Result<Outcome<(TokenRecord, SecretString)>> {
        let scope = self.scope::<AccountWrite>(session);
        let making = Making::from(self, name, expires_in_days)?;
        let (once, told) = (making.once(once), session.told("token.create", "token", 201));
        let made = self.store().tenant(&scope).token_create_once(making.new, MAX_TOKENS, once, told).await?;
        Ok(with_secret(made, making.secret))
    }

    /// Makes a token of a service account, which cannot sign in to make its own.
    ///
    /// # Errors
    /// As [`App::token_create`], and [`Error::NotFound`], [`Error::Denied`], [`Error::Exceeds`] when it has a role that the
    /// caller does not have.
    pub async fn user_token_create(
        &self,
        session: &Session,
        id: UserId,
        name: &str,
        expires_in_days: Option<u32>,
        once: Option<Once<(TokenRecord, SecretString)>>,
    ) -> Result<Outcome<(TokenRecord, SecretString)>> {
        let _turn = self.access_turn().await;
        let access = self.access();
        let (user, scope) = self.over_tokens(session, &access, id)?;
        if user.kind != UserKind::ServiceAccount {
            return Err(Invalid::field("id", "is a person's, who makes tokens with POST /v1/tokens").into());
        }
        let making = Making::from(self, name, expires_in_days)?;
        let told = session.told("user.token_create", "token", 201).concerning(user.tenant_id);
        let once = making.once(once);
        let made = self.store().tenant(&scope).user_token_create(id, making.new, MAX_TOKENS, once, told).await?;
        Ok(with_secret(made, making.secret))
    }

    /// Whose tokens are another's concern: that of who manages the members of the tenant, and has each role of them.
    fn over_tokens(&self, session: &Session, access: &Access, id: UserId) -> Result<(User, TenantScope<MemberWrite>)> {
        let user = super::access::visible_user(access, session, id)?.clone();
        let scope = access.authorize::<MemberWrite>(&session.principal, Node::Tenant(user.tenant_id))?;
        self.check_not_above(session, access, Subject::User { id })?;
        Ok((user, scope))
    }

    /// The API tokens of the own user, newest first.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn tokens(&self, session: &Session) -> Result<Vec<TokenRecord>> {
        let scope = self.scope::<AccountWrite>(session);
        Ok(self.store().tenant(&scope).tokens(Some(TokenKind::Api)).await?)
    }

    /// The API tokens of a user that the caller sees, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], or an internal one.
    pub async fn user_tokens(&self, session: &Session, id: UserId) -> Result<Vec<TokenRecord>> {
        super::access::visible_user(&self.access(), session, id)?;
        let scope = self.scope::<MemberRead>(session);
        Ok(self.store().tenant(&scope).user_tokens(id).await?)
    }

    /// Revokes a token of the own user, or one of somebody whose tokens are the caller's concern.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such token, [`Error::Denied`], [`Error::Exceeds`], or an internal one.
    pub async fn token_delete(&self, session: &Session, id: TokenId) -> Result<()> {
        let scope = self.scope::<AccountWrite>(session);
        let told = session.told("token.delete", "token", 204);
        let deleted = self.store().tenant(&scope).token_delete(id, told).await?
            || self.token_delete_of_another(session, id).await?;
        self.sessions().clear();
        if deleted { Ok(()) } else { Err(Error::not_found("token", id)) }
    }

    async fn token_delete_of_another(&self, session: &Session, id: TokenId) -> Result<bool> {
        let seen = self.scope::<MemberRead>(session);
        let Some(user_id) = self.store().tenant(&seen).token_user(id).await? else { return Ok(false) };
        let _turn = self.access_turn().await;
        let access = self.access();
        if super::access::visible_user(&access, session, user_id).is_err() {
            return Ok(false);
        }
        let (user, scope) = self.over_tokens(session, &access, user_id)?;
        let told = session.told("token.delete", "token", 204).concerning(user.tenant_id);
        Ok(self.store().tenant(&scope).user_token_delete(user_id, id, told).await?)
    }
}
