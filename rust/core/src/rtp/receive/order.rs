//! Packets of pictures, in whatever order, to whole pictures in theirs.
//!
//! A picture is handed out when it is complete and nothing before it is missing, so that it can be decoded: it may
//! refer to the one before. After a gap that was given up nothing is, until a picture that refers to no other.

use crate::rtp::payload::{Codec, PictureId, h264};
use crate::rtp::time::Time;
use std::collections::VecDeque;

/// Packets held at most, missing ones among them counted: at 10 Mbit/s about two seconds.
pub const CAPACITY: usize = 2048;
/// How far before the first packet one may still come.
const START_REORDERING: u64 = 128;

/// What a payload says of its picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// It is certainly the first of its picture.
    pub begins: bool,
    /// The picture refers to no other. Only said by payloads near the beginning.
    pub key: bool,
    /// VP8: the number of the picture.
    pub picture_id: Option<PictureId>,
    /// VP8: the layer in time, 0 being the base, and the number of the latest picture of the base layer.
    pub layer: Option<(u8, u8)>,
}

impl Part {
    /// What a payload says; `None` if it cannot be read.
    #[must_use]
    pub fn of(codec: Codec, payload: &[u8]) -> Option<Self> {
        let fragment = codec.inspect(payload).ok()?;
        // Several payloads of an H.264 picture may be the first, but none is before a parameter set.
        let begins = fragment.starts && (codec != Codec::H264 || h264::has_parameters(payload));
        Some(Self {
            begins,
            key: fragment.key && fragment.starts,
            picture_id: fragment.picture_id,
            layer: fragment.temporal_layer.zip(fragment.base_index),
        })
    }
}

/// A packet that waits for its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What it is encoded with.
    pub codec: Codec,
    /// Its RTP timestamp, unwrapped.
    pub timestamp: u64,
    /// It is the last of its picture.
    pub marker: bool,
    /// What its payload says; `None` for padding, which belongs to no picture.
    pub part: Option<Part>,
    /// The payload.
    pub payload: Vec<u8>,
    /// When it came.
    pub arrival: Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing has been taken yet, or something was given up: only a key frame helps.
    #[default]
    Key,
    /// The picture that begins at the front can be decoded.
    Running,
}

/// The last picture handed out, as far as VP8 tells.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    picture_id: Option<PictureId>,
    base_layer: Option<u8>,
}

/// The packets that wait, from the first that is not yet handed out.
#[derive(Debug, Default)]
pub struct Order {
    slots: VecDeque<Option<Slot>>,
    /// The sequence number of the first slot; `None` before the first packet.
    front: Option<u64>,
    /// The timestamp of the packet before the front, where known.
    before: Option<u64>,
    state: State,
    /// Whether a picture was ever handed out.
    started: bool,
    contiguous: bool,
    last: Last,
    /// The picture dropped last, of which more may be dropped.
    dropping: Option<u64>,
    dropped: u64,
}

impl Order {
    /// Takes a packet by its unwrapped sequence number: `false` if it is here already, or its picture is past. One that
    /// is too far ahead makes all that waits useless.
    pub fn insert(&mut self, sequence: u64, slot: Slot) -> bool {
        let front = *self.front.get_or_insert(sequence);
        let index = match sequence.checked_sub(front) {
            None if self.make_room(front - sequence) => 0,
            None => return false,
            Some(ahead) if ahead >= CAPACITY as u64 => {
                self.clear();
                return self.insert(sequence, slot);
            }
            Some(ahead) => ahead as usize,
        };
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        if self.slots[index].is_some() {
            return false;
        }
        self.slots[index] = Some(slot);
        if self.state == State::Key
            && let Some(start) = (index..=index + 1).find(|&i| self.begins_key(i))
        {
            self.resume_at(start);
        }
        true
    }

    /// Whether only a key frame helps, and none has begun to come.
    #[must_use]
    pub fn needs_key_frame(&self) -> bool {
        self.state == State::Key
    }

    /// The sequence number of the first packet that is still of use; 0 before any came.
    #[must_use]
    pub fn front(&self) -> u64 {
        self.front.unwrap_or(0)
    }

    /// Where the latest key frame begins that is still to be handed out, though it may not be complete; the front where
    /// there is none. What is before it is of use only until it is complete.
    #[must_use]
    pub fn latest_key(&self) -> u64 {
        let index = (0..self.slots.len()).rev().find(|&i| self.begins_key(i)).unwrap_or(0);
        self.front() + index as u64
    }

    /// Pictures of which something came and which were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Moves the packets of the next picture, in order, to `picture`: `None` if there is none yet, otherwise whether
    /// it follows the one before without loss.
    pub fn take(&mut self, picture: &mut Vec<Slot>) -> Option<bool> {
        if self.state == State::Key {
            return None;
        }
        self.skip_padding();
        let mut end = self.complete_from(0);
        if end.is_none() {
            let start = self.after_padding().or_else(|| self.complete_key());
            if let Some(start) = start {
                self.resume_at(start);
                self.skip_padding();
                end = self.complete_from(0);
            }
        }
        let end = end?;
        picture.clear();
        for slot in self.slots.drain(..end).flatten() {
            self.before = Some(slot.timestamp);
            if slot.part.is_some() {
                picture.push(slot);
            }
        }
        self.advance(end);
        self.remember(picture.first().and_then(|slot| slot.part).unwrap_or_default());
        self.started = true;
        Some(std::mem::replace(&mut self.contiguous, true))
    }

    /// Leaves out what is missing at the front if a picture is behind it that refers to nothing of it: whether there is.
    pub fn pass_gap(&mut self) -> bool {
        self.resume_behind_gap(|order, index| order.follows_base_layer(index))
    }

    /// Gives up what is missing at the front, whatever is behind it.
    pub fn give_up(&mut self) {
        if !self.resume_behind_gap(|order, index| order.begins_key(index) || order.follows_base_layer(index))
        {
            self.state = State::Key;
            self.contiguous = false;
        }
    }

    fn resume_behind_gap(&mut self, suits: impl Fn(&Self, usize) -> bool) -> bool {
        let gap = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let next = (gap..self.slots.len()).find(|&index| suits(self, index));
        if let Some(start) = next {
            self.resume_at(start);
        }
        next.is_some()
    }

    /// Hands out nothing more until a key frame, which may have begun to come.
    pub fn require_key_frame(&mut self) {
        self.state = State::Key;
        if let Some(start) = (0..self.slots.len()).find(|&i| self.begins_key(i)) {
            self.resume_at(start);
        }
        self.contiguous = false;
    }

    /// Drops what waits: what comes next has another numbering.
    pub fn clear(&mut self) {
        self.drop_front(self.slots.len());
        *self = Self { dropping: self.dropping, dropped: self.dropped, ..Self::default() };
    }

    /// While a key frame is awaited: drops what came before `old`, and missing packets that `waited` does not wait for.
    pub fn forget(&mut self, old: Time, waited: impl Fn(u64) -> bool) {
        if self.state == State::Running {
            return;
        }
        let front = self.front();
        let useless = |(i, slot): (usize, &Option<Slot>)| match slot {
            Some(slot) => slot.arrival < old,
            None => !waited(front + i as u64),
        };
        let count = self.slots.iter().enumerate().take_while(|&entry| useless(entry)).count();
        self.drop_front(count);
    }

    /// The slots of the picture that begins at `start`, if all are there: where it ends.
    fn complete_from(&self, start: usize) -> Option<usize> {
        let first = self.slots.get(start)?.as_ref()?;
        for (i, slot) in self.slots.iter().enumerate().skip(start) {
            let slot = slot.as_ref()?;
            if slot.part.is_none() {
                continue;
            }
            // Senders lose the marker; another timestamp ends a picture too.
            if slot.timestamp != first.timestamp {
                return Some(i);
            }
            if slot.marker {
                return Some(i + 1);
            }
        }
        None
    }

    /// A key frame behind the front that is complete: what is before it is older, and need not be waited for.
    fn complete_key(&self) -> Option<usize> {
        (1..self.slots.len()).rev().find(|&i| self.begins_key(i) && self.complete_from(i).is_some())
    }

    /// The picture after a gap at the front, where its PictureID tells that the gap was nothing but padding.
    fn after_padding(&self) -> Option<usize> {
        let part_of = |slot: &Option<Slot>| slot.as_ref().and_then(|slot| slot.part);
        let start = self.slots.iter().position(|slot| part_of(slot).is_some())?;
        let part = part_of(&self.slots[start]).filter(|part| start > 0 && part.begins)?;
        part.picture_id?.follows(self.last.picture_id?).then_some(start)
    }

    /// Whether a picture of the base layer begins here that refers to nothing later than the base layer's picture
    /// that was handed out last (RFC 7741, TL0PICIDX).
    fn follows_base_layer(&self, index: usize) -> bool {
        let part = self.slots[index].as_ref().and_then(|slot| slot.part).filter(|part| part.begins);
        match (part.and_then(|part| part.layer), self.last.base_layer) {
            (Some((0, picture)), Some(last)) => picture == last.wrapping_add(1),
            _ => false,
        }
    }

    /// Whether a key frame begins here.
    fn begins_key(&self, index: usize) -> bool {
        let Some(slot) = self.slots.get(index).and_then(Option::as_ref) else { return false };
        let Some(part) = slot.part.filter(|part| part.key) else { return false };
        let before = match index.checked_sub(1) {
            None => self.before,
            Some(i) => self.slots[i].as_ref().map(|slot| slot.timestamp),
        };
        part.begins || before.is_some_and(|timestamp| timestamp != slot.timestamp)
    }

    fn resume_at(&mut self, index: usize) {
        self.contiguous &= self.state == State::Running && self.after_padding() == Some(index);
        self.drop_front(index);
        self.state = State::Running;
    }

    fn skip_padding(&mut self) {
        let is_padding = |slot: &&Option<Slot>| slot.as_ref().is_some_and(|slot| slot.part.is_none());
        self.drop_front(self.slots.iter().take_while(is_padding).count());
    }

    fn drop_front(&mut self, count: usize) {
        for slot in self.slots.drain(..count) {
            let picture = slot.as_ref().filter(|slot| slot.part.is_some()).map(|slot| slot.timestamp);
            if picture.is_some() && picture != self.dropping {
                self.dropped += 1;
                self.dropping = picture;
            }
            self.before = slot.map(|slot| slot.timestamp);
        }
        self.advance(count);
    }

    fn advance(&mut self, count: usize) {
        self.front = self.front.map(|front| front + count as u64);
    }

    /// Makes room for a packet that was overtaken by the first of the stream: whether it is of use.
    fn make_room(&mut self, count: u64) -> bool {
        if self.started || self.state == State::Running || count > START_REORDERING {
            return false;
        }
        for _ in 0..count {
            self.slots.push_front(None);
        }
        self.front = self.front.map(|front| front - count);
        self.before = None;
        true
    }

    fn remember(&mut self, part: Part) {
        self.last.picture_id = part.picture_id;
        match part.layer {
            Some((0, picture)) => self.last.base_layer = Some(picture),
            Some(_) => {}
            None => self.last.base_layer = None,
        }
    }
}
