//! Short bursts that ask whether the path carries more than is sent over it.
//!
//! What a sender does not send it cannot know to fit: a rate that only grows by small steps takes half a minute to
//! find again what a path carries after a bottleneck is gone, and one that its encoder does not use never grows at
//! all. A burst of some 20 ms at twice the rate finds it in a round trip, and costs a queue as long as itself where
//! the answer is no. One probe is under way at a time; each that gets through is followed by one at twice its rate,
//! and one that the path spreads out by a smaller one. How far it was spread is no measure of what is free: on a path
//! that is shared a burst takes from the others, so only what got through as it was sent is believed.

use super::PacketResult;
use crate::rtp::time::Time;
use std::time::Duration;

/// The figures of a [`Prober`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeTuning {
    /// How much faster than the rate a probe is sent.
    pub scale: f64,
    /// The same for the one after a probe that was spread out.
    pub second_scale: f64,
    /// A probe lasts at least this long.
    pub span: Duration,
    /// A probe has at least so many packets.
    pub packets: usize,
    /// From one attempt to the next.
    pub interval: Duration,
    /// For this long after the rate was taken back there is nothing to ask.
    pub calm: Duration,
    /// A result from this share of the probe's rate on is followed by the next probe.
    pub further: f64,
}

impl Default for ProbeTuning {
    fn default() -> Self {
        Self {
            scale: 2.0,
            second_scale: 1.4,
            span: Duration::from_millis(20),
            packets: 5,
            interval: Duration::from_secs(5),
            calm: Duration::from_secs(2),
            further: 0.7,
        }
    }
}

/// A burst to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Marks its packets.
    pub id: u32,
    /// The rate to send it at, in bit/s.
    pub bitrate: u64,
    /// At least so many packets.
    pub packets: usize,
    /// At least so many bytes.
    pub bytes: usize,
}

/// Nearer than this to the rate that is of interest at most, there is nothing to find out.
const WORTH: f64 = 0.9;
/// For how long results are waited for.
const WAIT: Duration = Duration::from_secs(1);
/// Parts of a probe that must have arrived for it to count.
const ARRIVED: f64 = 0.8;
/// Arriving at this share of the rate of sending, or faster, the path did not spread it.
const UNSPREAD: f64 = 0.9;
/// Arriving this much faster than sent, it says nothing.
const SQUEEZED: f64 = 2.0;

/// Decides when to probe, and reads the results.
#[derive(Debug)]
pub struct Prober {
    tuning: ProbeTuning,
    next_id: u32,
    under_way: Option<Attempt>,
    /// When the last attempt was decided on.
    last: Option<Time>,
    /// The rate that it leads to asking for.
    follow_up: Option<f64>,
}

/// The probe under way, and what is known of it.
#[derive(Debug)]
struct Attempt {
    probe: Probe,
    /// The rate without it.
    base: f64,
    began: Time,
    sent: usize,
    /// Of those that arrived.
    arrived: usize,
    lost: usize,
    bytes: usize,
    first_sent: Time,
    last_sent: (Time, usize),
    first_arrived: (Time, usize),
    last_arrived: Time,
}

impl Prober {
    /// Begins by probing as soon as it is asked.
    #[must_use]
    pub fn new(tuning: ProbeTuning) -> Self {
        Self { tuning, next_id: 0, under_way: None, last: None, follow_up: None }
    }

    /// Whether a probe is being sent or waited for.
    #[must_use]
    pub const fn is_probing(&self) -> bool {
        self.under_way.is_some()
    }

    /// The next probe, if one is due: `rate` is what is sent at, `ceiling` what is of interest at most, and
    /// `decreased` when the rate was last taken back.
    pub fn next(&mut self, rate: f64, ceiling: f64, decreased: Option<Time>, now: Time) -> Option<Probe> {
        if self.under_way.as_ref().is_some_and(|attempt| now - attempt.began > WAIT) {
            self.under_way = None;
        }
        let calm = decreased.is_none_or(|decreased| now - decreased >= self.tuning.calm);
        if self.under_way.is_some() || !calm || rate >= WORTH * ceiling {
            return None;
        }
        let waited = self.last.is_none_or(|last| now - last >= self.tuning.interval);
        let bitrate =
            self.follow_up.take().or_else(|| waited.then_some(rate * self.tuning.scale))?.min(ceiling);
        let probe = Probe {
            id: self.next_id,
            bitrate: bitrate as u64,
            packets: self.tuning.packets,
            bytes: (bitrate / 8.0 * self.tuning.span.as_secs_f64()) as usize,
        };
        self.next_id = self.next_id.wrapping_add(1);
        self.last = Some(now);
        self.under_way = Some(Attempt::new(probe, rate, now));
        Some(probe)
    }

    /// Notes that a packet of a probe was sent.
    pub fn sent(&mut self, id: u32) {
        if let Some(attempt) = self.under_way.as_mut().filter(|attempt| attempt.probe.id == id) {
            attempt.sent += 1;
        }
    }

    /// Takes what became of a packet of a probe. Returns the rate at which the probe got through,
    /// once it has.
    pub fn push(&mut self, id: u32, result: &PacketResult) -> Option<f64> {
        let attempt = self.under_way.as_mut().filter(|attempt| attempt.probe.id == id)?;
        attempt.push(result);
        if attempt.arrived + attempt.lost < attempt.sent.max(attempt.probe.packets) {
            return None;
        }
        let (probe, base, rates) = (attempt.probe, attempt.base, attempt.rates());
        self.under_way = None;
        let (sent, arrived) = rates?;
        if arrived < UNSPREAD * sent {
            let second = base * self.tuning.second_scale;
            self.follow_up = (arrived > second && second < probe.bitrate as f64).then_some(second);
            return None;
        }
        let found = sent.min(arrived);
        if found >= self.tuning.further * probe.bitrate as f64 {
            self.follow_up = Some(found * self.tuning.scale);
        }
        Some(found)
    }
}

impl Attempt {
    fn new(probe: Probe, base: f64, now: Time) -> Self {
        let never = (now, 0);
        Self {
            probe,
            base,
            began: now,
            sent: 0,
            arrived: 0,
            lost: 0,
            bytes: 0,
            first_sent: now,
            last_sent: never,
            first_arrived: never,
            last_arrived: now,
        }
    }

    fn push(&mut self, result: &PacketResult) {
        let Some(arrived) = result.arrived else {
            self.lost += 1;
            return;
        };
        let (sent, size) = ((result.sent, result.bytes), (arrived, result.bytes));
        if self.arrived == 0 {
            (self.first_sent, self.last_sent) = (result.sent, sent);
            (self.first_arrived, self.last_arrived) = (size, arrived);
        } else {
            self.first_sent = self.first_sent.min(result.sent);
            self.last_sent = self.last_sent.max(sent);
            self.first_arrived = self.first_arrived.min(size);
            self.last_arrived = self.last_arrived.max(arrived);
        }
        self.arrived += 1;
        self.bytes += result.bytes;
    }

    /// At which rates it was sent and arrived. `None` where too little arrived to tell.
    ///
    /// From packet to packet, what is sent in that time is all but the last one, and what arrives all but the first. Where
    /// these are of different sizes, as pictures and padding are, that alone would make the rates differ: so the mean of
    /// both is left out of either.
    fn rates(&self) -> Option<(f64, f64)> {
        let enough = |arrived: usize, wanted: usize| arrived as f64 >= ARRIVED * wanted as f64;
        if !enough(self.arrived, self.sent.max(self.probe.packets)) || !enough(self.bytes, self.probe.bytes) {
            return None;
        }
        let bytes = self.bytes - usize::midpoint(self.last_sent.1, self.first_arrived.1);
        let rate = |span: Duration| {
            (!span.is_zero() && span < WAIT).then(|| bytes as f64 * 8.0 / span.as_secs_f64())
        };
        let sent = rate(self.last_sent.0 - self.first_sent)?;
        let arrived = rate(self.last_arrived - self.first_arrived.0)?;
        (arrived <= SQUEEZED * sent).then_some((sent, arrived))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    /// Sends a probe of packets of 500 bytes over a path of `capacity` bit/s.
    fn send(prober: &mut Prober, probe: Probe, capacity: f64, now: Time) -> Option<f64> {
        let count = probe.packets.max(probe.bytes.div_ceil(500));
        let apart = 500.0 * 8.0 / probe.bitrate as f64 * 1e6;
        let spread = apart.max(500.0 * 8.0 / capacity * 1e6);
        (0..count).for_each(|_| prober.sent(probe.id));
        (0..count).fold(None, |found, n| {
            let sent = Time::from_micros(now.micros() + (n as f64 * apart) as u64);
            let arrived = Time::from_micros(now.micros() + 7_000_000 + (n as f64 * spread) as u64);
            found.or(prober
                .push(probe.id, &PacketResult { sent, bytes: 500, arrived: Some(arrived), probe: None }))
        })
    }

    #[test]
    fn doubles_until_the_path_spreads_the_probe() {
        let mut prober = Prober::new(ProbeTuning::default());
        let (mut rates, mut rate, mut now) = (Vec::new(), 1e6, 0);
        while let Some(probe) = prober.next(rate, 100e6, None, at(now)) {
            rates.push(probe.bitrate / 100_000);
            rate = send(&mut prober, probe, 6.5e6, at(now)).unwrap_or(rate);
            now += 200;
        }
        assert_eq!(rates, [20, 40, 80, 56, 112]);
        assert!((5e6..6.5e6).contains(&rate), "{rate}");
    }

    #[test]
    fn asks_again_after_a_while_and_not_while_the_path_is_busy() {
        let mut prober = Prober::new(ProbeTuning::default());
        let probe = prober.next(1e6, 4e6, None, at(0)).expect("at once");
        assert_eq!(prober.next(1e6, 4e6, None, at(10)), None, "one at a time");
        assert_eq!(send(&mut prober, probe, 1e6, at(0)), None, "spread");
        assert_eq!(prober.next(1e6, 4e6, None, at(4_000)), None);
        assert_eq!(prober.next(1e6, 4e6, Some(at(4_000)), at(5_500)), None);
        assert!(prober.next(1e6, 4e6, Some(at(3_000)), at(5_500)).is_some());
        // Nobody answers.
        assert_eq!(prober.next(1e6, 4e6, None, at(6_600)), None);
        assert!(prober.next(1e6, 4e6, None, at(10_600)).is_some());
    }

    #[test]
    fn does_not_ask_for_more_than_is_of_interest() {
        let mut prober = Prober::new(ProbeTuning::default());
        assert_eq!(prober.next(4e6, 4e6, None, at(0)), None);
        assert_eq!(prober.next(3e6, 4e6, None, at(0)).map(|probe| probe.bitrate), Some(4_000_000));
    }

    #[test]
    fn a_probe_that_got_lost_says_nothing() {
        let mut prober = Prober::new(ProbeTuning::default());
        let probe = prober.next(1e6, 4e6, None, at(0)).expect("at once");
        (0..5).for_each(|_| prober.sent(probe.id));
        for n in 0..5 {
            let arrived = (n < 3).then(|| at(100 + n * 2));
            let result = PacketResult { sent: at(n * 2), bytes: 1_000, arrived, probe: None };
            assert_eq!(prober.push(probe.id, &result), None);
        }
        assert!(!prober.is_probing());
    }
}
