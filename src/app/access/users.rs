//! Users and service accounts.

use super::super::check_generation;
use super::super::history::StoredPage;
use super::super::objects::Pairs;
use super::super::{checked_name, password};
use super::listing::NAMED;
use super::seen_tenant;
use super::{App, Error, Invalid, Mode, Result, Session};
use crate::authz::{Access, MemberRead, MemberWrite, Node};
use crate::model::secret::SecretString;
use crate::model::{Subject, TenantId, User, UserId, UserKind};
use crate::store::{Once, Outcome};

/// A user or service account to add.
#[derive(Clone, Debug)]
pub struct UserInput {
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The name that it signs in with.
    pub username: String,
    /// What it is.
    pub kind: UserKind,
    /// The name shown to people.
    pub display_name: String,
    /// Where it is written to.
    pub email: Option<String>,
    /// The password of a user; a service account has none.
    pub password: Option<SecretString>,
}

/// An edit of a user: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// Another name to show.
    pub display_name: Option<String>,
    /// Another address; `Some(None)` clears it.
    pub email: Option<Option<String>>,
    /// Whether it can sign in.
    pub enabled: Option<bool>,
}

/// A name to sign in with: nothing that looks like another, and no `/`, which ends the tenant's path.
pub(in crate::app) fn checked_username(username: &str) -> std::result::Result<String, Invalid> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if username.is_empty() || username.len() > 64 || !username.chars().all(valid) {
        return Err(Invalid::field("username", "must be 1 to 64 letters, digits or . _ - @"));
    }
    Ok(username.to_owned())
}

fn checked_email(email: &str) -> std::result::Result<String, Invalid> {
    let wrong = || Invalid::field("email", "is not an address such as ann@example.com");
    let (name, domain) = email.trim().rsplit_once('@').ok_or_else(wrong)?;
    let visible = |text: &str| !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if email.len() > 254 || !visible(name) || !visible(domain) {
        return Err(wrong());
    }
    Ok(email.trim().to_owned())
}

fn checked_display_name(name: &str) -> std::result::Result<String, Invalid> {
    if name.trim().is_empty() { Ok(String::new()) } else { checked_name("display_name", name) }
}

/// A user that the caller sees.
pub(in crate::app) fn visible<'a>(access: &'a Access, session: &Session, id: UserId) -> Result<&'a User> {
    let scope = access.scope::<MemberRead>(&session.principal);
    let user = access.graph().user(id).filter(|user| scope.contains(Node::Tenant(user.tenant_id)));
    user.ok_or_else(|| Error::not_found("user", id))
}

impl App {
    /// The users and service accounts that the caller sees, by tenant and name.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn users(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<User>> {
        let access = self.access();
        let scope = access.scope::<MemberRead>(&session.principal);
        self.access_page(session, "users", pairs, NAMED, |asked| {
            let seen = access.graph().users().filter(|user| scope.contains(Node::Tenant(user.tenant_id)));
            let named = |user: &User| format!("{} {}", user.username, user.display_name);
            let wanted = seen.filter(|user| asked.wants(&named(user), Some(user.tenant_id)));
            let key = |user: &User| (format!("{}/{}", user.tenant_path, user.username), user.id.0);
            wanted.map(|user| (key(user), user.clone())).collect()
        })
    }

    /// One user or service account.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn user(&self, session: &Session, id: UserId) -> Result<User> {
        visible(&self.access(), session, id).cloned()
    }

    /// Adds a user or service account, once where that is asked for. It may do nothing until something is bound to it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::IdempotencyKeyReused`], or an internal one.
    pub async fn user_create(
        &self,
        session: &Session,
        input: UserInput,
        once: Option<Once<User>>,
        mode: Mode,
    ) -> Result<Outcome<User>> {
        let username = checked_username(&input.username)?;
        let hash = match (input.kind, &input.password) {
            (UserKind::User, None) => return Err(Invalid::field("password", "is missing").into()),
            (UserKind::ServiceAccount, Some(_)) => {
                let message = "must not be given: a service account signs in with API tokens";
                return Err(Invalid::field("password", message).into());
            }
            (UserKind::ServiceAccount, None) => None,
            (UserKind::User, Some(password)) => {
                // Hashing takes long: not by who may not, and not while others wait.
                seen_tenant(session, &self.access(), "tenant_id", input.tenant_id)?;
                self.authorize::<MemberWrite>(session, Node::Tenant(input.tenant_id))?;
                password::check_new("password", password, &username)?;
                Some(self.passwords().hash(password.clone()).await?.into())
            }
        };
        let session = session.clone();
        self.change_access("adding a user", async move |app: App, access| {
            seen_tenant(&session, &access, "tenant_id", input.tenant_id)?;
            let scope = app.authorize::<MemberWrite>(&session, Node::Tenant(input.tenant_id))?;
            let now = app.clock().now();
            let path = access.graph().tenant(input.tenant_id).map(|tenant| tenant.path.clone());
            let user = User {
                id: UserId::generate(),
                tenant_id: input.tenant_id,
                tenant_path: path.unwrap_or_default(),
                username,
                kind: input.kind,
                display_name: checked_display_name(&input.display_name)?,
                email: input.email.as_deref().map(checked_email).transpose()?,
                enabled: true,
                group_ids: Vec::new(),
                generation: 1,
                created_at: now,
                updated_at: now,
            };
            let store = app.store().tenant(&scope);
            if let Some(other) = access.graph().user_named(user.tenant_id, &user.username)
                && !store.is_done(once.as_ref()).await?
            {
                let (id, name) = (other.id.to_string(), other.username.clone());
                return Err(Error::Exists { noun: "user", id, name, field: "username".to_owned() });
            }
            let count = access.graph().users().filter(|other| other.tenant_id == user.tenant_id).count();
            super::check_room("users", count, super::USERS_MAX)?;
            if !mode.is_real() {
                return Ok(Outcome::Done(user, None));
            }
            let told = session.made(&user);
            Ok(app.writing(&scope).user_create(user, hash, once, told).await?)
        })
        .await
    }

    /// Edits a user or service account: not one that has roles which the caller does not have.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Denied`], [`Error::Exceeds`], [`Error::InUse`],
    /// [`Error::Precondition`], or an internal one.
    pub async fn user_edit(
        &self,
        session: &Session,
        id: UserId,
        expected: Option<Vec<String>>,
        patch: UserPatch,
        mode: Mode,
    ) -> Result<User> {
        let session = session.clone();
        self.change_access("editing a user", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let scope = app.authorize::<MemberWrite>(&session, Node::Tenant(present.tenant_id))?;
            app.check_not_above(&session, &access, Subject::User { id })?;
            check_generation(expected.as_deref(), present.generation)?;
            let display_name = patch.display_name.as_deref().map(checked_display_name).transpose()?;
            let email = match patch.email {
                None => present.email.clone(),
                Some(email) => email.as_deref().map(checked_email).transpose()?,
            };
            let mut user = User {
                display_name: display_name.unwrap_or_else(|| present.display_name.clone()),
                email,
                enabled: patch.enabled.unwrap_or(present.enabled),
                ..present.clone()
            };
            if user == *present {
                return Ok(user);
            }
            if !user.enabled {
                if id == session.principal.user_id {
                    return Err(Invalid::field("enabled", "would lock you out: this is you").into());
                }
                super::check_administrator_left(access.graph(), |_, other| other == id)?;
            }
            user.generation += 1;
            user.updated_at = app.clock().now();
            if mode.is_real() {
                app.writing(&scope).user_update(&user, session.edited(present, &user)).await?;
                app.sessions().clear();
            }
            Ok(user)
        })
        .await
    }

    /// Gives a user another password. It is signed out everywhere.
    ///
    /// # Errors
    /// As [`App::user_edit`].
    pub async fn user_set_password(&self, session: &Session, id: UserId, new: SecretString) -> Result<()> {
        let check = |access: &Access| {
            let user = visible(access, session, id)?.clone();
            access.authorize::<MemberWrite>(&session.principal, Node::Tenant(user.tenant_id))?;
            self.check_not_above(session, access, Subject::User { id })?;
            Ok::<_, Error>(user)
        };
        let user = check(&self.access())?;
        if id == session.principal.user_id {
            let message = "is your own: change it with POST /v1/account/password, which asks for the present one";
            return Err(Invalid::field("password", message).into());
        }
        if user.kind == UserKind::ServiceAccount {
            return Err(Invalid::field("password", "cannot be set: a service account has none").into());
        }
        password::check_new("password", &new, &user.username)?;
        let hash = self.passwords().hash(new).await?.into();
        let caller = session.clone();
        self.change_access("setting a password", async move |app: App, access| {
            // It may have been given more meanwhile.
            let user = visible(&access, &caller, id)?;
            let scope = access.authorize::<MemberWrite>(&caller.principal, Node::Tenant(user.tenant_id))?;
            app.check_not_above(&caller, &access, Subject::User { id })?;
            let told = caller.told("user.set_password", "user", 204);
            let told = told.of(id, user.login_name()).concerning(user.tenant_id);
            let done = app.store().tenant(&scope).user_set_password(id, &hash, told).await?;
            app.sessions().clear();
            if done { Ok(()) } else { Err(Error::not_found("user", id)) }
        })
        .await
    }

    /// Removes a user or service account, with its tokens, its memberships and its bindings.
    ///
    /// # Errors
    /// As [`App::user_edit`].
    pub async fn user_delete(&self, session: &Session, id: UserId, expected: Option<Vec<String>>) -> Result<()> {
        let session = session.clone();
        self.change_access("removing a user", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let scope = app.authorize::<MemberWrite>(&session, Node::Tenant(present.tenant_id))?;
            app.check_not_above(&session, &access, Subject::User { id })?;
            check_generation(expected.as_deref(), present.generation)?;
            if id == session.principal.user_id {
                let (what, why) = ("you".to_owned(), "nobody removes himself; somebody else has to".to_owned());
                return Err(Error::InUse { what, why });
            }
            super::check_administrator_left(access.graph(), |_, other| other == id)?;
            app.writing(&scope).user_delete(id, session.removed(present)).await?;
            app.sessions().clear();
            Ok(())
        })
        .await
    }
}
