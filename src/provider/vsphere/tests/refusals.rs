//! Why a platform cannot be joined is said, by the run and by the test of a connection alike.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_it_does_not_work_is_said() {
    let simulator = Simulator::start(&["--vms", "4", "--scenario", "flat"]);
    let check = async |change: &dyn Fn(&mut SourceSpec), reason: SyncReason, failing: &str| {
        let mut spec = simulator.spec();
        change(&mut spec);
        let error =
            tokio::time::timeout(DEADLINE, Listener::start(spec.clone(), DEADLINE).ends()).await.expect("in time");
        assert_eq!(error.reason, reason, "{error:?}");
        assert!(!format!("{error:?} {error}").contains("wr0ng"), "{error:?}");
        let report = super::super::test(&spec, DEADLINE).await;
        let first = report.checks.iter().find(|check| check.passed == Some(false));
        assert_eq!(first.map(|check| check.name.as_str()), Some(failing).filter(|name| !name.is_empty()), "{report:?}");
        assert_eq!(report.checks.len(), super::super::CHECKS.len());
        let thumbprint =
            (reason == SyncReason::CertificateUntrusted).then(|| simulator.text("thumbprint_sha256").to_owned());
        assert_eq!((error.presented_thumbprint, report.presented_thumbprint), (thumbprint.clone(), thumbprint));
    };
    let wrong = |spec: &mut SourceSpec| spec.password = Some(SecretString::from("wr0ng".to_owned()));
    check(&wrong, SyncReason::CredentialsRefused, "credentials").await;
    check(&|spec| spec.password = None, SyncReason::CredentialsRefused, "credentials").await;
    check(&|spec| spec.trust = Trust::default(), SyncReason::CertificateUntrusted, "certificate").await;
    check(&|spec| spec.endpoint = "127.0.0.1:9".to_owned(), SyncReason::ConnectFailed, "reach").await;
    let unknown = |spec: &mut SourceSpec| spec.endpoint = "no-such-host.invalid".to_owned();
    check(&unknown, SyncReason::ConnectFailed, "reach").await;
    let another =
        |spec: &mut SourceSpec| spec.expected_instance_uuid = Some("5ab1e000-0000-4000-8000-000000000000".to_owned());
    check(&another, SyncReason::NotThePlatform, "").await;
    // Another than the one that was met before is told nothing of the account: else this would be refused credentials.
    let mut spec = simulator.spec();
    another(&mut spec);
    wrong(&mut spec);
    let error = super::super::connect::connect(&spec).await.map(|_| ()).expect_err("it is another");
    assert_eq!(error.reason, SyncReason::NotThePlatform, "{}", error.message);
    let report = super::super::test(&simulator.spec(), DEADLINE).await;
    assert!(report.checks.iter().all(|check| check.passed == Some(true)), "{report:?}");
    assert!(report.identity.is_some_and(|identity| identity.version.starts_with("8.0")));
}

/// What takes the connection, with TLS, and says nothing, at one step or another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_falls_silent_fails_the_check_at_which_it_does() {
    let simulator = Simulator::start(&["--vms", "4", "--scenario", "flat"]);
    for (method, failing) in [("RetrieveServiceContent", "reach"), ("Login", "credentials")] {
        simulator.control("POST", "/wire", &json!({"mode": "hang", "match": method}));
        let report = super::super::test(&simulator.spec(), Duration::from_secs(2)).await;
        let index = super::super::CHECKS.iter().position(|name| *name == failing).expect("a check");
        for (number, check) in report.checks.iter().enumerate() {
            let expected = (number <= index).then_some(number < index);
            assert_eq!(check.passed, expected, "{method}: {report:?}");
        }
        assert_eq!(report.checks[index].message, "no answer within 2 s");
        assert_eq!(report.checks.len(), super::super::CHECKS.len());
        simulator.control("POST", "/wire", &json!({"mode": "ok"}));
    }
}
