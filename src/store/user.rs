//! Users, and the tokens that stand for them. Passwords come hashed (argon2id), tokens as their SHA-256.

use super::{Result, SystemStore, TenantStore};
use crate::model::secret::SecretString;
use crate::model::{TenantId, Time, TokenId, UserId};

/// A user.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// The id.
    pub id: UserId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name; unique, without regard to upper and lower case.
    pub username: String,
    /// The PHC string of the password's argon2id hash.
    pub password_hash: SecretString,
    /// The word of the role: `platform_admin`.
    pub role: String,
    /// When it was made.
    pub created_at: Time,
    /// When the password was last set.
    pub password_changed_at: Time,
}

/// A user to add.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name.
    pub username: String,
    /// The PHC string of the password's argon2id hash.
    pub password_hash: SecretString,
    /// The word of the role.
    pub role: &'static str,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A login.
    Session,
    /// Made by a user for a program.
    Api,
}

/// A token, without what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The id.
    pub id: TokenId,
    /// Whom it stands for.
    pub user_id: UserId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// When it was made.
    pub created_at: Time,
    /// From when on it is worth nothing.
    pub expires_at: Option<Time>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Time>,
}

/// A token to add.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The SHA-256 of the token.
    pub digest: [u8; 32],
    /// From when on it is worth nothing.
    pub expires_at: Option<Time>,
}

impl SystemStore {
    /// How many users there are: none at the first start.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user_count(&self) -> Result<u64> {
        todo!()
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`super::Error::UsernameTaken`], or when the database cannot be written.
    pub async fn user_create(&self, new: NewUser) -> Result<UserRecord> {
        let _ = new;
        todo!()
    }

    /// Adds the first user, only if there is none at all: of several that try at once one wins. `None` when there is one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_bootstrap(&self, new: NewUser) -> Result<Option<UserRecord>> {
        let _ = new;
        todo!()
    }

    /// The user of this name, to sign in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<UserRecord>> {
        let _ = username;
        todo!()
    }

    /// Sets a user's password and revokes the user's sessions, but for `keep`. `false` when there is no such user.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn user_set_password(&self, user: UserId, hash: SecretString, keep: Option<TokenId>) -> Result<bool> {
        let _ = (user, hash, keep);
        todo!()
    }

    /// Adds a token for a user who has just signed in.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn token_create(&self, user: UserId, new: NewToken) -> Result<TokenRecord> {
        let _ = (user, new);
        todo!()
    }

    /// Whom a token stands for, and notes its use; `None` when there is no such token, or it has expired.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token_authenticate(&self, digest: &[u8; 32]) -> Result<Option<(TokenRecord, UserRecord)>> {
        let _ = digest;
        todo!()
    }

    /// Deletes what has expired. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn tokens_sweep(&self) -> Result<u64> {
        todo!()
    }
}

impl TenantStore {
    /// The user that acts; `None` when deleted in the meantime.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user(&self) -> Result<Option<UserRecord>> {
        todo!()
    }

    /// Sets the password of the user that acts, and revokes the user's sessions, but for `keep`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn password_set(&self, hash: SecretString, keep: Option<TokenId>) -> Result<bool> {
        let _ = (hash, keep);
        todo!()
    }

    /// Adds a token for the user that acts.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn token_create(&self, new: NewToken) -> Result<TokenRecord> {
        let _ = new;
        todo!()
    }

    /// The tokens of the user that acts, of one kind or all, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens(&self, kind: Option<TokenKind>) -> Result<Vec<TokenRecord>> {
        let _ = kind;
        todo!()
    }

    /// Revokes a token of the user that acts. `false` when the user has no such token.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn token_delete(&self, id: TokenId) -> Result<bool> {
        let _ = id;
        todo!()
    }
}
