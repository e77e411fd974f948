//! Which losses come of sending too much, and which would come anyway.
//!
//! The path is taken to lose a share `p` of all packets whatever is sent, and everything beyond its bandwidth `b`.
//! Packets sent at several rates, and how many of each were lost, make some pairs of `b` and `p` more likely than
//! others. Each new observation tries a few bandwidths near the present one, each with the `p` that fits it best,
//! and keeps the likeliest. A path that loses 5 % at every rate is left alone; one whose losses grow with the rate,
//! such as a policer without a queue, is not. (The model is that of libwebrtc's second loss-based estimator.)

use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// The figures of a [`LossControl`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossTuning {
    /// An observation takes at least this long.
    pub observation: Duration,
    /// Observations remembered.
    pub window: usize,
    /// Observations needed before anything is concluded.
    pub least: usize,
    /// How much less an observation counts than the one after it.
    pub weight: f64,
    /// What a packet's worth of likelihood a higher bandwidth is preferred by, for each e-fold of it.
    pub preference: f64,
    /// Losses above this share are congestion until shown otherwise: the preference turns round.
    pub tolerable: f64,
    /// A path is believed to lose `inherent.0 + inherent.1 / bandwidth` by itself at most.
    pub inherent: (f64, f64),
    /// The bandwidth grows by no more than this factor for each observation.
    pub growth: f64,
}

impl Default for LossTuning {
    fn default() -> Self {
        Self {
            observation: Duration::from_millis(250),
            window: 20,
            least: 3,
            weight: 0.9,
            preference: 0.02,
            tolerable: 0.15,
            inherent: (0.05, 75_000.0),
            growth: 1.3,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Observation {
    lost: f64,
    received: f64,
    /// Bit/s sent.
    rate: f64,
}

/// Packets of the observation that is being made.
#[derive(Debug)]
struct Open {
    began: Time,
    last: Time,
    bytes: usize,
    lost: usize,
    received: usize,
}

/// A bound for the rate from losses. See the module's text.
#[derive(Debug)]
pub struct LossControl {
    tuning: LossTuning,
    observations: VecDeque<Observation>,
    open: Option<Open>,
    bandwidth: f64,
    inherent: f64,
    limits: bool,
    falls: bool,
}

/// Steps towards the share of inherent loss that fits a bandwidth best.
const STEPS: usize = 8;
/// Probabilities are kept this far from impossible and certain.
const UNSURE: f64 = 1e-6;
/// Multiples of the present bandwidth that are tried.
const STEPS_ASIDE: [f64; 3] = [0.95, 1.0, 1.04];

impl LossControl {
    /// Begins without a bound.
    #[must_use]
    pub fn new(tuning: LossTuning, bandwidth: f64) -> Self {
        Self {
            tuning,
            observations: VecDeque::with_capacity(tuning.window),
            open: None,
            bandwidth,
            inherent: 0.01,
            limits: false,
            falls: false,
        }
    }

    /// The bound in bit/s; `None` while losses do not limit the rate.
    #[must_use]
    pub fn limit(&self) -> Option<f64> {
        self.limits.then_some(self.bandwidth)
    }

    /// Whether the bound was last moved down.
    #[must_use]
    pub const fn falls(&self) -> bool {
        self.falls
    }

    /// The share of packets that the path is believed to lose whatever is sent.
    #[must_use]
    pub const fn inherent(&self) -> f64 {
        self.inherent
    }

    /// Takes the bandwidth from elsewhere: a probe went through, or losses do not matter yet.
    pub fn set(&mut self, bandwidth: f64) {
        self.bandwidth = bandwidth;
        (self.limits, self.falls) = (false, false);
    }

    /// Takes what became of a packet, in the order of sending. Returns whether an observation is complete, which
    /// [`conclude`](Self::conclude) is to be called for.
    pub fn push(&mut self, sent: Time, bytes: usize, lost: bool) -> bool {
        let open = self.open.get_or_insert(Open { began: sent, last: sent, bytes: 0, lost: 0, received: 0 });
        open.last = open.last.max(sent);
        open.bytes += bytes;
        *if lost { &mut open.lost } else { &mut open.received } += 1;
        let lasted = open.last - open.began;
        if lasted < self.tuning.observation {
            return false;
        }
        let rate = open.bytes as f64 * 8.0 / lasted.as_secs_f64();
        let (lost, received) = (open.lost as f64, open.received as f64);
        self.open = None;
        self.observe(lost, received, rate);
        true
    }

    /// Takes an observation that was made elsewhere: packets lost and received of what was sent at `rate` bit/s.
    pub fn observe(&mut self, lost: f64, received: f64, rate: f64) {
        if self.observations.len() == self.tuning.window {
            self.observations.pop_front();
        }
        self.observations.push_back(Observation { lost, received, rate });
    }

    /// Moves the bound: `unbounded` is what the rate would be without it, `received` the rate that arrives.
    pub fn conclude(&mut self, unbounded: f64, received: Option<f64>) {
        if !self.limits {
            self.bandwidth = unbounded;
        }
        if self.observations.len() < self.tuning.least {
            return;
        }
        let loss = self.loss();
        let most = unbounded.min(self.bandwidth * self.tuning.growth).min(self.most_at(loss));
        let tried = STEPS_ASIDE.map(|factor| factor * self.bandwidth);
        let (bandwidth, inherent) = tried
            .into_iter()
            .chain(received)
            .chain([unbounded])
            .map(|bandwidth| bandwidth.min(most))
            .map(|bandwidth| (bandwidth, self.fit(bandwidth)))
            .max_by(|&(a, p), &(b, q)| self.likelihood(a, p, loss).total_cmp(&self.likelihood(b, q, loss)))
            .unwrap_or((self.bandwidth, self.inherent));
        self.inherent = inherent;
        // More loss than the path has by itself is no time to grow.
        let grows = bandwidth > self.bandwidth && self.limits;
        self.falls = bandwidth < self.bandwidth;
        if !grows || loss <= inherent + UNSURE {
            self.bandwidth = bandwidth;
        }
        self.limits = self.bandwidth < unbounded;
    }

    fn weighted(&self) -> impl Iterator<Item = (f64, &Observation)> {
        let weight = self.tuning.weight;
        self.observations.iter().rev().scan(1.0, move |next, observation| {
            let this = *next;
            *next *= weight;
            Some((this, observation))
        })
    }

    /// The share of packets lost of late.
    fn loss(&self) -> f64 {
        let (lost, all) = self.weighted().fold((0.0, 0.0), |(lost, all), (weight, seen)| {
            (lost + weight * seen.lost, all + weight * (seen.lost + seen.received))
        });
        if all > 0.0 { lost / all } else { 0.0 }
    }

    /// No path is believed to carry more than this while it loses so much.
    fn most_at(&self, loss: f64) -> f64 {
        let (offset, balance) = self.tuning.inherent;
        if loss > offset { balance / (loss - offset) } else { f64::INFINITY }
    }

    /// The inherent loss that makes the observations likeliest at a bandwidth: the share of lost packets that
    /// each guess puts down to it is the next guess.
    fn fit(&self, bandwidth: f64) -> f64 {
        let (offset, balance) = self.tuning.inherent;
        let mut inherent = self.inherent.max(0.001);
        for _ in 0..STEPS {
            let (lost, all) = self.weighted().fold((0.0, 0.0), |(lost, all), (weight, seen)| {
                let share = inherent / probability(seen.rate, bandwidth, inherent);
                (lost + weight * seen.lost * share, all + weight * (seen.lost + seen.received))
            });
            inherent = (lost / f64::max(all, 1.0)).clamp(UNSURE, offset + balance / bandwidth);
        }
        inherent
    }

    fn likelihood(&self, bandwidth: f64, inherent: f64, loss: f64) -> f64 {
        let preference = if loss < self.tuning.tolerable { 1.0 } else { -1.0 } * self.tuning.preference;
        self.weighted()
            .map(|(weight, seen)| {
                let lost = probability(seen.rate, bandwidth, inherent);
                let packets = seen.lost + seen.received;
                weight
                    * (seen.lost * lost.ln()
                        + seen.received * (1.0 - lost).ln()
                        + packets * preference * bandwidth.ln())
            })
            .sum()
    }
}

/// How likely a packet is lost that was sent at `rate`.
fn probability(rate: f64, bandwidth: f64, inherent: f64) -> f64 {
    let excess = if rate > bandwidth { (rate - bandwidth) / rate } else { 0.0 };
    (inherent + (1.0 - inherent) * excess).clamp(UNSURE, 1.0 - UNSURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::random::Random;

    /// Sends at the bound, or at `wanted` without one, over a path that loses `inherent` and everything beyond
    /// `bandwidth`, without ever delaying anything. Returns the rate at the end of each of `seconds`.
    fn run(inherent: f64, bandwidth: f64, wanted: f64, seconds: usize) -> Vec<f64> {
        let mut random = Random::new(3);
        let mut control = LossControl::new(LossTuning::default(), wanted);
        let (mut micros, mut rates) = (0.0, Vec::new());
        while rates.len() < seconds {
            let rate = control.limit().unwrap_or(wanted);
            micros += 9_600.0 / rate * 1e6;
            let excess = ((rate - bandwidth) / rate).max(0.0);
            let lost = random.chance(inherent + (1.0 - inherent) * excess);
            let received = rate * (1.0 - excess) * (1.0 - inherent);
            if control.push(Time::from_micros(micros as u64), 1_200, lost) {
                control.conclude(wanted, Some(received));
            }
            if micros >= 1e6 * (rates.len() + 1) as f64 {
                rates.push(rate);
            }
        }
        rates
    }

    #[test]
    fn random_loss_does_not_bound_the_rate() {
        for loss in [0.0, 0.02, 0.05, 0.08] {
            let rates = run(loss, f64::INFINITY, 2e6, 60);
            let mean = rates[5..].iter().sum::<f64>() / 55.0;
            assert!(mean > 0.9 * 2e6, "{loss}: {mean}");
        }
    }

    #[test]
    fn a_path_that_drops_what_it_does_not_carry_is_found_out() {
        for bandwidth in [300e3, 500e3, 1e6] {
            let rates = run(0.0, bandwidth, 2e6, 60);
            let mean = rates[5..].iter().sum::<f64>() / 55.0;
            assert!((0.7..1.1).contains(&(mean / bandwidth)), "{bandwidth}: {mean} {rates:?}");
        }
    }

    #[test]
    fn both_kinds_of_loss_are_told_apart() {
        let rates = run(0.05, 1e6, 3e6, 60);
        let mean = rates[5..].iter().sum::<f64>() / 55.0;
        assert!((0.6e6..1.15e6).contains(&mean), "{mean}");
    }

    #[test]
    fn the_bound_goes_when_losses_end() {
        let mut control = LossControl::new(LossTuning::default(), 2e6);
        (0..8).for_each(|_| {
            control.observe(80.0, 20.0, 2e6);
            control.conclude(2e6, Some(400e3));
        });
        assert!(control.limit().is_some_and(|limit| limit < 500e3), "{:?}", control.limit());
        let recovery = (0..100)
            .position(|_| {
                let rate = control.limit().unwrap_or(2e6);
                control.observe(0.0, rate / 40e3, rate);
                control.conclude(2e6, Some(rate));
                control.limit().is_none()
            })
            .expect("recovers");
        assert!(recovery < 40, "after {recovery} observations");
    }
}
