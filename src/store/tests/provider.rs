//! Providers: names, endpoints, generations, secrets.

use chrono::TimeDelta;

use super::*;
use crate::model::secret::ExposeSecret;

on_both! {
    async fn a_provider_is_added_read_and_edited(fx: Fixture) {
        let admin = fx.admin();
        let added = admin.provider_create(new_provider("Berlin")).await.unwrap();
        assert_eq!((added.name.as_str(), added.generation, added.removing), ("Berlin", 1, false));
        assert!(added.has_password && added.enabled);
        assert_eq!(added.trust.thumbprint_sha256.as_deref(), Some("AA:BB"));
        assert_eq!(added.sources.len(), 1);
        assert_eq!(added.sources[0].endpoint, "Berlin.example");
        assert_eq!(admin.provider(added.id).await.unwrap().as_ref(), Some(&added));
        let second = admin.provider_create(new_provider("aachen")).await.unwrap();
        assert_eq!(admin.providers().await.unwrap(), [second.clone(), added.clone()], "by name");

        let found = fx.system().provider(added.id).await.unwrap().unwrap();
        assert_eq!(found.secrets.password.as_ref().unwrap().expose_secret(), "hunter2-päss");
        assert!(!format!("{found:?} {added:?}").contains("hunter2"));

        fx.clock.advance(TimeDelta::seconds(1));
        let edit = ProviderEdit {
            name: Some("BERLIN".into()),
            username: Some(None),
            enabled: Some(false),
            ..Default::default()
        };
        let edited = admin.provider_edit(added.id, Some(1), edit, Told::any()).await.unwrap().unwrap().record;
        assert_eq!((edited.name.as_str(), edited.generation, edited.enabled), ("BERLIN", 2, false));
        assert_eq!((edited.username.as_deref(), &edited.trust), (None, &added.trust));
        assert_eq!((edited.created_at, edited.updated_at), (added.created_at, fx.clock.now()));
        let error = admin.provider_edit(added.id, Some(1), ProviderEdit::default(), Told::any()).await.unwrap_err();
        assert!(matches!(error, Error::GenerationMismatch { expected: 1, actual: 2, .. }));
        assert!(!error.is_unavailable());

        let edit = ProviderEdit { password: Some(Some("better".into())), ..Default::default() };
        admin.provider_edit(added.id, None, edit, Told::any()).await.unwrap().unwrap();
        let found = admin.provider_with_secrets(added.id).await.unwrap().unwrap();
        assert_eq!(found.secrets.password.unwrap().expose_secret(), "better");
        let edit = ProviderEdit { password: Some(None), ..Default::default() };
        assert!(!admin.provider_edit(added.id, None, edit, Told::any()).await.unwrap().unwrap().record.has_password);
        assert!(admin.provider_edit(ProviderId::generate(), None, ProviderEdit::default(), Told::any()).await.unwrap().is_none());
    }
}

on_both! {
    async fn a_name_and_an_endpoint_belong_to_one_provider(fx: Fixture) {
        let admin = fx.admin();
        let first = admin.provider_create(new_provider("vc")).await.unwrap();
        let mut same_name = new_provider("VC");
        same_name.endpoints = vec![endpoint("elsewhere")];
        let error = admin.provider_create(same_name).await.unwrap_err();
        assert!(matches!(&error, Error::ProviderNameTaken { id, removing: false, .. } if *id == first.id), "{error}");
        let mut same_endpoint = new_provider("another");
        same_endpoint.endpoints = vec![endpoint("fine"), endpoint("VC.EXAMPLE")];
        let error = admin.provider_create(same_endpoint.clone()).await.unwrap_err();
        assert!(matches!(&error, Error::EndpointTaken { id, name, .. } if *id == first.id && name == "vc"), "{error}");
        assert_eq!(admin.providers().await.unwrap().len(), 1, "nothing half added");
        same_endpoint.endpoints = vec![endpoint("a"), endpoint("A")];
        assert!(matches!(admin.provider_create(same_endpoint.clone()).await, Err(Error::Endpoints)));
        same_endpoint.endpoints.clear();
        assert!(matches!(admin.provider_create(same_endpoint).await, Err(Error::Endpoints)));

        let second = admin.provider_create(new_provider("second")).await.unwrap();
        let edit = ProviderEdit { name: Some("vc".into()), ..Default::default() };
        assert!(matches!(admin.provider_edit(second.id, None, edit, Told::any()).await, Err(Error::ProviderNameTaken { .. })));
        let edit = ProviderEdit { endpoints: Some(vec![endpoint("vc.example")]), ..Default::default() };
        assert!(matches!(admin.provider_edit(second.id, None, edit, Told::any()).await, Err(Error::EndpointTaken { .. })));
        assert_eq!(admin.provider(second.id).await.unwrap().unwrap(), second);

        let marked = admin.provider_mark_removing(first.id, None, Told::any()).await.unwrap().unwrap();
        assert!(marked.removing && !marked.has_password);
        assert_eq!(admin.provider_mark_removing(first.id, Some(77), Told::any()).await.unwrap().unwrap(), marked, "once is enough");
        assert!(admin.provider_edit(first.id, None, ProviderEdit::default(), Told::any()).await.unwrap().is_none());
        let error = admin.provider_create(new_provider("vc")).await.unwrap_err();
        assert!(matches!(error, Error::ProviderNameTaken { removing: true, .. }));
        assert!(admin.provider_mark_removing(ProviderId::generate(), None, Told::any()).await.unwrap().is_none());
    }
}

on_both! {
    async fn of_many_that_add_the_same_at_once_one_wins(fx: Fixture) {
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let admin = fx.admin();
            tasks.push(tokio::spawn(async move { admin.provider_create(new_provider("vc")).await }));
        }
        let mut added = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => added += 1,
                Err(error) => assert!(matches!(error, Error::ProviderNameTaken { .. }), "{error:?}"),
            }
        }
        assert_eq!(added, 1);
    }
}

on_both! {
    async fn an_edit_of_endpoints_keeps_the_sources_it_can(fx: Fixture) {
        let admin = fx.admin();
        let one = admin.provider_create(new_provider("vc")).await.unwrap();
        let source = one.sources[0].id;
        let to = |names: &[&str]| ProviderEdit {
            endpoints: Some(names.iter().map(|name| endpoint(name)).collect()),
            ..Default::default()
        };
        // One before and one after: the same source under another address.
        let record = admin.provider_edit(one.id, None, to(&["10.0.0.1"]), Told::any()).await.unwrap().unwrap().record;
        assert_eq!((record.sources[0].id, record.sources[0].endpoint.as_str()), (source, "10.0.0.1"));
        let record = admin.provider_edit(one.id, None, to(&["b", "10.0.0.1", "c"]), Told::any()).await.unwrap().unwrap().record;
        let names: Vec<_> = record.sources.iter().map(|source| source.endpoint.clone()).collect();
        assert_eq!(names, ["b", "10.0.0.1", "c"]);
        assert_eq!(record.sources[1].id, source);
        let [b, c] = [record.sources[0].id, record.sources[2].id];
        let record = admin.provider_edit(one.id, None, to(&["C", "10.0.0.1"]), Told::any()).await.unwrap().unwrap().record;
        assert_eq!(record.sources.iter().map(|source| source.id).collect::<Vec<_>>(), [c, source]);
        assert_eq!(record.sources[0].endpoint, "C", "as it was given last");
        assert_eq!(record.removing_sources, [b]);
        // It comes back before it was purged: it is what it was.
        let record = admin.provider_edit(one.id, None, to(&["C", "10.0.0.1", "b"]), Told::any()).await.unwrap().unwrap().record;
        assert_eq!(record.sources.iter().map(|source| source.id).collect::<Vec<_>>(), [c, source, b]);
        assert_eq!(record.removing_sources, []);
    }
}

on_both! {
    async fn an_edit_that_changes_nothing_writes_nothing(fx: Fixture) {
        let admin = fx.admin();
        let added = admin.provider_create(new_provider("Berlin")).await.unwrap();
        fx.clock.advance(TimeDelta::seconds(1));
        let NewProvider { name, enabled, username, password, trust, endpoints, .. } = new_provider("Berlin");
        let same = ProviderEdit {
            name: Some(name),
            enabled: Some(enabled),
            username: Some(username),
            password: Some(password),
            trust: Some(trust),
            endpoints: Some(endpoints),
        };
        let edited = admin.provider_edit(added.id, Some(1), same.clone(), Told::any()).await.unwrap().unwrap();
        assert_eq!((edited.changed.as_slice(), &edited.record), (&[][..], &added));
        assert_eq!(admin.provider(added.id).await.unwrap().unwrap(), added);
        let error = admin.provider_edit(added.id, Some(7), same, Told::any()).await.unwrap_err();
        assert!(matches!(error, Error::GenerationMismatch { .. }), "the caller is told all the same");

        let other = ProviderEdit {
            password: Some(Some("hunter3".into())),
            endpoints: Some(vec![endpoint("b"), endpoint("berlin.example")]),
            ..Default::default()
        };
        let tried = admin.provider_edit_tried(added.id, Some(1), other.clone()).await.unwrap().unwrap();
        assert_eq!((tried.changed.as_slice(), tried.record.generation), (&["endpoints", "password"][..], 2));
        assert_eq!(admin.provider(added.id).await.unwrap().unwrap(), added, "a trial keeps nothing");
        let edited = admin.provider_edit(added.id, Some(1), other.clone(), Told::any()).await.unwrap().unwrap();
        assert_eq!((&edited.changed, edited.record.generation), (&tried.changed, 2));
        let again = admin.provider_edit(added.id, Some(2), other, Told::any()).await.unwrap().unwrap();
        assert_eq!((again.changed.as_slice(), again.record.generation), (&[][..], 2));

        let tried = admin.provider_create_tried(new_provider("second")).await.unwrap();
        assert_eq!(admin.provider(tried.id).await.unwrap(), None, "a trial keeps nothing");
        assert!(matches!(admin.provider_create_tried(new_provider("BERLIN")).await, Err(Error::ProviderNameTaken { .. })));
        // A password that cannot be opened is replaced, whatever is given.
        fx.sql("UPDATE provider SET secret = NULL").await;
        let edit = ProviderEdit { password: Some(Some("hunter3".into())), ..Default::default() };
        assert_eq!(admin.provider_edit(added.id, None, edit, Told::any()).await.unwrap().unwrap().changed, ["password"]);
    }
}
