//! When each packet leaves: sound at once, everything else evenly at the pace that the path carries.
//!
//! A picture's packets handed to the path all at once are a queue there, and a key frame's a full one. The queue is
//! better here, where what is more urgent overtakes it and what has become useless can be taken out of it.

use crate::rtp::rate::Probe;
use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Sound: at once, whatever the pace.
    Audio,
    /// Packets sent again: somebody waits for them already.
    Repair,
    /// Pictures.
    Video,
}

/// What leaves now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<K> {
    /// A packet.
    Packet {
        /// What was queued.
        key: K,
        /// The probe it is part of.
        probe: Option<u32>,
        /// How long it has waited.
        waited: Duration,
    },
    /// A packet of about so many bytes that carries nothing: there are not enough others for a probe.
    Padding {
        /// Its size.
        bytes: usize,
        /// The probe it is part of.
        probe: u32,
    },
}

/// A timer that fires late is made up for up to this; beyond, the pace would become a burst.
const LATE: Duration = Duration::from_millis(40);

/// Sizes of packets of padding.
const PADDING: (usize, usize) = (100, 250);

#[derive(Clone, Copy, Debug)]
struct Queued<K> {
    key: K,
    bytes: usize,
    since: Time,
}

/// A probe that is being sent.
#[derive(Debug)]
struct Burst {
    probe: Probe,
    packets: usize,
    bytes: usize,
}

/// Packets waiting for their turn; `K` is what stands for one.
#[derive(Debug)]
pub struct Pacer<K> {
    audio: VecDeque<Queued<K>>,
    repair: VecDeque<Queued<K>>,
    video: VecDeque<Queued<K>>,
    /// Bit/s.
    pace: u64,
    /// When the pace allows the next packet.
    free: Time,
    /// Packets may leave so much earlier.
    lead: Duration,
    /// Begins with the next picture.
    burst: Option<Burst>,
}

impl<K> Pacer<K> {
    /// Without packets, at `pace` bit/s.
    #[must_use]
    pub const fn new(pace: u64) -> Self {
        Self {
            audio: VecDeque::new(),
            repair: VecDeque::new(),
            video: VecDeque::new(),
            pace,
            free: Time::ZERO,
            lead: Duration::ZERO,
            burst: None,
        }
    }

    /// Changes the pace, in bit/s, and how much too early packets may leave, so that several go at a time.
    pub const fn set_pace(&mut self, pace: u64, lead: Duration) {
        self.pace = pace;
        self.lead = lead;
    }

    /// Sends a probe with the next pictures, and with padding where they do not make one.
    pub const fn probe(&mut self, probe: Probe) {
        self.burst = Some(Burst { probe, packets: 0, bytes: 0 });
    }

    /// Queues a packet.
    pub fn push(&mut self, class: Class, key: K, bytes: usize, now: Time) {
        if class != Class::Audio && !self.has_paced() {
            self.free = self.free.max(now);
        }
        let queue = match class {
            Class::Audio => &mut self.audio,
            Class::Repair => &mut self.repair,
            Class::Video => &mut self.video,
        };
        queue.push_back(Queued { key, bytes, since: now });
    }

    /// Whether nothing waits, and the pace allows another packet.
    #[must_use]
    pub fn is_idle(&self, now: Time) -> bool {
        now >= self.free && !self.has_paced() && self.audio.is_empty()
    }

    /// When it is idle at the earliest, if nothing else is queued.
    #[must_use]
    pub const fn free(&self) -> Time {
        self.free
    }

    /// Notes that a packet leaves that was never queued.
    pub fn pass(&mut self, bytes: usize, now: Time) {
        self.take(bytes, self.pace, now);
    }

    /// Takes pictures and repair out of the queue that nobody needs any more.
    pub fn discard(&mut self, mut useless: impl FnMut(&K) -> bool) {
        self.video.retain(|queued| !useless(&queued.key));
        self.repair.retain(|queued| !useless(&queued.key));
    }

    /// What leaves at `now`; `None` until the [deadline](Self::deadline).
    pub fn next(&mut self, now: Time) -> Option<Turn<K>> {
        if let Some(queued) = self.audio.pop_front() {
            self.take(queued.bytes, self.pace, now);
            return Some(queued.turn(None, now));
        }
        let Some(burst) = self.burst.take_if(|burst| burst.packets > 0 || !self.video.is_empty()) else {
            return self.next_paced(now);
        };
        self.next_of(burst, now)
    }

    fn next_paced(&mut self, now: Time) -> Option<Turn<K>> {
        if now < self.free - self.lead {
            return None;
        }
        let queued = self.pop_paced()?;
        self.take(queued.bytes, self.pace, now);
        Some(queued.turn(None, now))
    }

    fn next_of(&mut self, mut burst: Burst, now: Time) -> Option<Turn<K>> {
        if burst.packets == 0 {
            self.free = now;
        }
        if now < self.free {
            self.burst = Some(burst);
            return None;
        }
        let Probe { id, bitrate, packets, bytes: whole } = burst.probe;
        let (bytes, turn) = match self.pop_paced() {
            Some(queued) => (queued.bytes, queued.turn(Some(id), now)),
            None => {
                let bytes = (whole / packets.max(1)).clamp(PADDING.0, PADDING.1);
                (bytes, Turn::Padding { bytes, probe: id })
            }
        };
        burst.packets += 1;
        burst.bytes += bytes;
        self.take(bytes, bitrate, now);
        if burst.packets < packets || burst.bytes < whole {
            self.burst = Some(burst);
        }
        Some(turn)
    }

    /// Ends a probe for which there is no padding.
    pub fn end_probe(&mut self) {
        self.burst = None;
    }

    fn pop_paced(&mut self) -> Option<Queued<K>> {
        self.repair.pop_front().or_else(|| self.video.pop_front())
    }

    fn take(&mut self, bytes: usize, rate: u64, now: Time) {
        let from = self.free.max(now - LATE);
        self.free = from + Duration::from_micros(bytes as u64 * 8_000_000 / rate.max(1));
    }

    fn has_paced(&self) -> bool {
        !(self.repair.is_empty() && self.video.is_empty())
    }

    /// When [`next`](Self::next) has something, if nothing else is queued; a time that has passed means now.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        if !self.audio.is_empty() {
            return Some(Time::ZERO);
        }
        let bursting = self.burst.as_ref().is_some_and(|burst| burst.packets > 0);
        let begins = self.burst.is_some() && !bursting && !self.video.is_empty();
        if begins {
            return Some(Time::ZERO);
        }
        // Not as soon as one may leave, but when as many as possible may.
        (bursting || self.has_paced()).then_some(self.free)
    }

    /// Bytes that wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        [&self.audio, &self.repair, &self.video].into_iter().flatten().map(|queued| queued.bytes).sum()
    }

    /// How long it takes at this pace until everything has left.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_micros(self.queued() as u64 * 8_000_000 / self.pace.max(1))
    }
}

impl<K> Queued<K> {
    fn turn(self, probe: Option<u32>, now: Time) -> Turn<K> {
        Turn::Packet { key: self.key, probe, waited: now - self.since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    /// Runs up to `end` in steps of a millisecond, `late` of them missed each time; what left when.
    fn run(pacer: &mut Pacer<u32>, from: u64, end: u64, late: u64) -> Vec<(u64, Turn<u32>)> {
        let mut left = Vec::new();
        for now in (from..end).step_by(late as usize + 1) {
            while let Some(turn) = pacer.next(at(now)) {
                left.push((now, turn));
            }
        }
        left
    }

    fn keys(left: &[(u64, Turn<u32>)]) -> Vec<u32> {
        left.iter()
            .filter_map(|(_, turn)| match turn {
                Turn::Packet { key, .. } => Some(*key),
                Turn::Padding { .. } => None,
            })
            .collect()
    }

    #[test]
    fn packets_leave_together_where_they_may() {
        // 1,000 bytes take 8 ms.
        let mut pacer = Pacer::new(1_000_000);
        pacer.set_pace(1_000_000, Duration::from_millis(20));
        (0..5).for_each(|key| pacer.push(Class::Video, key, 1_000, at(0)));
        assert_eq!(keys(&run(&mut pacer, 0, 1, 0)), [0, 1, 2]);
        assert_eq!(pacer.deadline(), Some(at(24)));
        assert_eq!(keys(&run(&mut pacer, 24, 25, 0)), [3, 4]);
        assert!(!pacer.is_idle(at(39)) && pacer.is_idle(at(40)), "no more than the pace in the end");
    }

    #[test]
    fn a_picture_is_spread_at_the_pace() {
        // 1000 bytes each 8 ms.
        let mut pacer = Pacer::new(1_000_000);
        (0..10).for_each(|key| pacer.push(Class::Video, key, 1_000, at(5)));
        let left = run(&mut pacer, 5, 200, 0);
        assert_eq!(
            left.iter().map(|(when, _)| *when).collect::<Vec<_>>(),
            (0..10).map(|n| 5 + n * 8).collect::<Vec<_>>()
        );
        assert_eq!(pacer.deadline(), None);
    }

    #[test]
    fn sound_goes_first_and_repair_before_pictures() {
        let mut pacer = Pacer::new(1_000_000);
        (0..3).for_each(|key| pacer.push(Class::Video, key, 1_000, at(0)));
        pacer.push(Class::Repair, 10, 1_000, at(0));
        assert_eq!(keys(&run(&mut pacer, 0, 1, 0)), [10]);
        pacer.push(Class::Audio, 20, 100, at(1));
        let left = run(&mut pacer, 1, 40, 0);
        assert_eq!(keys(&left), [20, 0, 1, 2]);
        assert_eq!(left[0].0, 1);
        // Sound uses up some of the pace.
        assert_eq!(left[1].0, 9);
    }

    #[test]
    fn late_timers_are_made_up_for_but_silence_is_not() {
        let mut pacer = Pacer::new(1_000_000);
        (0..40).for_each(|key| pacer.push(Class::Video, key, 1_000, at(0)));
        let left = run(&mut pacer, 0, 400, 24);
        assert!(left.last().is_some_and(|(when, _)| (300..=325).contains(when)), "{left:?}");
        (0..10).for_each(|key| pacer.push(Class::Video, key, 1_000, at(1_000)));
        let first = run(&mut pacer, 1_000, 1_001, 0);
        assert_eq!(first.len(), 1);
    }

    #[test]
    fn a_probe_begins_with_a_picture_and_is_filled_up() {
        let mut pacer = Pacer::new(500_000);
        pacer.probe(Probe { id: 7, bitrate: 2_000_000, packets: 5, bytes: 5_000 });
        assert_eq!(pacer.deadline(), None);
        (0..2).for_each(|key| pacer.push(Class::Video, key, 1_000, at(10)));
        let left = run(&mut pacer, 10, 200, 0);
        assert_eq!(
            left.iter().map(|(when, _)| *when).collect::<Vec<_>>(),
            [10, 14, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]
        );
        assert!(
            left[..2].iter().all(|(_, turn)| matches!(turn, Turn::Packet { probe: Some(7), .. })),
            "{left:?}"
        );
        assert!(
            left[2..].iter().all(|(_, turn)| *turn == Turn::Padding { bytes: 250, probe: 7 }),
            "{left:?}"
        );
        assert_eq!(pacer.deadline(), None);
    }

    #[test]
    fn what_is_useless_is_taken_out() {
        let mut pacer = Pacer::new(1_000_000);
        (0..10).for_each(|key| pacer.push(Class::Video, key, 1_000, at(0)));
        assert_eq!(pacer.queued(), 10_000);
        assert_eq!(pacer.wait(), Duration::from_millis(80));
        pacer.discard(|&key| key < 8);
        assert_eq!(keys(&run(&mut pacer, 0, 100, 0)), [8, 9]);
    }
}
