//! Which numbers a picture is compared with, and what is read in it.

use super::{Arrived, Look, Probes, is_older};
use crate::marker::code::Reading;
use crate::marker::evidence::Evidence;
use crate::marker::soft::{SoftReading, decide};

/// Probability that a frame repeats the one before.
const REPEAT: f32 = 0.01;
/// How much less likely than the next number an earlier one is, and a later one for each number it skips
/// that no unread frame accounts for.
pub(super) const EARLIER: f32 = 0.02;
pub(super) const PASSED: f32 = 0.07;
pub(super) const MIN_PASSED: f32 = 0.005;

/// Up to this many numbers in flight are all weighed in each picture: few of them, or as long as nothing is known.
const ALL: usize = 128;
const ALL_AT_FIRST: usize = 1024;
/// Beyond, so many near the believed latency are, so many after the newest that was read, and so many in turn.
const NEAR: usize = 40;
const NEXT: usize = 4;
const TURN: usize = 16;

/// Numbers in flight that were stamped so many seconds apart, or more, are not taken for each other.
const STANDING: f64 = 0.18;
/// Pictures are all marked if numbers are less than so many picture intervals apart.
const DENSE: f64 = 1.5;
/// Weight of a gap between pictures in their mean interval, and seconds from which on it is none of their pace.
const PACE: f64 = 0.1;
const LONGEST_GAP: f64 = 0.5;
/// Share of the likelihood of the number due that another one needs, before the picture is looked at.
const DUE: f32 = 0.25;
/// A number that a frame may carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) seq: u16,
    latency: f64,
    /// How likely it is by order alone, 1 for the next one.
    pub(super) order: f32,
    /// It is one of those weighed in turn.
    is_sample: bool,
}

impl Probes {
    /// Reads the corner of a frame that arrived at `now`. Call once for each frame, in order of arrival:
    /// each frame tells what to expect of the next.
    pub fn read(&mut self, evidence: &Evidence, now: f64) -> SoftReading {
        self.pace(now);
        let candidates = self.candidates(evidence, now);
        let oldest = self.window.front().map_or(0.0, |stamp| now - stamp.at);
        let oldest = candidates.iter().map(|candidate| candidate.latency).fold(oldest, f64::max);
        self.belief.advance(oldest);
        let last = self.arrived.back().map(|arrived| arrived.seq);
        let mut repeat = 0.0;
        let mut sampled = Vec::new();
        let mut priors = Vec::with_capacity(candidates.len());
        let mut weights = Vec::with_capacity(candidates.len() + 1);
        for &Candidate { seq, latency, order, is_sample } in &candidates {
            let ratio = evidence.of(seq).exp();
            let prior = self.belief.expects(latency) * order;
            priors.push(prior);
            weights.push((seq, prior * ratio));
            self.belief.weigh(latency, ratio);
            if is_sample {
                sampled.push(ratio);
            }
            if Some(seq) == last {
                repeat = REPEAT * ratio;
                weights.push((seq, self.belief.marked() * repeat));
            }
        }
        let none = self.belief.settle(repeat, median(sampled));
        let found = decide(evidence, &weights, none);
        let is_due = match found.reading {
            Reading::Number(seq) => self.is_due(seq, &candidates, &priors),
            // Each of these may have carried a number that the next reading skips.
            _ => {
                self.unread += 1;
                false
            }
        };
        let likeliest = weights.iter().filter(|(seq, _)| self.offset(*seq).is_some());
        let likeliest = likeliest.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(seq, _)| *seq);
        self.look = Some(Look { likeliest, is_due });
        found
    }

    /// Whether `seq` is what was expected of the picture, before it was looked at: by the belief in latency, and by
    /// its place among the pictures.
    fn is_due(&self, seq: u16, candidates: &[Candidate], priors: &[f32]) -> bool {
        let Some(read) = candidates.iter().position(|candidate| candidate.seq == seq) else {
            return true;
        };
        let apart = |candidate: &Candidate| (candidate.latency - candidates[read].latency).abs();
        let (mut best, mut nearest) = (None, f64::INFINITY);
        for (candidate, prior) in candidates.iter().zip(priors) {
            let is_rival = candidate.seq != seq && apart(candidate) < STANDING;
            if is_rival && self.offset(candidate.seq).is_some() {
                best = Some(best.map_or(*prior, |best: f32| best.max(*prior)));
                nearest = nearest.min(apart(candidate));
            }
        }
        let Some(best) = best else {
            return true;
        };
        // Where each picture is marked, the unread ones carried numbers too, and one of those is what may be left.
        let is_left_over = nearest < DENSE * self.interval
            && self.newest_read.is_some_and(|newest| usize::from(seq.wrapping_sub(newest)) <= self.unread);
        self.is_settled && priors[read] >= DUE * best && !is_left_over
    }

    /// Notes when a picture came.
    fn pace(&mut self, now: f64) {
        let gap = self.pictured.map_or(0.0, |before| now - before);
        self.pictured = Some(now);
        if gap > 0.0 && gap < LONGEST_GAP {
            self.interval += PACE * (gap - self.interval);
        }
    }

    /// What a frame that came at `now` may carry: the latest arrivals and numbers in flight.
    pub(super) fn candidates(&mut self, evidence: &Evidence, now: f64) -> Vec<Candidate> {
        let newest = self.arrived.back().and(self.newest_read);
        let mut candidates: Vec<Candidate> = self
            .arrived
            .iter()
            .map(|&Arrived { seq, at }| {
                let order = if newest.is_some_and(|newest| is_older(seq, newest)) { EARLIER } else { 1.0 };
                Candidate { seq, latency: now - at, order, is_sample: false }
            })
            .collect();
        let mut later = 0;
        for (at, is_sample) in self.chosen(evidence, newest, now) {
            let seq = self.seq(at);
            let order = match newest {
                None => 1.0,
                Some(newest) if is_older(seq, newest) => EARLIER,
                Some(newest) => {
                    later =
                        if self.pending <= ALL { later + 1 } else { usize::from(seq.wrapping_sub(newest)) };
                    let passed = i32::try_from(later - 1 - self.unread.min(later - 1)).unwrap_or(i32::MAX);
                    PASSED.powi(passed).max(MIN_PASSED)
                }
            };
            candidates.push(Candidate { seq, latency: now - self.window[at].at, order, is_sample });
        }
        candidates
    }

    fn weighs_all(&self) -> bool {
        self.pending <= if self.is_settled { ALL } else { ALL_AT_FIRST }
    }

    /// Places in the window of the numbers to weigh, oldest first, and whether each is one of those in turn.
    fn chosen(&mut self, evidence: &Evidence, newest: Option<u16>, now: f64) -> Vec<(usize, bool)> {
        let count = self.window.len();
        let mut chosen: Vec<(usize, bool)> = if self.weighs_all() {
            (0..count).map(|at| (at, false)).collect()
        } else {
            let due = now - self.belief.likeliest();
            let middle = self.window.partition_point(|stamp| stamp.at < due);
            let next = newest
                .map_or(count, |newest| usize::from(newest.wrapping_sub(self.first())) + 1 + self.unread);
            let near = middle.saturating_sub(NEAR / 2)..(middle + NEAR / 2).min(count);
            let after = next.min(count)..(next + NEXT).min(count);
            self.turn = if self.turn + TURN >= count { 0 } else { self.turn + TURN };
            let legible = evidence.legible().filter_map(|seq| self.offset(seq));
            let end = count - self.turn;
            let turn = (end.saturating_sub(TURN)..end).map(|at| (at, true));
            near.chain(after).chain(legible).map(|at| (at, false)).chain(turn).collect()
        };
        chosen.sort_unstable();
        chosen.dedup_by_key(|(at, _)| *at);
        chosen.retain(|(at, _)| !self.window[*at].is_settled);
        chosen
    }
}

/// The middle one of the values. Their mean would be that of a few that resemble a marker by chance.
fn median(mut values: Vec<f32>) -> Option<f32> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}
