//! Work spread over all cores, for loading.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{panic, thread};

/// Threads at most.
const MAX: usize = 8;

/// How many threads are worth using here.
pub(super) fn count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MAX)
}

/// Runs all tasks, the first ones first, and answers with their results in the order of the tasks.
pub(super) fn run<T: Send, R: Send>(tasks: Vec<T>, run: impl Fn(T) -> R + Sync) -> Vec<R> {
    let tasks: Vec<_> = tasks.into_iter().map(|task| Mutex::new((Some(task), None))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(place) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let task = place.lock().map_or(None, |mut place| place.0.take());
            let result = task.map(&run);
            if let Ok(mut place) = place.lock() {
                place.1 = result;
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (1..count().min(tasks.len())).map(|_| scope.spawn(work)).collect();
        work();
        for thread in threads {
            if let Err(panicked) = thread.join() {
                panic::resume_unwind(panicked);
            }
        }
    });
    tasks.into_iter().filter_map(|place| place.into_inner().ok()?.1).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_the_order_of_the_tasks() {
        let results = super::run((0..100).collect(), |number| number * 2);
        assert_eq!(results, (0..100).map(|number| number * 2).collect::<Vec<_>>());
        assert!(super::run(Vec::<u32>::new(), |number| number).is_empty());
    }

    #[test]
    #[should_panic(expected = "seven")]
    fn a_panic_is_passed_on() {
        super::run((0..20).collect(), |number| assert_ne!(number, 7, "seven"));
    }
}
