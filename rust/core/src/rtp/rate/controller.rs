//! One rate for everything that a transport sends.

use super::{
    DelayControl, DelayTuning, LossControl, LossTuning, PacketResult, Probe, ProbeTuning, Prober,
    ReportControl, SentLog, Usage,
};
use crate::rtp::config::Rates;
use crate::rtp::time::Time;
use crate::rtp::wire::feedback::TransportFeedback;
use std::collections::VecDeque;
use std::time::Duration;

/// The figures of a [`Controller`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControllerTuning {
    /// Control by delay.
    pub delay: DelayTuning,
    /// Control by loss.
    pub loss: LossTuning,
    /// Probing.
    pub probe: ProbeTuning,
    /// Packets leave this much faster than the rate: more than a picture after a large one has to wait for, and not
    /// so much that a key frame fills the path's queue.
    pub pacing: f64,
    /// What the path carries beyond this multiple of the highest rate is of no interest. It is of some: pictures
    /// leave faster where the path is known to carry more.
    pub ceiling: f64,
    /// For this long after the beginning losses are left to the control by delay.
    pub startup: Duration,
    /// Beyond a round trip and this, packets without any feedback mean that the path is down.
    pub silence: Duration,
}

impl Default for ControllerTuning {
    fn default() -> Self {
        Self {
            delay: DelayTuning::default(),
            loss: LossTuning::default(),
            probe: ProbeTuning::default(),
            pacing: 1.3,
            ceiling: 2.0,
            startup: Duration::from_secs(2),
            silence: Duration::from_secs(1),
        }
    }
}

/// The round trip while none has been measured.
const ROUND_TRIP: Duration = Duration::from_millis(100);
/// The round trip is the shortest that feedback showed for so long.
const MEASURED: Duration = Duration::from_millis(500);
/// A wait in the path's queue that is none.
const SHORT_QUEUE: Duration = Duration::from_millis(30);
/// A full queue has room again after this.
const FULL_QUEUE: Duration = Duration::from_millis(100);
/// A fall of the far side's estimate by more than this share is one: its queue is given time to drain, so much for a
/// fall to nothing, in which packets leave at this share of the rate.
const FALL: f64 = 0.05;
const REMOTE_DRAIN: Duration = Duration::from_millis(800);
const DRAINING: f64 = 0.5;
/// Packets that a receiver report's share of losses must be of.
const LEAST_REPORTED: u64 = 10;

/// Feedback in; a rate, a pace and probes out. See the module's text.
#[derive(Debug)]
pub struct Controller {
    tuning: ControllerTuning,
    rates: Rates,
    log: SentLog,
    delay: DelayControl,
    loss: LossControl,
    reports: ReportControl,
    prober: Prober,
    /// The far side's estimate (REMB), and until when the queue drains that lowered it.
    remote: Option<f64>,
    remote_drains: Time,
    round_trip: Duration,
    /// Round trips as feedback shows them, which includes what the far side holds it back for.
    answers: VecDeque<(Time, Duration)>,
    /// Since when there has been transport-wide feedback.
    feedback_since: Option<Time>,
    last_sent: Option<Time>,
    reported: Reported,
    /// Kept for its memory.
    results: Vec<PacketResult>,
}

/// What receiver reports said since the last observation of losses.
#[derive(Debug, Default)]
struct Reported {
    since: Option<Time>,
    sent: usize,
    lost: u64,
    received: u64,
}

impl Controller {
    /// Begins at `rates.start`.
    #[must_use]
    pub fn new(tuning: ControllerTuning, rates: Rates) -> Self {
        Self {
            tuning,
            rates,
            log: SentLog::default(),
            delay: DelayControl::new(tuning.delay, rates),
            loss: LossControl::new(tuning.loss, rates.start as f64),
            reports: ReportControl::new(rates),
            prober: Prober::new(tuning.probe),
            remote: None,
            remote_drains: Time::ZERO,
            round_trip: ROUND_TRIP,
            answers: VecDeque::new(),
            feedback_since: None,
            last_sent: None,
            reported: Reported::default(),
            results: Vec::new(),
        }
    }

    /// Changes the bounds.
    pub const fn set_rates(&mut self, rates: Rates) {
        self.rates = rates;
    }

    /// The transport-wide number of the next packet.
    #[must_use]
    pub fn next_number(&self) -> u16 {
        self.log.next_number()
    }

    /// Notes an RTP packet of `bytes` bytes that leaves now under the next transport-wide number.
    pub fn sent(&mut self, bytes: usize, probe: Option<u32>, now: Time) {
        self.sent_unnumbered(bytes, now);
        if let Some(id) = probe {
            self.prober.sent(id);
        }
        self.log.push(bytes, probe, now);
    }

    /// Notes an RTP packet that leaves without such a number.
    pub fn sent_unnumbered(&mut self, bytes: usize, now: Time) {
        self.last_sent = Some(now);
        self.reported.sent += bytes;
    }

    /// Takes transport-wide feedback.
    pub fn feedback(&mut self, feedback: TransportFeedback<'_>, now: Time) {
        let mut results = std::mem::take(&mut self.results);
        results.clear();
        self.log.acknowledge(feedback, &mut results);
        if !results.is_empty() {
            self.learn(&results, now);
        }
        self.results = results;
    }

    fn learn(&mut self, results: &[PacketResult], now: Time) {
        let since = *self.feedback_since.get_or_insert(now);
        self.measure(results, now);
        let (mut found, mut observed) = (None, false);
        for result in results {
            if let Some(arrived) = result.arrived {
                self.delay.push(result.sent, arrived, result.bytes);
            }
            if let Some(id) = result.probe {
                found = self.prober.push(id, result).or(found);
            }
            observed |= self.loss.push(result.sent, result.bytes, result.arrived.is_none());
        }
        let usage = self.delay.update(self.round_trip, now);
        if let Some(found) = found.filter(|&found| usage != Usage::Over && found > self.delay.estimate()) {
            self.delay.set(found, now);
            self.loss.set(found);
        }
        if self.delay.estimate() < self.rates.min as f64 {
            self.delay.set(self.rates.min as f64, now);
        }
        if now - since < self.tuning.startup {
            self.loss.set(self.delay.estimate());
        } else if observed {
            self.loss.conclude(self.delay.estimate(), self.delay.received());
        }
    }

    /// The packet that arrived last before the far side answered tells the round trip best.
    fn measure(&mut self, results: &[PacketResult], now: Time) {
        let newest = results.iter().filter(|result| result.arrived.is_some()).map(|result| result.sent).max();
        self.answers.extend(newest.map(|sent| (now, now - sent)));
        while self.answers.front().is_some_and(|&(at, _)| now - at > MEASURED) {
            self.answers.pop_front();
        }
        self.round_trip = self.answers.iter().map(|&(_, took)| took).min().unwrap_or(self.round_trip);
    }

    /// Takes the far side's estimate of the rate that it can receive (REMB).
    pub fn remote_estimate(&mut self, bitrate: u64, now: Time) {
        let bitrate = bitrate as f64;
        // It falls because a queue has grown, which it says nothing else about: the further, the longer.
        let fall = self.remote.map_or(0.0, |before| 1.0 - bitrate / before);
        if fall > FALL {
            self.remote_drains = now + REMOTE_DRAIN.mul_f64(fall);
        }
        self.remote = Some(bitrate);
    }

    /// Takes a block of a receiver report: packets lost and received since the last about the same stream, and the
    /// round trip that it tells.
    pub fn report(&mut self, lost: u64, received: u64, round_trip: Option<Duration>, now: Time) {
        if self.feedback_since.is_some() {
            return;
        }
        self.round_trip = round_trip.unwrap_or(self.round_trip);
        let reported = &mut self.reported;
        reported.lost += lost;
        reported.received += received;
        let since = *reported.since.get_or_insert(now);
        let packets = reported.lost + reported.received;
        if now - since < self.tuning.loss.observation || packets < LEAST_REPORTED {
            return;
        }
        let (lost, received) = (reported.lost as f64, reported.received as f64);
        let sent = reported.sent as f64 * 8.0 / (now - since).as_secs_f64();
        self.reported = Reported { since: Some(now), ..Reported::default() };
        let loss = lost / (lost + received);
        self.reports.report(loss, round_trip, sent * (1.0 - loss), now);
        self.loss.observe(lost, received, sent);
        self.loss.conclude(self.unbounded(), Some(sent * (1.0 - loss)));
    }

    /// Whether neither arrival times nor an estimate come from the far side.
    #[must_use]
    pub const fn relies_on_reports(&self) -> bool {
        self.feedback_since.is_none() && self.remote.is_none()
    }

    /// What the path is believed to carry as far as delay tells.
    fn unbounded(&self) -> f64 {
        if self.feedback_since.is_some() {
            return self.delay.estimate();
        }
        self.remote.unwrap_or(self.reports.rate())
    }

    /// What the path is believed to carry, in bit/s: what it is probed for included, and not bound to what is wanted.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        let bounds = [self.loss.limit(), self.remote];
        bounds.into_iter().flatten().fold(self.unbounded(), f64::min).max(self.rates.min as f64)
    }

    /// What may leave now, in bit/s: less than the estimate while a queue drains, next to nothing while the path is
    /// down.
    fn rate(&self, now: Time) -> f64 {
        if self.is_down(now) {
            return self.rates.min as f64;
        }
        let estimate = self.estimate();
        let rate = if self.feedback_since.is_some() {
            estimate.min(self.delay.rate())
        } else if now < self.remote_drains {
            estimate * DRAINING
        } else {
            estimate
        };
        rate.max(self.rates.min as f64)
    }

    /// Whether nothing has been heard of what was sent for so long that the path must be down.
    #[must_use]
    pub fn is_down(&self, now: Time) -> bool {
        self.feedback_since.is_some() && self.log.silence(now) > self.round_trip + self.tuning.silence
    }

    /// Whether the rate was taken back so short a time ago that the queue for which it was may still be full.
    #[must_use]
    pub fn has_just_decreased(&self, now: Time) -> bool {
        self.delay.decreased().is_some_and(|decreased| now - decreased < FULL_QUEUE)
    }

    /// What all streams together should send, in bit/s. It does not dip while a queue drains: then packets
    /// [leave more slowly](Self::pace), and there is no room for some pictures.
    #[must_use]
    pub fn target(&self) -> u64 {
        (self.estimate() as u64).clamp(self.rates.min, self.rates.max)
    }

    /// How fast packets should leave, in bit/s.
    #[must_use]
    pub fn pace(&self, now: Time) -> u64 {
        (self.rate(now) * self.tuning.pacing) as u64
    }

    /// Whether the path carries all that will ever be sent, and nothing stands in its queue.
    #[must_use]
    pub fn has_plenty(&self, now: Time) -> bool {
        self.estimate() >= self.rates.max as f64 && !self.drains(now) && !self.has_just_decreased(now)
    }

    /// The next probe, if one is due: to be asked after each feedback.
    pub fn next_probe(&mut self, now: Time) -> Option<Probe> {
        // Somebody must send, and somebody answer, and the last attempt not have led into losses.
        let busy = self.last_sent.is_some_and(|sent| now - sent < self.tuning.silence);
        let answered = self.feedback_since.is_some();
        if !busy || !answered || self.loss.falls() || self.delay.usage() == Usage::Over {
            return None;
        }
        let bounds = self.remote.unwrap_or(f64::INFINITY);
        let ceiling = (self.rates.max as f64 * self.tuning.ceiling).min(bounds);
        self.prober.next(self.estimate(), ceiling, self.delay.decreased(), now)
    }

    /// The last round trip that is known.
    #[must_use]
    pub const fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// The share of packets that the path is believed to lose whatever is sent.
    #[must_use]
    pub const fn inherent_loss(&self) -> f64 {
        self.loss.inherent()
    }

    /// Whether something stands in the path's queue that is still to drain.
    #[must_use]
    pub fn drains(&self, now: Time) -> bool {
        if self.feedback_since.is_some() {
            self.delay.queue() > SHORT_QUEUE
        } else {
            now < self.remote_drains
        }
    }
}
