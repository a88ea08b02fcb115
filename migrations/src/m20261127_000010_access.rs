//! The tree of tenants, their projects, members, roles and bindings; whose objects are; row-level security for several
//! tenants at once.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::columns::{Columns, index, reference};
use crate::row_security::row_security;

/// The root of the tree of tenants: model::TenantId::PLATFORM.
const PLATFORM: &str = "00000000-0000-0000-0000-000000000001";
/// The built-in role that allows everything: authz::roles::PLATFORM_ADMIN.
const PLATFORM_ADMIN: &str = "00000000-0000-0000-0000-000000000001";

/// The tables with row-level security that there were.
const GUARDED: [&str; 10] = [
    "user",
    "token",
    "provider",
    "source",
    "quarantine",
    "object",
    "change_log",
    "idempotency",
    "sync_history",
    "object_change",
];

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    several_tenants(manager).await?;
    tenants(manager).await?;
    users(manager).await?;
    projects_and_groups(manager).await?;
    roles_and_bindings(manager).await?;
    owners(manager).await
}

fn is_sqlite(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::Sqlite
}

/// An id as the database writes it in a statement.
fn id_literal(manager: &SchemaManager<'_>, id: &str) -> String {
    if is_sqlite(manager) { format!("x'{}'", id.replace('-', "")) } else { format!("'{id}'::uuid") }
}

async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await.map(drop)
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, columns: Vec<ColumnDef>) -> Result<(), DbErr> {
    for column in columns {
        // One at a time: SQLite takes no more.
        manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
    }
    Ok(())
}

/// A scope can be of several tenants.
async fn several_tenants(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if is_sqlite(manager) {
        return Ok(());
    }
    for table in GUARDED {
        run(manager, &format!("DROP POLICY tenant_scope ON \"{table}\"")).await?;
        row_security(manager, table).await?;
    }
    Ok(())
}

/// `key` keeps the names of one parent apart: its id and the folded name.
async fn tenants(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    run(manager, "ALTER TABLE tenant RENAME COLUMN name TO key").await?;
    let columns = vec![
        c.id_null("parent_id"),
        c.text("name").default("").to_owned(),
        c.text("description").default("").to_owned(),
        c.text("state").default("active").to_owned(),
        c.number("generation").default(1).to_owned(),
        c.number("updated_at").default(0).to_owned(),
    ];
    add(manager, "tenant", columns).await?;
    run(manager, "UPDATE tenant SET name = key, updated_at = created_at").await
}

async fn users(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let columns = vec![
        c.text("kind").default("user").to_owned(),
        c.text("display_name").default("").to_owned(),
        c.text_null("email"),
        c.flag("enabled").default(true).to_owned(),
        c.number("generation").default(1).to_owned(),
        c.number("updated_at").default(0).to_owned(),
    ];
    add(manager, "user", columns).await?;
    // All there were belong to the platform. The key keeps the names of one tenant apart.
    let keys = format!("UPDATE \"user\" SET username_key = '{PLATFORM}/' || username_key, updated_at = created_at");
    run(manager, &keys).await
}

async fn projects_and_groups(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    for table in ["project", "user_group"] {
        let named = Table::create()
            .table(table)
            .col(c.id("id").primary_key())
            .col(c.id("tenant_id"))
            .col(c.text("name"))
            .col(c.text("key").unique_key())
            .col(c.text("description"))
            .col(c.number("generation"))
            .col(c.number("created_at"))
            .col(c.number("updated_at"))
            .foreign_key(&mut reference(table, "tenant_id", "tenant"))
            .to_owned();
        manager.create_table(named).await?;
        row_security(manager, table).await?;
    }
    let member = Table::create()
        .table("group_member")
        .col(c.id("group_id"))
        .col(c.id("user_id"))
        .col(c.id("tenant_id"))
        .primary_key(Index::create().col("group_id").col("user_id"))
        .foreign_key(reference("group_member", "group_id", "user_group").on_delete(ForeignKeyAction::Cascade))
        .foreign_key(reference("group_member", "user_id", "user").on_delete(ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(member).await?;
    manager.create_index(index("group_member_user", "group_member", &["user_id"], false)).await?;
    row_security(manager, "group_member").await
}

async fn roles_and_bindings(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let role = Table::create()
        .table("role")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.text("name"))
        .col(c.text("key").unique_key())
        .col(c.text("description"))
        .col(c.text("permissions"))
        .col(c.number("generation"))
        .col(c.number("created_at"))
        .col(c.number("updated_at"))
        .foreign_key(&mut reference("role", "tenant_id", "tenant"))
        .to_owned();
    manager.create_table(role).await?;
    row_security(manager, "role").await?;
    // Subject and scope are of several tables, and built-in roles are in none: what they name is checked by the writer.
    let binding = Table::create()
        .table("binding")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.text("subject_kind"))
        .col(c.id("subject_id"))
        .col(c.id("role_id"))
        .col(c.text("scope_kind"))
        .col(c.id("scope_id"))
        .col(c.text("effect"))
        .col(c.number("created_at"))
        .to_owned();
    manager.create_table(binding).await?;
    let unique = index("binding_once", "binding", &["subject_id", "role_id", "scope_id", "effect"], true);
    manager.create_index(unique).await?;
    row_security(manager, "binding").await?;
    // Who was an administrator still is. An id may be that of another table.
    let (platform, role) = (id_literal(manager, PLATFORM), id_literal(manager, PLATFORM_ADMIN));
    let administrators = format!(
        "INSERT INTO binding (id, tenant_id, subject_kind, subject_id, role_id, scope_kind, scope_id, effect, created_at) \
         SELECT id, {platform}, 'user', id, {role}, 'tenant', {platform}, 'allow', created_at FROM \"user\" \
         WHERE role = 'platform_admin'"
    );
    run(manager, &administrators).await?;
    run(manager, "ALTER TABLE \"user\" DROP COLUMN role").await
}

async fn owners(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    for table in ["object", "change_log", "object_change"] {
        add(manager, table, vec![c.id_null("project_id")]).await?;
    }
    let rule = Table::create()
        .table("ownership_rule")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.id("project_id"))
        .col(c.text("name"))
        .col(c.text("key").unique_key())
        .col(c.number("priority"))
        .col(c.flag("enabled"))
        .col(c.text("conditions"))
        .col(c.number("generation"))
        .col(c.number("created_at"))
        .col(c.number("updated_at"))
        .foreign_key(reference("ownership_rule", "project_id", "project").on_delete(ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(rule).await?;
    row_security(manager, "ownership_rule").await?;
    // What was said by hand stays, also while the object is away.
    let ownership = Table::create()
        .table("ownership")
        .col(c.id("object_id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.id_null("project_id"))
        .col(c.id("user_id"))
        .col(c.number("at"))
        .foreign_key(reference("ownership", "project_id", "project").on_delete(ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(ownership).await?;
    row_security(manager, "ownership").await
}
