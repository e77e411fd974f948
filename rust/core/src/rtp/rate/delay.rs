//! The rate that keeps the path's queue short, from times of sending and arrival.

use super::{Aimd, AimdTuning, Groups, QueueDelay, ReceivedRate, Trendline, TrendlineTuning, Usage};
use crate::rtp::config::Rates;
use crate::rtp::time::Time;
use std::time::Duration;

/// The figures of a [`DelayControl`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DelayTuning {
    /// How a growing queue is told from jitter.
    pub trendline: TrendlineTuning,
    /// How the rate answers.
    pub aimd: AimdTuning,
    /// What is kept of the rate that arrived when a queue grew.
    pub keep: f64,
    /// The same while the queue is not made by this sender.
    pub keep_among_others: f64,
    /// A wait that has grown by this within ten packets is overuse whatever the line says: the line needs some
    /// 20 groups to turn, in which a path that falls to a fifth loses hundreds of packets.
    pub surge: Duration,
    /// But only if so much more is sent than the path carries: slower growth may be others'.
    pub excess: f64,
    /// What waits in the queue after overuse is to be gone after about this: the rate goes down in proportion.
    pub drain: Duration,
    /// The queue is as good as empty below this.
    pub drained: Duration,
    /// A queue that is still there after this is not made by this sender, and not waited for.
    pub patience: Duration,
    /// Draining never takes the rate below this share.
    pub least: f64,
}

impl Default for DelayTuning {
    fn default() -> Self {
        Self {
            trendline: TrendlineTuning::default(),
            aimd: AimdTuning::default(),
            keep: 0.85,
            keep_among_others: 0.95,
            surge: Duration::from_millis(60),
            excess: 0.5,
            drain: Duration::from_millis(300),
            drained: Duration::from_millis(15),
            patience: Duration::from_millis(1_000),
            least: 0.3,
        }
    }
}

/// Spans over which the rate of arrival is taken: the usual one, and the one while packets wait in a queue and come at
/// the pace of the path, where before they came at another. Jitter would make the short one lie.
const ARRIVED: Duration = Duration::from_millis(500);
const ARRIVED_LATELY: Duration = Duration::from_millis(120);

/// Congestion control by delay: packets in, a rate out. Works at either end, wherever both times are known.
#[derive(Debug)]
pub struct DelayControl {
    tuning: DelayTuning,
    groups: Groups,
    trendline: Trendline,
    queue: QueueDelay,
    received: ReceivedRate,
    aimd: Aimd,
    usage: Usage,
    /// When draining began.
    draining: Option<Time>,
    /// The queue did not drain when it was waited for: not waited for again until it has.
    foreign: bool,
}

impl DelayControl {
    /// Begins at `rates.start`.
    #[must_use]
    pub fn new(tuning: DelayTuning, rates: Rates) -> Self {
        Self {
            tuning,
            groups: Groups::default(),
            trendline: Trendline::new(tuning.trendline),
            queue: QueueDelay::default(),
            received: ReceivedRate::default(),
            aimd: Aimd::new(tuning.aimd, rates),
            usage: Usage::Normal,
            draining: None,
            foreign: false,
        }
    }

    /// Takes a packet, in order of arrival.
    pub fn push(&mut self, sent: Time, arrived: Time, bytes: usize) {
        self.received.push(arrived, bytes);
        self.queue.push(sent, arrived);
        if let Some(variation) = self.groups.push(sent, arrived) {
            self.trendline.push(variation);
        }
    }

    /// Draws the conclusion from the packets pushed since; to be called some ten to twenty times a second.
    pub fn update(&mut self, round_trip: Duration, now: Time) -> Usage {
        self.usage = self.judge();
        self.drain(now);
        // Growing while the queue drains would be growing into it.
        let drains = self.draining.is_some() && self.usage == Usage::Normal;
        let usage = if drains { Usage::Under } else { self.usage };
        let full = self.queue.now() > self.tuning.surge;
        let arrived = self.received.over(if full { ARRIVED_LATELY } else { ARRIVED });
        let (keep, arrived) = if self.foreign && !self.surges() {
            // Giving way to a queue that others make, as far as to one's own, would leave them everything.
            (self.tuning.keep_among_others, arrived.map(|arrived| arrived.max(self.aimd.rate())))
        } else {
            (self.tuning.keep, arrived)
        };
        if self.aimd.update(usage, keep, arrived, round_trip, now) && !self.foreign {
            self.draining.get_or_insert(now);
        }
        self.usage
    }

    fn surges(&self) -> bool {
        let (growth, span) = self.queue.growth();
        growth > self.tuning.surge && growth.as_secs_f64() > self.tuning.excess * span.as_secs_f64()
    }

    /// The line's verdict, but for what it is late to see: it goes through points of up to a second ago.
    fn judge(&self) -> Usage {
        if self.surges() {
            return Usage::Over;
        }
        let gone = self.queue.now() < self.tuning.drained;
        let shrinks = self.draining.is_some() && self.queue.growth().0.is_zero();
        match self.trendline.usage() {
            Usage::Over if gone || shrinks => Usage::Normal,
            usage => usage,
        }
    }

    fn drain(&mut self, now: Time) {
        let empty = self.queue.now() < self.tuning.drained;
        if empty {
            self.draining = None;
            self.foreign = false;
        } else if self.draining.is_some_and(|since| now - since > self.tuning.patience) {
            self.draining = None;
            self.foreign = true;
        }
    }

    /// What the path is believed to carry, in bit/s.
    #[must_use]
    pub const fn estimate(&self) -> f64 {
        self.aimd.rate()
    }

    /// What to send at, in bit/s: the estimate, and less of it while the queue drains.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.draining.is_none() {
            return self.aimd.rate();
        }
        let share = 1.0 - self.queue.now().as_secs_f64() / self.tuning.drain.as_secs_f64();
        self.aimd.rate() * share.max(self.tuning.least)
    }

    /// The wait in the path's queue.
    #[must_use]
    pub fn queue(&self) -> Duration {
        self.queue.now()
    }

    /// What the delay said last.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// The rate that arrives, once known.
    #[must_use]
    pub fn received(&self) -> Option<f64> {
        self.received.over(ARRIVED)
    }

    /// When the rate was last taken back.
    #[must_use]
    pub const fn decreased(&self) -> Option<Time> {
        self.aimd.decreased()
    }

    /// Sets the estimate to what is known from elsewhere, such as a probe or a bound.
    pub fn set(&mut self, rate: f64, now: Time) {
        self.aimd.set(rate, now);
    }
}
