//! Batches of a size that no single statement takes.

use super::*;

/// A first load of machines with a disk and a NIC each, the same again with other texts, and small batches after it.
async fn load(fx: &Fixture, machines: usize) {
    let (provider, source) = fx.provider("vc").await;
    let body =
        |name: &str, len: usize| format!("{{\"state\":\"running\",\"name\":\"{name}\",\"x\":\"{}\"}}", "y".repeat(len));
    let mut batches = Vec::new();
    for first in (0..machines).step_by(667) {
        let mut batch = ObserveBatch::new(provider, source);
        for index in first..(first + 667).min(machines) {
            for (kind, len) in [(Kind::Vm, 1_200), (Kind::Volume, 400), (Kind::Nic, 300)] {
                let id = ObjectId::generate();
                let key = format!("{kind}-{index}");
                batch.identities.push((kind, key.clone(), id));
                batch.puts.push(PutObject { kind, ..put(id, &key, &body(&key, len)) });
            }
        }
        batches.push(batch);
    }
    for batch in &batches {
        fx.system().observe(batch).await.unwrap();
    }
    for batch in &mut batches {
        batch.identities.clear();
        fx.system().observe(batch).await.unwrap();
    }
    let mut after = None;
    let mut count = 0;
    loop {
        let page = fx.system().objects_page(after, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        count += page.len();
    }
    let rows = machines * 3;
    assert_eq!(count, rows);
    assert_eq!(fx.system().current_revision().await.unwrap(), Revision(rows as u64 * 2));
}

on_both! {
    /// More rows than a statement binds, in one transaction.
    async fn a_batch_may_have_more_rows_than_a_statement_binds(fx: Fixture) {
        load(&fx, 1_500).await;
        let (provider, source) = fx.provider("big").await;
        let mut batch = ObserveBatch::new(provider, source);
        for index in 0..5_111 {
            let id = ObjectId::generate();
            batch.identities.push((Kind::Vm, format!("vm-{index}"), id));
            batch.puts.push(put(id, &format!("vm-{index}"), "{}"));
        }
        assert_eq!(fx.system().observe(&batch).await.unwrap().puts.len(), 5_111);
        let mut gone = ObserveBatch::new(provider, source);
        gone.deletes = batch.puts.iter().map(|put| put.id).collect();
        assert_eq!(fx.system().observe(&gone).await.unwrap().deleted.len(), 5_111);
    }
}
