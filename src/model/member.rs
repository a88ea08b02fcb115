//! Who signs in: users, service accounts, and groups of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{GroupId, TenantId, UserId};

words! {
    /// What a user is.
    UserKind {
        /// A person, who signs in with a password.
        User = "user",
        /// A program. It has no password and signs in with API tokens that others make for it.
        ServiceAccount = "service_account",
    }
}

/// A user or a service account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The tenant that it belongs to. What it may do, and where, its bindings say.
    pub tenant_id: TenantId,
    /// The path of that tenant: signs in as `path/username`, one of the platform as `username`.
    pub tenant_path: String,
    /// The name; unique within the tenant, without regard to upper and lower case.
    pub username: String,
    /// What it is.
    pub kind: UserKind,
    /// The name shown to people.
    pub display_name: String,
    /// Where it is written to.
    pub email: Option<String>,
    /// Whether it can sign in.
    pub enabled: bool,
    /// The groups that it is in.
    pub group_ids: Vec<GroupId>,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

impl User {
    /// What it signs in with: `path/username`, one of the platform `username`.
    #[must_use]
    pub fn login_name(&self) -> String {
        match self.tenant_path.as_str() {
            "" => self.username.clone(),
            path => format!("{path}/{}", self.username),
        }
    }
}

/// A group of users and service accounts of one tenant: what is bound to it holds for each of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// Its name; unique within the tenant.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Who is in it.
    pub member_ids: Vec<UserId>,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}
