//! What a list lacks is gone only when libvirt says so of each, and no domains at all are only believed when it says so twice.

use std::sync::Arc;

use super::super::normalize::tests::Names;
use super::super::tests::spec;
use super::*;

/// A source of libvirt's test driver that has read everything, and what it told.
async fn watch() -> (Watch, mpsc::Receiver<Event>) {
    let (mut watch, told) = connected("test:///default").await;
    watch.load(LoadReason::Fresh).await.expect("reads");
    (watch, told)
}

/// The same, before it reads.
async fn connected(endpoint: &str) -> (Watch, mpsc::Receiver<Event>) {
    let (events, told) = mpsc::channel(64);
    let (_, commands) = mpsc::channel(1);
    let context = SourceContext {
        identify: Arc::new(Names),
        events,
        commands,
        questions: Arc::default(),
        clock: Clock::system(),
        compare_every: Duration::from_secs(600),
        poll_every: Duration::from_secs(600),
        first_load: tracing::Span::none(),
    };
    (Watch::connect(&spec(endpoint), context).await.expect("connects"), told)
}

/// The keys that were told to be gone, and those that the last complete read had.
fn told(events: &mut mpsc::Receiver<Event>) -> (Vec<String>, BTreeSet<String>) {
    let (mut gone, mut seen) = (Vec::new(), BTreeSet::new());
    while let Ok(event) = events.try_recv() {
        match event {
            Event::Gone { keys, .. } => gone.extend(keys),
            Event::LoadBegan { .. } => seen.clear(),
            Event::Observed(groups) => seen.extend(groups.into_iter().map(|group| group.key)),
            _ => {}
        }
    }
    (gone, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_list_lacks_is_asked_for_before_it_is_gone() {
    let (mut watch, mut events) = watch().await;
    let held: Vec<Uuid> = watch.held.domains.keys().copied().collect();
    assert!(!held.is_empty(), "the test driver has a domain");
    let networks = watch.held.networks.len();
    let mut missed = BTreeSet::new();
    // A host that answers with nothing, for once.
    let mut absent = watch.take_domains(kvm::Listing::default(), &mut missed);
    absent.extend(watch.take_networks(kvm::Listing::default(), &mut missed));
    assert_eq!(absent.len(), held.len() + networks);
    // And one of which libvirt knows nothing.
    let facts = watch.held.domains[&held[0]].clone();
    let stranger = Uuid::from_u128(7);
    watch.held.put_domain(stranger, facts);
    absent.push(GroupKey::Domain(stranger));
    let gone = watch.confirm(absent).await.expect("the host answers");
    assert_eq!(gone, BTreeSet::from([GroupKey::Domain(stranger)]));
    assert_eq!(watch.held.domains.keys().copied().collect::<Vec<_>>(), held);
    assert_eq!(watch.held.networks.len(), networks);
    let touched = watch.held.every_key();
    watch.tell(touched).await.expect("somebody listens");
    let (gone, seen) = told(&mut events);
    assert!(gone.is_empty() && seen.contains(&GroupKey::Domain(held[0]).to_string()), "{gone:?} {seen:?}");
}

/// A host of the test driver, with a domain or without. Every connection reads the file anew when it is opened.
fn node(domain: bool) -> String {
    let domain = "<domain type='test'><name>one</name><memory>65536</memory><os><type>hvm</type></os></domain>"
        .repeat(usize::from(domain));
    format!(
        "<node>{domain}<cpu><mhz>6000</mhz><model>i986</model><active>4</active><nodes>1</nodes><sockets>1</sockets>\
         <cores>2</cores><threads>2</threads></cpu><memory>8192000</memory></node>"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_domains_at_all_is_believed_when_a_second_connection_says_so() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let endpoint = format!("test://{}", file.path().display());
    for vanished in [false, true] {
        std::fs::write(file.path(), node(false)).expect("it can be written");
        let (mut watch, mut events) = connected(&endpoint).await;
        // The connection that was opened first has no domains; the second one is opened when it is asked.
        std::fs::write(file.path(), node(vanished)).expect("it can be written");
        let loaded = watch.load(LoadReason::Fresh).await;
        let ends = std::iter::from_fn(|| events.try_recv().ok()).any(|event| matches!(event, Event::LoadEnded { .. }));
        assert_eq!(ends, !vanished, "what ends a load removes what was not in it");
        match loaded {
            Ok(()) => assert!(!vanished && watch.held.domains.is_empty()),
            Err(error) => {
                assert!(vanished, "{error}");
                assert_eq!(error.reason, SyncReason::EmptyAnswer);
                assert!(error.message.contains("nothing was removed"), "{error}");
            }
        }
    }
}

/// Another host of the provider lost a domain: what this one has of it is told, before the answer is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_by_reading_again() {
    let (mut watch, mut events) = watch().await;
    let here = watch.held.domains.keys().next().copied().expect("the test driver has a domain");
    let key = |uuid: Uuid| GroupKey::Domain(uuid).to_string();
    let since = Instant::now();
    // As if it had come without notice.
    watch.held.remove_domain(here);
    watch.held.forget_told();
    while events.try_recv().is_ok() {}
    let asked = BTreeSet::from([key(here), key(Uuid::from_u128(7)), "something else".to_owned()]);
    watch.answer(asked.clone()).await.expect("the host answers");
    let told: Vec<Event> = std::iter::from_fn(|| events.try_recv().ok()).collect();
    let [Event::Observed(groups), .., Event::Answered { since: at, group_keys: Some(answered) }] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(groups.iter().any(|group| group.key == key(here)), "{groups:?}");
    assert!(*at >= since && *answered == asked.into_iter().collect::<Vec<_>>(), "{answered:?}");
}
