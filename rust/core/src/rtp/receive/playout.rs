//! When media is handed out: as late as jitter asks for, and no later.
//!
//! Each item has a time at which it would come on a network without jitter, by its timestamp and the fastest of its
//! predecessors. How much later than that items really come decides how long all of them are held back, so that
//! almost every one is handed out at its time, at an even pace.

use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// Items whose lateness decides: two to three seconds of pictures or sound.
const LATENESSES: usize = 75;
/// The share of items that come in time.
const IN_TIME: f64 = 0.95;
/// The fastest item within this is what lateness is measured against: clocks drift, and routes change.
const BASE_SPAN: Duration = Duration::from_secs(10);
/// The span is kept in parts, each by its minimum.
const BASE_PARTS: u64 = 10;
/// Timestamps that are off by this are not late but count anew.
const JUMP: i64 = 2_000_000;
/// How fast the delay grows and shrinks: a tenth of what passes, so that motion stays even.
const SLEW: u32 = 10;

/// The delay of one stream.
#[derive(Clone, Debug)]
pub struct Playout {
    clock_rate: u32,
    min: Duration,
    max: Duration,
    /// What synchronisation with another stream adds.
    extra: Duration,
    /// Arrival less timestamp in microseconds: the least within each part of the span, with the part's number.
    base: VecDeque<(u64, i64)>,
    lateness: VecDeque<Duration>,
    /// What jitter asks for.
    wanted: Duration,
    /// What is applied, and since when it has been so.
    applied: Duration,
    slewed: Option<Time>,
    /// Items are handed out in order.
    last_due: Time,
}

impl Playout {
    /// The delay of a stream with this clock, held between two bounds; the upper one wins.
    #[must_use]
    pub fn new(clock_rate: u32, min: Duration, max: Duration) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            min,
            max,
            extra: Duration::ZERO,
            base: VecDeque::new(),
            lateness: VecDeque::new(),
            wanted: Duration::ZERO,
            applied: min.min(max),
            slewed: None,
            last_due: Time::from_micros(0),
        }
    }

    /// Changes the bounds.
    pub fn set_bounds(&mut self, min: Duration, max: Duration) {
        (self.min, self.max) = (min, max);
    }

    /// Changes what synchronisation adds.
    pub fn set_extra(&mut self, extra: Duration) {
        self.extra = extra;
    }

    /// What synchronisation adds.
    #[must_use]
    pub fn extra(&self) -> Duration {
        self.extra
    }

    /// Forgets all that was measured: another stream takes the place of this one.
    pub fn restart(&mut self, clock_rate: u32) {
        *self =
            Self { extra: self.extra, last_due: self.last_due, ..Self::new(clock_rate, self.min, self.max) };
    }

    /// Notes an item that is complete and in order at `now`: when it is to be handed out.
    pub fn schedule(&mut self, timestamp: u64, now: Time) -> Time {
        let transit = self.transit(timestamp, now);
        if self.base().is_none_or(|base| (transit - base).abs() > JUMP) {
            self.base.clear();
        }
        let part = now.micros() / (BASE_SPAN.as_micros() as u64 / BASE_PARTS);
        while self.base.front().is_some_and(|&(number, _)| number + BASE_PARTS <= part) {
            self.base.pop_front();
        }
        match self.base.back_mut() {
            Some((number, least)) if *number == part => *least = transit.min(*least),
            _ => self.base.push_back((part, transit)),
        }
        let late = Duration::from_micros((transit - self.base().unwrap_or(transit)).max(0) as u64);
        self.learn(late);
        self.slew(now);
        let due = now + self.delay().saturating_sub(late);
        self.last_due = due.max(self.last_due).min(now + self.max).max(now);
        self.last_due
    }

    /// When an item of this timestamp would be handed out, if it were here by then; `None` before the first.
    #[must_use]
    pub fn due(&self, timestamp: u64) -> Option<Time> {
        let at = self.base()? + self.media_time(timestamp);
        u64::try_from(at).ok().map(|at| Time::from_micros(at) + self.delay())
    }

    /// How long items are held back that come as fast as any.
    #[must_use]
    pub fn delay(&self) -> Duration {
        (self.applied + self.extra).min(self.max)
    }

    /// How long jitter alone would hold them back.
    #[must_use]
    pub fn jitter_delay(&self) -> Duration {
        self.wanted
    }

    fn learn(&mut self, late: Duration) {
        if self.lateness.len() == LATENESSES {
            self.lateness.pop_front();
        }
        self.lateness.push_back(late);
        let mut sorted = [Duration::ZERO; LATENESSES];
        let sorted = &mut sorted[..self.lateness.len()];
        for (to, from) in sorted.iter_mut().zip(&self.lateness) {
            *to = *from;
        }
        let rank = ((sorted.len() - 1) as f64 * IN_TIME).round() as usize;
        self.wanted = *sorted.select_nth_unstable(rank).1;
    }

    fn slew(&mut self, now: Time) {
        let target = self.wanted.max(self.min).min(self.max);
        let passed = self.slewed.replace(now).map_or(Duration::MAX, |since| now - since);
        let step = passed / SLEW;
        self.applied = if target > self.applied {
            target.min(self.applied.saturating_add(step))
        } else {
            target.max(self.applied.saturating_sub(step))
        };
    }

    fn base(&self) -> Option<i64> {
        self.base.iter().map(|&(_, transit)| transit).min()
    }

    fn transit(&self, timestamp: u64, at: Time) -> i64 {
        at.micros() as i64 - self.media_time(timestamp)
    }

    fn media_time(&self, timestamp: u64) -> i64 {
        (i128::from(timestamp) * 1_000_000 / i128::from(self.clock_rate)) as i64
    }
}
