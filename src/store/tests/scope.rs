//! Scopes: a tenant sees its own, and PostgreSQL holds to it by itself.

use sea_orm::{ConnectionTrait, EntityTrait};

use super::*;
use crate::store::entity::{change_log, object, provider, source};

on_both! {
    async fn a_tenant_sees_and_changes_only_its_own(fx: Fixture) {
        let other = TenantId(uuid::Uuid::from_u128(2));
        let insert = "INSERT INTO tenant (id, key, created_at) VALUES";
        if fx.is_sqlite() {
            fx.sql(&format!("{insert} (x'{}', 'other', 0)", other.0.simple())).await;
        } else {
            fx.sql(&format!("{insert} ('{other}', 'other', 0)")).await;
        }
        let theirs: TenantStore<ProviderWrite> = fx.store.tenant(&TenantScope::of_tenant(other));
        let (ours, our_source) = fx.provider("vc").await;
        let mut batch = ObserveBatch::new(ours, our_source);
        batch.puts = vec![put(ObjectId::generate(), "vm-1", "{}")];
        fx.system().observe(&batch).await.unwrap();

        assert_eq!(theirs.providers().await.unwrap(), []);
        assert_eq!(theirs.provider(ours).await.unwrap(), None);
        assert!(theirs.provider_with_secrets(ours).await.unwrap().is_none());
        assert!(theirs.provider_edit(ours, None, ProviderEdit::default(), Told::any()).await.unwrap().is_none());
        assert!(theirs.provider_mark_removing(ours, None, Told::any()).await.unwrap().is_none());
        assert!(theirs.quarantine(ours, 10).await.unwrap().is_none());
        // The same name and endpoint in another tenant: neither may learn of the other.
        let record = theirs.provider_create(new_provider("vc")).await.unwrap();
        assert_eq!(record.tenant_id, other);
        assert_eq!(fx.admin().provider(record.id).await.unwrap(), None);
        assert_eq!(fx.system().providers().await.unwrap().len(), 2);
        let mut batch = ObserveBatch::new(record.id, record.sources[0].id);
        batch.puts = vec![put(ObjectId::generate(), "vm-1", "{}")];
        assert_eq!(fx.system().observe(&batch).await.unwrap().puts[0].owner.tenant_id, other);
    }
}

/// Whatever the query is, a transaction of a tenant finds that tenant's rows only, and one that says nothing finds none.
#[tokio::test]
async fn row_security_stands_behind_the_doors() {
    let fx = Fixture::postgres().await;
    let (id, source_id) = fx.provider("vc").await;
    let mut batch = ObserveBatch::new(id, source_id);
    batch.puts = vec![put(ObjectId::generate(), "vm-1", "{}")];
    fx.system().observe(&batch).await.unwrap();
    let rows = async |visible| {
        let tx = fx.store.inner.pools.read(visible).await.unwrap();
        let counts = [
            provider::Entity::find().all(&tx).await.unwrap().len(),
            source::Entity::find().all(&tx).await.unwrap().len(),
            object::Entity::find().all(&tx).await.unwrap().len(),
            change_log::Entity::find().all(&tx).await.unwrap().len(),
        ];
        tx.commit().await.unwrap();
        counts
    };
    assert_eq!(rows(Visible::All).await, [1; 4]);
    assert_eq!(rows(Visible::Tenants(vec![TenantId::PLATFORM.0])).await, [1; 4]);
    let other = uuid::Uuid::from_u128(2);
    assert_eq!(rows(Visible::Tenants(vec![other])).await, [0; 4]);
    assert_eq!(rows(Visible::Tenants(vec![other, TenantId::PLATFORM.0])).await, [1; 4], "of several tenants");
    assert_eq!(rows(Visible::Tenants(Vec::new())).await, [0; 4]);

    let tx = fx.store.inner.pools.write(Visible::Tenants(vec![other])).await.unwrap();
    assert_eq!(tx.execute_unprepared("DELETE FROM object").await.unwrap().rows_affected(), 0);
    let error = tx.execute_unprepared(
        "INSERT INTO change_log SELECT 9, 0, gen_random_uuid(), id, id, 'vm', id, 'put', NULL FROM tenant",
    );
    assert!(error.await.unwrap_err().to_string().contains("row-level security"));
    drop(tx);

    let Pools::Postgres { pool, .. } = &fx.store.inner.pools else { panic!("this is PostgreSQL") };
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM object").fetch_one(pool).await.unwrap();
    assert_eq!(count, 0, "a transaction that does not say for whom");
}

/// A table that is added later is not forgotten: what belongs to a tenant is guarded, also from the tables' owner.
#[tokio::test]
async fn every_table_of_tenants_has_row_security() {
    let fx = Fixture::postgres().await;
    let tx = fx.store.inner.pools.read(Visible::All).await.unwrap();
    let tables = "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = 'r' \
         AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id' AND NOT a.attisdropped";
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, tables);
    let rows = sea_orm::ConnectionTrait::query_all_raw(&tx, statement).await.unwrap();
    let tables: Vec<(String, bool)> =
        rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect();
    assert!(tables.len() >= 6, "{tables:?}");
    assert!(tables.iter().all(|(_, guarded)| *guarded), "{tables:?}");
}
