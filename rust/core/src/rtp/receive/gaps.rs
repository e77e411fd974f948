//! What is missing of a stream, and when to ask for it.
//!
//! A packet is missing from when a later one comes. It is asked for at once, or as soon as it cannot merely have been
//! overtaken; again when an answer should have come; and not for ever: the owner gives it up by its age.

use super::Tuning;
use super::answers::Answers;
use crate::rtp::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// More than this missing at once is not repaired: the stream begins anew with a key frame.
pub const MAX_MISSING: usize = 1000;
/// Requests due within this much of each other go together.
const TOGETHER: Duration = Duration::from_millis(5);
/// Overtaking is waited for no longer than this before the first request.
const MAX_REORDERING: Duration = Duration::from_millis(30);

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Time,
    requests: u8,
    /// When it was asked for first, and last.
    asked: Option<(Time, Time)>,
    /// When to ask; `None` when that was done often enough.
    next: Option<Time>,
}

/// The missing packets of one stream, by unwrapped sequence number.
#[derive(Debug)]
pub struct Gaps {
    tuning: Tuning,
    /// Whether requests were agreed; without, a gap is only waited for.
    ask: bool,
    missing: BTreeMap<u64, Missing>,
    /// No entry is due before this.
    next: Option<Time>,
    reordering: Duration,
    answers: Answers,
}

impl Gaps {
    /// Nothing missing. `ask` is whether NACK was agreed.
    #[must_use]
    pub fn new(tuning: Tuning, ask: bool) -> Self {
        Self {
            tuning,
            ask,
            missing: BTreeMap::new(),
            next: None,
            reordering: Duration::ZERO,
            answers: Answers::default(),
        }
    }

    /// Notes that the packets from `from` up to but without `to` are missing. `false` if they are too many: then all
    /// that was missing is forgotten.
    pub fn open(&mut self, from: u64, to: u64, now: Time) -> bool {
        if self.missing.len() as u64 + to.saturating_sub(from) > MAX_MISSING as u64 {
            self.missing.clear();
            return false;
        }
        // A little longer than packets have lately been overtaken for, if they were.
        let next = now + self.reordering * 5 / 4;
        for sequence in from..to {
            self.missing.insert(sequence, Missing { since: now, requests: 0, asked: None, next: Some(next) });
        }
        self.next = Some(self.next.map_or(next, |at| at.min(next)));
        true
    }

    /// Notes that a packet came: whether it was missing. `repaired` says that it came as a retransmission.
    pub fn close(&mut self, sequence: u64, repaired: bool, now: Time) -> bool {
        let Some(missing) = self.missing.remove(&sequence) else {
            if repaired {
                self.answers.late(sequence, now);
            }
            return false;
        };
        match missing.asked {
            // No answer could be here already: it was on its way all the time.
            asked if !repaired && asked.is_none_or(|(_, last)| now - last < self.round_trip() / 2) => {
                self.overtaken(now - missing.since);
            }
            Some((first, last)) => {
                let asked = if self.answers.may_take(now - last) { last } else { first };
                self.answered(now - asked, now);
            }
            None => {}
        }
        true
    }

    /// Forgets everything before `sequence`.
    pub fn forget_before(&mut self, sequence: u64) {
        if self.missing.first_key_value().is_some_and(|(&first, _)| first < sequence) {
            let rest = self.missing.split_off(&sequence);
            for (sequence, missing) in std::mem::replace(&mut self.missing, rest) {
                self.given_up(sequence, missing);
            }
        }
    }

    /// Forgets what has been missing for longer than it is waited for: how much that was.
    pub fn forget_old(&mut self, now: Time) -> usize {
        let mut forgotten = 0;
        while self.expiry().is_some_and(|at| at <= now)
            && let Some((sequence, missing)) = self.missing.pop_first()
        {
            self.given_up(sequence, missing);
            forgotten += 1;
        }
        forgotten
    }

    fn given_up(&mut self, sequence: u64, missing: Missing) {
        if let Some((first, _)) = missing.asked {
            self.answers.give_up(sequence, first);
        }
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether a packet is missing.
    #[must_use]
    pub fn contains(&self, sequence: u64) -> bool {
        self.missing.contains_key(&sequence)
    }

    /// When the first missing packet from `sequence` on is so old that a key frame is better than to wait for it.
    #[must_use]
    pub fn overdue(&self, sequence: u64) -> Option<Time> {
        self.missing.range(sequence..).next().map(|(_, missing)| missing.since + self.age())
    }

    /// When the first missing packet is given up.
    #[must_use]
    pub fn expiry(&self) -> Option<Time> {
        self.missing.first_key_value().map(|(_, missing)| missing.since + self.patience())
    }

    /// How long a missing packet may be waited for.
    #[must_use]
    pub fn patience(&self) -> Duration {
        if self.ask { self.age() * self.tuning.lost_gap_age } else { self.age() }
    }

    fn age(&self) -> Duration {
        // What nobody sends again can only have been overtaken.
        if self.ask { self.tuning.gap_age(self.round_trip()) } else { MAX_REORDERING }
    }

    /// How long packets have lately been overtaken for: what comes later than that is lost.
    #[must_use]
    pub fn reordering(&self) -> Duration {
        self.reordering
    }

    /// Puts into `due`, in order, what is to be asked for at `now`. Nothing before `useful` is.
    pub fn requests(&mut self, useful: u64, now: Time, due: &mut Vec<u64>) {
        due.clear();
        if !self.ask || self.next.is_none_or(|next| next > now) {
            return;
        }
        let Tuning { backoff, max_requests, eager_requests, .. } = self.tuning;
        let (timeout, long_timeout) = (self.answers.timeout(), self.answers.long_timeout());
        self.next = None;
        for (&sequence, missing) in self.missing.range_mut(useful..) {
            if missing.next.is_some_and(|next| next <= now + TOGETHER) {
                due.push(sequence);
                missing.requests += 1;
                missing.asked = Some((missing.asked.map_or(now, |(first, _)| first), now));
                let patient = i32::from(missing.requests.saturating_sub(eager_requests));
                let timeout = if missing.requests == 1 { timeout } else { long_timeout };
                let wait = timeout.mul_f64(backoff.powi(patient).min(8.0));
                missing.next = (missing.requests < max_requests).then(|| now + wait);
            }
            self.next = match (self.next, missing.next) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }

    /// When [`requests`](Self::requests) may have something.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        if self.ask && !self.missing.is_empty() { self.next } else { None }
    }

    /// Tells the round trip that reports measured.
    pub fn set_path_round_trip(&mut self, round_trip: Duration) {
        self.answers.set_path(round_trip);
    }

    /// The round trip of repair.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.answers.round_trip()
    }

    fn answered(&mut self, took: Duration, now: Time) {
        self.reordering = self.reordering.mul_f64(0.9);
        self.answers.push(took, now);
    }

    /// Follows at once, and forgets slowly: one late packet in a hundred must not cost a request each.
    fn overtaken(&mut self, by: Duration) {
        self.reordering = by.min(MAX_REORDERING).max(self.reordering.mul_f64(0.98));
    }
}
