//! The audit log: who did what, in a chain of hashes. The database itself refuses to change an entry, and to drop one that
//! retention has not given free.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::columns::{Columns, index};
use crate::row_security::row_security;

/// `replace` of SQLite takes a row away without its delete trigger: an entry is only ever put behind the last.
const SQLITE_GUARD: &str = "
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.seq > (SELECT value FROM counter WHERE name = 'audit_dropped_through')
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_behind_the_last BEFORE INSERT ON audit
WHEN NEW.seq <= (SELECT COALESCE(MAX(seq), 0) FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
";

const POSTGRES_GUARD: &str = "
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.seq <= (SELECT value FROM counter WHERE name = 'audit_dropped_through') THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '55000';
END $$;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
";

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let table = Table::create()
        .table("audit")
        .col(c.number_key("seq"))
        .col(c.number("at"))
        .col(c.id("tenant_id"))
        .col(c.id_null("actor_id"))
        .col(c.text("actor"))
        .col(c.text_null("on_behalf_of"))
        .col(c.text_null("address"))
        .col(c.text("door"))
        .col(c.text_null("request_id"))
        .col(c.text("action"))
        .col(c.text("object_kind"))
        .col(c.text_null("object_id"))
        .col(c.text_null("object_name"))
        .col(c.text("result"))
        .col(c.number_null("status"))
        .col(c.text_null("before"))
        .col(c.text_null("after"))
        .col(c.bytes("prev_hash"))
        .col(c.bytes("hash"))
        .to_owned();
    manager.create_table(table).await?;
    manager.create_index(index("audit_tenant", "audit", &["tenant_id", "seq"], false)).await?;
    manager.create_index(index("audit_object", "audit", &["object_id", "seq"], false)).await?;
    manager.create_index(index("audit_actor", "audit", &["actor", "seq"], false)).await?;
    manager.create_index(index("audit_at", "audit", &["at"], false)).await?;

    let mut counters = Query::insert();
    counters.into_table("counter").columns(["name", "value"]);
    for name in ["audit_seq", "audit_dropped_through", "audit_forwarded_through"] {
        counters.values_panic([name.into(), 0i64.into()]);
    }
    manager.execute(counters).await?;
    // The hash of the last entry, and of the last that retention dropped. Before the first there is no hash.
    let mut ends = Query::insert();
    ends.into_table("setting").columns(["name", "value", "changed_at"]);
    for name in ["audit_hash", "audit_dropped_hash"] {
        ends.values_panic([name.into(), "0".repeat(64).into(), 0i64.into()]);
    }
    manager.execute(ends).await?;

    row_security(manager, "audit").await?;
    let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
    let guard = if sqlite { SQLITE_GUARD } else { POSTGRES_GUARD };
    manager.get_connection().execute_unprepared(guard).await.map(drop)
}
