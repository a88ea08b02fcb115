//! API tokens: what programs sign in with.

use chrono::TimeDelta;

use super::{App, Error, Invalid, Result, Session, bearer};
use crate::authz::AccountWrite;
use crate::model::TokenId;
use crate::model::secret::SecretString;
use crate::store::{NewToken, Once, Outcome, TokenKind, TokenRecord};

/// How long a token is valid when nothing is said, days.
pub const DEFAULT_DAYS: u32 = 365;
/// How long a token can be valid, days.
pub const MAX_DAYS: u32 = 3650;
/// How many tokens a user can have.
const MAX_TOKENS: u64 = 100;

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
        let name = super::checked_name("name", name)?;
        let days = expires_in_days.unwrap_or(DEFAULT_DAYS);
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(Invalid::field("expires_in_days", format!("must be from 1 to {MAX_DAYS}")).into());
        }
        let (secret, hash) = bearer::generate()?;
        let expires_at = Some(self.clock().now() + TimeDelta::days(i64::from(days)));
        let new = NewToken { name, kind: TokenKind::Api, digest: *hash.as_bytes(), expires_at };
        let shown = secret.clone();
        let once = once.map(|Once { key, request, answer }| Once {
            key,
            request,
            answer: Box::new(move |record: &TokenRecord| answer(&(record.clone(), shown.clone()))),
        });
        let told = session.told("token.create", "token", 201);
        Ok(match self.store().tenant(&scope).token_create_once(new, MAX_TOKENS, once, told).await? {
            Outcome::Done(record, kept) => Outcome::Done((record, secret), kept),
            Outcome::Before(kept) => Outcome::Before(kept),
        })
    }

    /// The API tokens of the own user, newest first.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn tokens(&self, session: &Session) -> Result<Vec<TokenRecord>> {
        let scope = self.scope::<AccountWrite>(session);
        Ok(self.store().tenant(&scope).tokens(Some(TokenKind::Api)).await?)
    }

    /// Revokes a token of the own user.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user has no such token, or an internal one.
    pub async fn token_delete(&self, session: &Session, id: TokenId) -> Result<()> {
        let scope = self.scope::<AccountWrite>(session);
        let told = session.told("token.delete", "token", 204);
        let deleted = self.store().tenant(&scope).token_delete(id, told).await?;
        self.sessions().clear();
        if deleted { Ok(()) } else { Err(Error::not_found("token", id)) }
    }
}
