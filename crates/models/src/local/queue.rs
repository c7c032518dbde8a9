//! Who is embedded next. Those who ask take turns, so that one sentence that is searched for does not wait for a thousand memories.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use memoryscope_engine::extract::Failure;
use tokio::sync::oneshot;

/// What someone asked for comes to.
pub(crate) type Made = Result<Vec<Vec<f32>>, Failure>;

/// Texts of one asker, on their way.
pub(crate) struct Job<T> {
    /// What is left to do.
    pub(crate) left: VecDeque<T>,
    pub(crate) whose: usize,
}

/// The jobs, each taking its turn.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
}

struct State<T> {
    jobs: VecDeque<Job<T>>,
    answers: std::collections::BTreeMap<usize, Answer>,
    next: usize,
    is_closed: bool,
}

/// What there is of an answer.
struct Answer {
    say: oneshot::Sender<Made>,
    vectors: Vec<Option<Vec<f32>>>,
    missing: usize,
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        let state = State { jobs: VecDeque::new(), answers: Default::default(), next: 0, is_closed: false };
        Self { state: Mutex::new(state), wake: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Someone asks for so many vectors, of which this is the first thing to do.
    pub(crate) fn add(&self, count: usize, first: T) -> oneshot::Receiver<Made> {
        let (say, said) = oneshot::channel();
        let mut state = self.lock();
        let whose = state.next;
        state.next += 1;
        state.answers.insert(whose, Answer { say, vectors: vec![None; count], missing: count });
        state.jobs.push_back(Job { left: VecDeque::from([first]), whose });
        drop(state);
        self.wake.notify_one();
        said
    }

    /// The next thing to do and whose it is; the rest of that one's goes to the end of the queue. Waits for one; `None` at the end.
    pub(crate) fn take(&self) -> Option<(usize, T)> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            while let Some(mut job) = state.jobs.pop_front() {
                // Whoever listens no longer needs nothing more.
                if state.answers.get(&job.whose).is_none_or(|answer| answer.say.is_closed()) {
                    state.answers.remove(&job.whose);
                    continue;
                }
                let whose = job.whose;
                if let Some(next) = job.left.pop_front() {
                    if !job.left.is_empty() {
                        state.jobs.push_back(job);
                        self.wake.notify_one();
                    }
                    return Some((whose, next));
                }
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// There is more to do for someone.
    pub(crate) fn more(&self, whose: usize, left: impl IntoIterator<Item = T>) {
        let job = Job { left: left.into_iter().collect(), whose };
        self.lock().jobs.push_back(job);
        self.wake.notify_all();
    }

    /// Something was done for someone: vectors and their places. The last of them completes the answer; a failure is the answer.
    pub(crate) fn done(&self, whose: usize, made: Result<Vec<(usize, Vec<f32>)>, Failure>) {
        let mut state = self.lock();
        let made = match made {
            Ok(made) => made,
            Err(failure) => {
                if let Some(answer) = state.answers.remove(&whose) {
                    let _ = answer.say.send(Err(failure));
                }
                return;
            }
        };
        let Some(answer) = state.answers.get_mut(&whose) else { return };
        for (at, vector) in made {
            if let Some(place) = answer.vectors.get_mut(at)
                && place.replace(vector).is_none()
            {
                answer.missing -= 1;
            }
        }
        if answer.missing == 0
            && let Some(answer) = state.answers.remove(&whose)
        {
            let _ = answer.say.send(Ok(answer.vectors.into_iter().flatten().collect()));
        }
    }

    /// Nothing more is done.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.answers.clear();
        state.jobs.clear();
        drop(state);
        self.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_ask_take_turns() {
        let queue = Queue::new();
        let mut many = queue.add(3, "many 0");
        let (whose, first) = queue.take().expect("a thing to do");
        assert_eq!(first, "many 0");
        queue.more(whose, ["many 1", "many 2", "many 3"]);
        let mut one = queue.add(1, "one");
        let order: Vec<(usize, &str)> = (0..4).filter_map(|_| queue.take()).collect();
        assert_eq!(order, [(0, "many 1"), (1, "one"), (0, "many 2"), (0, "many 3")]);
        queue.done(1, Ok(vec![(0, vec![1.0])]));
        assert_eq!(one.try_recv(), Ok(Ok(vec![vec![1.0]])));
        queue.done(0, Ok(vec![(2, vec![2.0])]));
        assert!(many.try_recv().is_err());
        queue.done(0, Ok(vec![(1, vec![1.0]), (0, vec![0.0])]));
        assert_eq!(many.try_recv(), Ok(Ok(vec![vec![0.0], vec![1.0], vec![2.0]])));
    }

    #[test]
    fn a_failure_ends_a_job_and_so_does_who_goes_away() {
        let queue = Queue::new();
        let mut failing = queue.add(2, 1);
        let (whose, _) = queue.take().expect("a thing to do");
        queue.more(whose, [2, 3]);
        queue.done(whose, Err(Failure::of_extractor("model_absent")));
        assert_eq!(failing.try_recv(), Ok(Err(Failure::of_extractor("model_absent"))));
        drop(queue.add(1, 4));
        let _waits = queue.add(1, 5);
        assert_eq!(queue.take(), Some((2, 5)));
        // What comes late has nobody to go to.
        queue.done(whose, Ok(vec![(0, vec![1.0])]));
        queue.close();
        assert_eq!(queue.take(), None);
    }
}
