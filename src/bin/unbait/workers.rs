//! Items to results in their order, worked on by several threads, with only some of them in memory.
//!
//! One thread goes through the items, which need not be quick to come by, and the caller's takes the results.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use unbait::error::Result;

/// Most items in memory at once (chosen: enough to keep many threads busy behind one that takes long).
const MOST_ITEMS: usize = 256;

/// Most bytes of items in memory at once for each thread, unless one alone has more (chosen: with two threads, 2 to 32 MiB each take the same
/// time on real pages, and the most memory that `score` has rises from 49 to 111 MiB; with these 8 it has 63).
const BYTES_A_THREAD: usize = 1 << 23;

/// Most bytes of items in memory at once for all threads, unless one alone has more (chosen: what eight threads have).
const MOST_BYTES: usize = 8 * BYTES_A_THREAD;

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    On,
    /// Take no further result.
    Stop,
}

/// Most bytes of items in memory at once with as many threads, unless one item alone has more.
fn most_bytes(threads: NonZeroUsize) -> usize {
    threads.get().saturating_mul(BYTES_A_THREAD).min(MOST_BYTES)
}

/// As many threads as were asked for, else as there are processors.
pub fn count(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}

/// Has each item worked on and hands over the results in the items' order; `size` tells an item's bytes.
///
/// # Errors
/// Those of `take`; nothing is taken behind one.
pub fn in_order<I: Send, T: Send>(
    threads: NonZeroUsize,
    mut items: impl Iterator<Item = I> + Send,
    size: impl Fn(&I) -> usize + Sync,
    work: impl Fn(I) -> T + Sync,
    mut take: impl FnMut(T) -> Result<Next>,
) -> Result<()> {
    if threads == NonZeroUsize::MIN {
        for item in items {
            if take(work(item))? == Next::Stop {
                break;
            }
        }
        return Ok(());
    }
    let gate = Gate::new(most_bytes(threads));
    let (jobs, waiting) = channel::<Job<I>>();
    let waiting = Mutex::new(waiting);
    let (done, results) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // moved here, so that the workers end when the items do
            let jobs = jobs;
            let mut number = 0;
            while gate.wait()
                && let Some(item) = items.next()
            {
                let bytes = size(&item);
                gate.enter(bytes);
                if jobs.send(Job { number, bytes, item }).is_err() {
                    break;
                }
                number += 1;
            }
        });
        for _ in 0..threads.get() {
            let done = done.clone();
            scope.spawn(|| {
                let done = done;
                while let Some(job) = next_job(&waiting) {
                    let result = work(job.item);
                    if done.send((job.number, job.bytes, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        let outcome = take_in_order(&results, &gate, &mut take);
        // whoever waits or sends ends now
        gate.close();
        drop(results);
        outcome
    })
}

struct Job<I> {
    number: usize,
    bytes: usize,
    item: I,
}

fn next_job<I>(waiting: &Mutex<Receiver<Job<I>>>) -> Option<Job<I>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn take_in_order<T>(
    results: &Receiver<(usize, usize, T)>,
    gate: &Gate,
    take: &mut impl FnMut(T) -> Result<Next>,
) -> Result<()> {
    let mut early = BTreeMap::new();
    let mut number = 0;
    for (at, bytes, result) in results {
        early.insert(at, (bytes, result));
        while let Some((bytes, result)) = early.remove(&number) {
            number += 1;
            if take(result)? == Next::Stop {
                return Ok(());
            }
            gate.leave(bytes);
        }
    }
    Ok(())
}

/// Lets items in as long as there is room.
struct Gate {
    most_bytes: usize,
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    items: usize,
    bytes: usize,
    is_closed: bool,
}

impl Gate {
    fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            inside: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; `false` when nothing is let in any more.
    fn wait(&self) -> bool {
        let is_full =
            |inside: &mut Inside| !inside.is_closed && (inside.items >= MOST_ITEMS || inside.bytes >= self.most_bytes);
        let inside = self.changed.wait_while(self.inside(), is_full);
        !inside.unwrap_or_else(PoisonError::into_inner).is_closed
    }

    fn enter(&self, bytes: usize) {
        let mut inside = self.inside();
        inside.items += 1;
        inside.bytes += bytes;
    }

    fn leave(&self, bytes: usize) {
        let mut inside = self.inside();
        inside.items -= 1;
        inside.bytes -= bytes;
        self.changed.notify_one();
    }

    fn close(&self) {
        self.inside().is_closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use unbait::error::Error;

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    #[test]
    fn results_come_in_the_items_order_for_any_number_of_threads() {
        for count in [1, 2, 7] {
            let mut taken = Vec::new();
            let slow_first = |item: usize| {
                std::thread::sleep(std::time::Duration::from_micros(if item.is_multiple_of(5) {
                    500
                } else {
                    0
                }));
                item * 2
            };
            in_order(
                threads(count),
                0..2000,
                |_| 1,
                slow_first,
                |result| {
                    taken.push(result);
                    Ok(Next::On)
                },
            )
            .unwrap();
            assert_eq!(taken, (0..2000).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn only_some_items_are_in_memory() {
        let most_bytes = most_bytes(threads(3));
        for (bytes, most) in [(1, MOST_ITEMS), (most_bytes / 4, 4), (2 * most_bytes, 1)] {
            let (inside, highest) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut is_first = true;
            let items = (0..1000).inspect(|_| {
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                highest.fetch_max(now, Ordering::SeqCst);
            });
            in_order(
                threads(3),
                items,
                |_| bytes,
                |item| item,
                |_| {
                    // the first result is taken when all are inside that may be; a minute is more than that takes
                    let mut waits = if std::mem::take(&mut is_first) { 60_000 } else { 0 };
                    while waits > 0 && highest.load(Ordering::SeqCst) < most {
                        std::thread::sleep(Duration::from_millis(1));
                        waits -= 1;
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                    Ok(Next::On)
                },
            )
            .unwrap();
            assert_eq!(highest.load(Ordering::SeqCst), most, "items of {bytes} bytes");
        }
    }

    #[test]
    fn threads_have_their_own_bytes_up_to_a_bound() {
        let mib = |count| most_bytes(threads(count)) >> 20;
        assert_eq!([1, 2, 8, 9, 1000, usize::MAX].map(mib), [8, 16, 64, 64, 64, 64]);
    }

    #[test]
    fn nothing_is_taken_behind_a_stop_or_an_error() {
        for count in [1, 3] {
            let mut taken = 0;
            let stopped = in_order(
                threads(count),
                0..,
                |_: &usize| 1,
                |item| item,
                |item| {
                    taken += 1;
                    Ok(if item == 10 { Next::Stop } else { Next::On })
                },
            );
            assert!(stopped.is_ok() && taken == 11);
            let failed = in_order(
                threads(count),
                0..,
                |_: &usize| 1,
                |item| item,
                |_| {
                    Err(Error::Output {
                        source: std::io::ErrorKind::StorageFull.into(),
                    })
                },
            );
            assert!(failed.is_err());
        }
    }
}
