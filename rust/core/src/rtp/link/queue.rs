//! The queue before the bottleneck.

use super::Schedule;
use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// Packets that wait for their turn; the first of them is being sent.
///
/// Work is counted in bits times microseconds of a second, so that all is whole numbers: a run repeats to the
/// microsecond, however often one looks.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<(usize, T)>,
    /// The work that was left of the first packet at `since`.
    first: u64,
    since: Time,
    /// The work of all behind it.
    behind: u64,
}

impl<T> Queue<T> {
    pub(super) fn new(now: Time) -> Self {
        Self { waiting: VecDeque::new(), first: 0, since: now, behind: 0 }
    }

    /// Takes a packet in, unless it would have to wait for longer than the queue is.
    pub(super) fn push(&mut self, now: Time, bytes: usize, item: T, schedule: &Schedule) -> bool {
        if self.waiting.is_empty() {
            (self.first, self.since) = (work(bytes), now);
        } else {
            let conditions = schedule.at(now);
            let before = self.serve(now, schedule).err().unwrap_or(0) + self.behind;
            if conditions.rate.is_some_and(|rate| span(before, rate) > conditions.queue) {
                return false;
            }
            self.behind += work(bytes);
        }
        self.waiting.push_back((bytes, item));
        true
    }

    /// The next packet that has left by `now`: when it did, its bytes, and what stands for it.
    pub(super) fn pop(&mut self, now: Time, schedule: &Schedule) -> Option<(Time, usize, T)> {
        let departure = self.serve(now, schedule).ok()?;
        let (bytes, item) = self.waiting.pop_front()?;
        self.first = self.waiting.front().map_or(0, |(bytes, _)| work(*bytes));
        self.since = departure;
        self.behind -= self.first;
        Some((departure, bytes, item))
    }

    /// When the first packet leaves, if things go as scheduled.
    pub(super) fn departure(&self, schedule: &Schedule) -> Option<Time> {
        self.waiting.front()?;
        self.serve(Time::from_micros(u64::MAX), schedule).ok()
    }

    /// Notes how far the first packet is, before another schedule begins.
    pub(super) fn settle(&mut self, now: Time, schedule: &Schedule) {
        if let Err(left) = self.serve(now, schedule) {
            (self.first, self.since) = (left, now);
        }
    }

    /// When the first packet leaves, or the work that is left of it at `now` if that is before.
    fn serve(&self, now: Time, schedule: &Schedule) -> Result<Time, u64> {
        let (mut left, mut at) = (self.first, self.since);
        loop {
            let Some(rate) = schedule.at(at).rate else { return Ok(at) };
            let end = at + span(left, rate);
            let change = schedule.next_change(at).filter(|change| *change <= now);
            let stop = change.unwrap_or(now);
            if end <= stop {
                return Ok(end);
            }
            left = left.saturating_sub(rate.saturating_mul((stop - at).as_micros() as u64));
            if change.is_none() {
                return Err(left);
            }
            at = stop;
        }
    }
}

fn work(bytes: usize) -> u64 {
    bytes as u64 * 8 * 1_000_000
}

/// How long a bottleneck of so many bits a second works at it.
fn span(work: u64, rate: u64) -> Duration {
    Duration::from_micros(work.div_ceil(rate))
}
