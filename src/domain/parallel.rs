//! Work on many things, on several threads. A part of them is worked on by the thread that asks; the
//! answers are in the order of the things.

use std::num::NonZero;
use std::thread;

/// From so many on several threads work: below, starting one costs more (sealed files: 100 to 200).
const MANY: usize = 200;

/// The most threads: with more, they wait for the same folder.
const MOST_THREADS: usize = 8;

/// Does a part of the work on each thread.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let threads = if items.len() < MANY {
        1
    } else {
        let there = thread::available_parallelism().map_or(1, NonZero::get);
        there.min(MOST_THREADS)
    };
    let mut parts = items.chunks(items.len().div_ceil(threads).max(1));
    let own = parts.next().unwrap_or_default();
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let mut all = work(own);
        for other in others {
            all.extend(other.join().expect("the work does not panic"));
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_are_in_order_however_many_there_are() {
        for count in [0, 1, MANY - 1, MANY, 3 * MANY + 1] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(in_parallel(&items, <[usize]>::to_vec), items, "{count}");
        }
    }
}
