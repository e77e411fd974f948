//! What a network is like, for how long, and the ones that have a name.

use crate::rtp::Invalid;
use crate::rtp::time::Time;
use std::time::Duration;

/// What one direction of a network is like for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// The share of packets that are lost, each by itself: 0 to 1.
    pub loss: f64,
    /// The share of packets that are lost in bursts: from 0 to below 1, and not more than bursts of
    /// [`burst_length`](Self::burst_length) make with one packet between.
    pub burst_loss: f64,
    /// Packets of a burst on average, at least 1.
    pub burst_length: f64,
    /// The time that every packet takes.
    pub delay: Duration,
    /// The most by which chance adds to it: wanders between 0 and this. Packets keep their order.
    pub jitter: Duration,
    /// The share of packets that come 20 to 40 ms later than they should, so that others overtake them: 0 to 1.
    pub reorder: f64,
    /// The share of packets that come twice: 0 to 1.
    pub duplicate: f64,
    /// What passes in a second, in bits: at least 1000; `None` if there is no bottleneck.
    pub rate: Option<u64>,
    /// How long a packet may have to wait before the bottleneck; if longer, it is dropped.
    pub queue: Duration,
}

/// No loss, no delay, no bottleneck; a queue of 300 ms if there is to be one, and bursts of 4 packets.
impl Default for Conditions {
    fn default() -> Self {
        IDEAL
    }
}

const IDEAL: Conditions = Conditions {
    loss: 0.0,
    burst_loss: 0.0,
    burst_length: 4.0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    reorder: 0.0,
    duplicate: 0.0,
    rate: None,
    queue: Duration::from_millis(300),
};

/// The longest delay, jitter and queue.
const MAX_SPAN: Duration = Duration::from_secs(60);
const MIN_RATE: u64 = 1_000;

impl Conditions {
    fn check(&self) -> Result<(), Invalid> {
        for (what, share) in [("loss", self.loss), ("reorder", self.reorder), ("duplicate", self.duplicate)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Invalid::new(what, "a share of 0 to 1", share));
            }
        }
        if !(1.0..f64::INFINITY).contains(&self.burst_length) {
            return Err(Invalid::new("burst_length", "1 packet or more", self.burst_length));
        }
        // Between two bursts there is at least one packet.
        if !(0.0..=self.burst_length / (self.burst_length + 1.0)).contains(&self.burst_loss) {
            let expected = "a share of 0 to burst_length / (burst_length + 1)";
            return Err(Invalid::new("burst_loss", expected, self.burst_loss));
        }
        for (what, span) in [("delay", self.delay), ("jitter", self.jitter), ("queue", self.queue)] {
            if span > MAX_SPAN {
                return Err(Invalid::new(what, "at most 60 s", format_args!("{} s", span.as_secs_f64())));
            }
        }
        match self.rate {
            Some(rate @ ..MIN_RATE) => Err(Invalid::new("rate", "at least 1000 bit/s, or none", rate)),
            _ => Ok(()),
        }
    }
}

/// What a network is like over time. There is a first condition at any rate; each holds until the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    start: Time,
    first: Conditions,
    changes: Vec<(Duration, Conditions)>,
}

impl Schedule {
    /// The same for ever.
    ///
    /// # Errors
    /// [`Invalid`] if a value is outside of the range that its text names.
    pub fn constant(conditions: Conditions) -> Result<Self, Invalid> {
        Self::new(conditions, Vec::new())
    }

    /// One after the other: when each begins after the start, in ascending order.
    ///
    /// # Errors
    /// [`Invalid`] as [`constant`](Self::constant), or if they are out of order.
    pub fn new(first: Conditions, changes: Vec<(Duration, Conditions)>) -> Result<Self, Invalid> {
        first.check()?;
        let mut last = Duration::ZERO;
        for (after, conditions) in &changes {
            conditions.check()?;
            if *after <= last {
                let got = format_args!("{} s after {} s", after.as_secs_f64(), last.as_secs_f64());
                return Err(Invalid::new("schedule", "times in ascending order, above 0", got));
            }
            last = *after;
        }
        Ok(Self { start: Time::ZERO, first, changes })
    }

    /// The schedule with its start at `now`.
    pub(super) fn starting(self, now: Time) -> Self {
        Self { start: now, ..self }
    }

    /// What holds at `now`; before the start, what holds at it.
    pub(super) fn at(&self, now: Time) -> &Conditions {
        let begun = self.begun(now);
        begun.checked_sub(1).and_then(|last| self.changes.get(last)).map_or(&self.first, |(_, then)| then)
    }

    /// The first change after `now`.
    pub(super) fn next_change(&self, now: Time) -> Option<Time> {
        self.changes.get(self.begun(now)).map(|(after, _)| self.start + *after)
    }

    /// How many changes there have been by `now`.
    fn begun(&self, now: Time) -> usize {
        self.changes.partition_point(|(after, _)| self.start + *after <= now)
    }
}

/// A network that has a name, seen from a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// What it is called on command lines.
    pub name: &'static str,
    /// From the client.
    pub up: Conditions,
    /// To the client.
    pub down: Conditions,
}

impl Profile {
    /// The profile of a name.
    ///
    /// # Errors
    /// [`Invalid`] if there is none.
    pub fn named(name: &str) -> Result<Self, Invalid> {
        let found = PROFILES.iter().find(|profile| profile.name == name);
        let expected = "wifi, lte, 3g, transatlantic, lossy or 600k";
        found.copied().ok_or_else(|| Invalid::new("network profile", expected, format_args!("{name:?}")))
    }

    const fn symmetric(name: &'static str, both: Conditions) -> Self {
        Self { name, up: both, down: both }
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The networks that have a name. Rates and round trips of `lte` and `3g` are those that browsers and page-speed tests
/// throttle to; the others are what the names say.
pub const PROFILES: [Profile; 6] = [
    Profile::symmetric(
        "wifi",
        Conditions {
            burst_loss: 0.01,
            delay: ms(5),
            jitter: ms(15),
            reorder: 0.001,
            rate: Some(20_000_000),
            queue: ms(200),
            ..IDEAL
        },
    ),
    Profile {
        name: "lte",
        up: Conditions { rate: Some(5_000_000), ..LTE },
        down: Conditions { rate: Some(12_000_000), ..LTE },
    },
    Profile {
        name: "3g",
        up: Conditions { rate: Some(768_000), ..THIRD_GENERATION },
        down: Conditions { rate: Some(1_600_000), ..THIRD_GENERATION },
    },
    Profile::symmetric(
        "transatlantic",
        Conditions { loss: 0.002, delay: ms(45), jitter: ms(4), rate: Some(50_000_000), ..IDEAL },
    ),
    Profile::symmetric("lossy", Conditions { loss: 0.05, delay: ms(40), ..IDEAL }),
    Profile::symmetric("600k", Conditions { delay: ms(40), rate: Some(600_000), ..IDEAL }),
];

const LTE: Conditions = Conditions { loss: 0.001, delay: ms(35), jitter: ms(10), queue: ms(500), ..IDEAL };
const THIRD_GENERATION: Conditions =
    Conditions { loss: 0.003, delay: ms(150), jitter: ms(30), queue: ms(600), ..IDEAL };
