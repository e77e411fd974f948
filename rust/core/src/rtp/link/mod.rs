//! A seeded model of one direction of a network, for simulations and for a relay of real datagrams.
//!
//! A packet first meets chance: it is lost, alone or in a burst, or doubled. Then it waits in a queue for its turn at
//! the bottleneck, unless the queue is full. Then it travels: delay and jitter, and now and then a detour on which
//! others overtake it. What all this is like can change with time, on a [`Schedule`].
//!
//! The model keeps no bytes, only what it is given to stand for a packet: [`Link::push`] it, and [`Link::pop`] it when
//! it arrives; [`Link::deadline`] says when to look again. How often one looks changes nothing.

mod conditions;
mod queue;

pub use conditions::{Conditions, PROFILES, Profile, Schedule};

use super::random::Random;
use super::time::Time;
use queue::Queue;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// How much later a packet comes that takes a detour: from half of this to all of it.
const DETOUR: Duration = Duration::from_millis(40);
/// How far apart the points are between which jitter changes steadily, in microseconds. If each packet had a delay of
/// its own, those of one picture would all wait for the slowest of them, and every picture would take the longest.
const JITTER_STEP: u64 = 20_000;

/// One direction of a network, in which `T` stands for a packet.
#[derive(Debug)]
pub struct Link<T> {
    schedule: Schedule,
    seed: u64,
    random: Random,
    /// In the middle of losing one packet after the other.
    in_burst: bool,
    queue: Queue<T>,
    travelling: BinaryHeap<Reverse<Travelling<T>>>,
    /// Arrival of the last packet that kept its place.
    last_arrival: Time,
    departed: u64,
    figures: Figures,
}

/// What became of the packets of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Packets that came in.
    pub packets: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub dropped: u64,
    /// Doubled.
    pub duplicated: u64,
    /// Sent on a detour.
    pub reordered: u64,
    /// Packets that came out, doubles included.
    pub delivered: u64,
    /// Bytes of these.
    pub delivered_bytes: u64,
}

/// A packet past the bottleneck. The order is that of arrival; of those that arrive at once, of departure.
#[derive(Debug)]
struct Travelling<T> {
    arrival: Time,
    departed: u64,
    bytes: usize,
    item: T,
}

impl<T: Clone> Link<T> {
    /// A link whose schedule starts at `now`. The same seed and the same packets make the same arrivals.
    #[must_use]
    pub fn new(seed: u64, schedule: Schedule, now: Time) -> Self {
        Self {
            schedule: schedule.starting(now),
            seed,
            random: Random::new(seed),
            in_burst: false,
            queue: Queue::new(now),
            travelling: BinaryHeap::new(),
            last_arrival: now,
            departed: 0,
            figures: Figures::default(),
        }
    }

    /// Starts another schedule at `now`; what is on its way goes on.
    pub fn change(&mut self, now: Time, schedule: Schedule) {
        self.advance(now);
        self.queue.settle(now, &self.schedule);
        self.schedule = schedule.starting(now);
    }

    /// Sends a packet of so many bytes in at `now`; false if it is lost or finds the queue full.
    pub fn push(&mut self, now: Time, bytes: usize, item: T) -> bool {
        self.advance(now);
        self.figures.packets += 1;
        self.figures.bytes += bytes as u64;
        let conditions = *self.schedule.at(now);
        if self.is_lost(&conditions) {
            self.figures.lost += 1;
            return false;
        }
        let double = self.random.chance(conditions.duplicate).then(|| item.clone());
        if !self.queue.push(now, bytes, item, &self.schedule) {
            self.figures.dropped += 1;
            return false;
        }
        if let Some(double) = double
            && self.queue.push(now, bytes, double, &self.schedule)
        {
            self.figures.duplicated += 1;
        }
        // Where there is no bottleneck it is already past it.
        self.advance(now);
        true
    }

    /// The next packet that has arrived by `now`.
    pub fn pop(&mut self, now: Time) -> Option<T> {
        self.advance(now);
        if self.travelling.peek()?.0.arrival > now {
            return None;
        }
        let Reverse(packet) = self.travelling.pop()?;
        self.figures.delivered += 1;
        self.figures.delivered_bytes += packet.bytes as u64;
        Some(packet.item)
    }

    /// When the next packet can arrive at the earliest; `None` if there is none on its way.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let travelling = self.travelling.peek().map(|Reverse(packet)| packet.arrival);
        let departure = self.queue.departure(&self.schedule);
        let waiting = departure.map(|departure| departure + self.schedule.at(departure).delay);
        [travelling, waiting].into_iter().flatten().min()
    }

    /// What became of all packets so far.
    #[must_use]
    pub const fn figures(&self) -> Figures {
        self.figures
    }

    /// Sends on its way what is past the bottleneck by `now`.
    fn advance(&mut self, now: Time) {
        while let Some((departure, bytes, item)) = self.queue.pop(now, &self.schedule) {
            let conditions = self.schedule.at(departure);
            let mut arrival =
                departure + conditions.delay + conditions.jitter.mul_f64(self.jitter(departure));
            if self.random.chance(conditions.reorder) {
                self.figures.reordered += 1;
                arrival += DETOUR.mul_f64(0.5 + self.random.unit() / 2.0);
            } else {
                // Jitter alone does not reorder: packets wait for each other.
                arrival = arrival.max(self.last_arrival);
                self.last_arrival = arrival;
            }
            self.travelling.push(Reverse(Travelling { arrival, departed: self.departed, bytes, item }));
            self.departed += 1;
        }
    }

    /// The share of the jitter that delays what departs at `now`.
    fn jitter(&self, now: Time) -> f64 {
        let (step, within) = (now.micros() / JITTER_STEP, now.micros() % JITTER_STEP);
        let point = |step| Random::new(self.seed.wrapping_add(step)).unit();
        let (from, to) = (point(step), point(step + 1));
        from + (to - from) * (within as f64 / JITTER_STEP as f64)
    }

    /// Single packets are lost, and all of a burst (Gilbert's model): how likely a burst ends makes its mean length,
    /// how likely one begins makes the share of packets that are in one.
    fn is_lost(&mut self, conditions: &Conditions) -> bool {
        let end = 1.0 / conditions.burst_length;
        let begin = end * conditions.burst_loss / (1.0 - conditions.burst_loss);
        self.in_burst = self.random.chance(if self.in_burst { 1.0 - end } else { begin });
        self.in_burst || self.random.chance(conditions.loss)
    }
}

impl<T> Ord for Travelling<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.arrival, self.departed).cmp(&(other.arrival, other.departed))
    }
}

impl<T> PartialOrd for Travelling<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Eq for Travelling<T> {}

impl<T> PartialEq for Travelling<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
