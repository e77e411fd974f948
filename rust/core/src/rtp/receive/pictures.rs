//! From packets of pictures to pictures: each when it can be decoded, at its time.

use super::Gaps;
use super::order::{Order, Part, Slot};
use super::playout::Playout;
use crate::rtp::event::Picture;
use crate::rtp::time::Time;
use crate::rtp::trailer::Trailer;
use std::collections::VecDeque;

/// Complete pictures that wait for their time at most: two seconds at 60 a second.
const CAPACITY: usize = 120;

/// The pictures of one stream.
#[derive(Debug, Default)]
pub struct Pictures {
    order: Order,
    ready: VecDeque<(Time, Picture)>,
    /// Packets of the picture that is assembled: kept for its memory.
    slots: Vec<Slot>,
    useful: u64,
    overdue: Option<Time>,
    /// Pictures that were complete but could not be read or not be kept.
    spoiled: u64,
}

impl Pictures {
    /// Takes a packet by its unwrapped sequence number: `false` if it is of no use.
    pub fn insert(&mut self, sequence: u64, slot: Slot) -> bool {
        self.order.insert(sequence, slot)
    }

    /// Lets every picture that is complete now, and can be decoded, wait for its time, and gives up what has been
    /// missing for too long. Tells how many pictures there were, and how many of them key frames.
    pub fn advance(&mut self, gaps: &mut Gaps, playout: &mut Playout, now: Time) -> (u64, u64) {
        let mut taken = self.collect(playout, now);
        gaps.forget_before(self.order.front());
        let (overdue, expired) = (gaps.overdue(self.order.front()), gaps.expiry());
        if !self.order.needs_key_frame() && overdue.is_some_and(|at| at <= now) {
            if expired.is_some_and(|at| at <= now) {
                self.order.give_up();
            } else {
                self.order.pass_gap();
            }
            let more = self.collect(playout, now);
            taken = (taken.0 + more.0, taken.1 + more.1);
            gaps.forget_before(self.order.front());
        }
        gaps.forget_old(now);
        self.order.forget(now - gaps.patience(), |sequence| gaps.contains(sequence));
        self.useful = if gaps.is_empty() { self.order.front() } else { self.order.latest_key() };
        self.overdue = gaps.overdue(self.useful);
        taken
    }

    /// The first packet that is worth asking for: once a key frame has begun to come, those before it are not.
    #[must_use]
    pub fn useful(&self) -> u64 {
        self.useful
    }

    /// When a key frame will be better than to wait for what is missing, if none has begun to come by then.
    #[must_use]
    pub fn overdue(&self) -> Option<Time> {
        self.overdue
    }

    fn collect(&mut self, playout: &mut Playout, now: Time) -> (u64, u64) {
        let (mut pictures, mut keys) = (0, 0);
        while let Some(contiguous) = self.order.take(&mut self.slots) {
            let Some(picture) = self.assemble(contiguous, now) else {
                // What cannot be read cannot be referred to either.
                self.spoiled += 1;
                self.order.require_key_frame();
                continue;
            };
            pictures += 1;
            keys += u64::from(picture.key);
            let due = playout.schedule(picture.timestamp, now);
            if self.ready.len() == CAPACITY {
                self.spoiled += 1;
                self.ready.pop_front();
            }
            self.ready.push_back((due, picture));
        }
        (pictures, keys)
    }

    fn assemble(&self, contiguous: bool, now: Time) -> Option<Picture> {
        let first = self.slots.first()?;
        let mut data = Vec::with_capacity(self.slots.iter().map(|slot| slot.payload.len() + 4).sum());
        first.codec.assemble(self.slots.iter().map(|slot| slot.payload.as_slice()), &mut data).ok()?;
        // From whoever: a decoder must not see one.
        let trailer = Trailer::find(&data).map(|(trailer, length)| {
            data.truncate(data.len() - length);
            trailer
        });
        Some(Picture {
            codec: first.codec,
            data,
            trailer,
            timestamp: first.timestamp,
            key: self.slots.iter().filter_map(|slot| slot.part).any(|part: Part| part.key),
            first_arrival: self.slots.iter().map(|slot| slot.arrival).min().unwrap_or(now),
            complete: now,
            contiguous,
        })
    }

    /// The next picture that is due at `now`.
    pub fn next(&mut self, now: Time) -> Option<Picture> {
        if self.due()? > now {
            return None;
        }
        self.ready.pop_front().map(|(_, picture)| picture)
    }

    /// When the next picture is due.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.ready.front().map(|&(due, _)| due)
    }

    /// Whether only a key frame helps, or helps sooner than anything else, and none has begun to come.
    #[must_use]
    pub fn need_key_frame(&self, now: Time) -> bool {
        self.order.needs_key_frame() || self.overdue.is_some_and(|at| at <= now)
    }

    /// Hands out nothing more until a key frame.
    pub fn require_key_frame(&mut self) {
        self.order.require_key_frame();
        self.spoiled += self.ready.len() as u64;
        self.ready.clear();
    }

    /// Begins anew with another numbering; what is complete stays.
    pub fn restart(&mut self) {
        self.order.clear();
    }

    /// Pictures of which something came and which are not handed out.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.order.dropped() + self.spoiled
    }
}
