//! Packets that were sent, in case they are asked for again.

use super::SendTuning;
use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// Packets are kept for so many round trips, if that is longer than what is set.
const AGE_ROUND_TRIPS: u32 = 3;
/// More packets than these are not kept, whatever their age.
const MOST: usize = 2_048;
/// A packet as it was sent, without its header.
#[derive(Debug)]
pub struct Sent {
    /// The last one of its picture.
    pub marker: bool,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Its payload.
    pub payload: Vec<u8>,
    /// When it left first.
    first: Time,
    /// When it left last.
    last: Time,
    /// It waits to be sent again.
    queued: bool,
    /// How often it was queued for that.
    times: u8,
}

/// Whether a packet is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// It is.
    Yes {
        /// Its full number.
        number: u64,
        /// Bytes of its payload.
        bytes: usize,
        /// How often it was asked for before, and sent.
        times: u8,
    },
    /// It is on its way already, as far as the one who asks can know.
    NotYet,
    /// It is too old, or was never sent.
    Gone,
}

/// The latest packets of one stream, by sequence number.
#[derive(Debug)]
pub struct History {
    tuning: SendTuning,
    packets: VecDeque<Option<Sent>>,
    /// The full number of the first of them.
    first: u64,
}

impl History {
    /// Without packets.
    pub const fn new(tuning: SendTuning) -> Self {
        Self { tuning, packets: VecDeque::new(), first: 0 }
    }

    /// Keeps a packet that leaves now under its full number. What is numbered below those before it comes too late.
    pub fn push(&mut self, number: u64, marker: bool, timestamp: u32, payload: Vec<u8>, now: Time) {
        if self.packets.is_empty() {
            self.first = number;
        }
        let Some(index) = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok()) else {
            return;
        };
        if index >= self.packets.len() + MOST {
            self.packets.clear();
            self.first = number;
        }
        let index = (number - self.first) as usize;
        if index >= self.packets.len() {
            self.packets.resize_with(index + 1, || None);
        }
        self.packets[index] =
            Some(Sent { marker, timestamp, payload, first: now, last: now, queued: false, times: 0 });
        while self.packets.len() > MOST {
            self.pop();
        }
    }

    /// Drops what is too old.
    pub fn expire(&mut self, round_trip: Duration, now: Time) {
        let age = self.tuning.repair_age.max(AGE_ROUND_TRIPS * round_trip);
        while self.packets.front().is_some_and(|sent| sent.as_ref().is_none_or(|sent| now - sent.first > age))
        {
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.packets.pop_front();
        self.first += 1;
    }

    fn get(&mut self, number: u64) -> Option<&mut Sent> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.packets.get_mut(index)?.as_mut()
    }

    /// Whether the packet that is asked for by the lower bits of its number is to be sent again.
    pub fn ask(&mut self, number: u16, round_trip: Duration, now: Time) -> Resend {
        // The newest packet with these bits: all that are kept lie within half of the wire's numbers.
        let newest = self.first + self.packets.len() as u64;
        let behind = u64::from((newest as u16).wrapping_sub(number));
        let Some(number) = newest.checked_sub(behind) else { return Resend::Gone };
        let apart = (round_trip * self.tuning.repair_apart_round_trips).max(self.tuning.repair_apart);
        match self.get(number) {
            None => Resend::Gone,
            // What feedback shows is longer than the round trip, by what the far side holds it back.
            Some(sent)
                if sent.queued || now - sent.last < if sent.times == 0 { apart * 3 / 4 } else { apart } =>
            {
                Resend::NotYet
            }
            Some(sent) => Resend::Yes { number, bytes: sent.payload.len(), times: sent.times },
        }
    }

    /// Whether a packet is kept, and was neither sent again nor is going to be.
    pub fn is_sent_once(&self, number: u64) -> bool {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let sent = index.and_then(|index| self.packets.get(index)?.as_ref());
        sent.is_some_and(|sent| sent.times == 0 && !sent.queued)
    }

    /// Notes that a packet waits to be sent again.
    pub fn queue(&mut self, number: u64) {
        if let Some(sent) = self.get(number) {
            sent.queued = true;
            sent.times = sent.times.saturating_add(1);
        }
    }

    /// Notes that a packet does not wait any more.
    pub fn unqueue(&mut self, number: u64) {
        if let Some(sent) = self.get(number) {
            sent.queued = false;
        }
    }

    /// Notes that a packet which was asked for leaves again now. The far side waits from the first copy on.
    pub fn leaves(&mut self, number: u64, now: Time) {
        if let Some(sent) = self.get(number)
            && std::mem::take(&mut sent.queued)
        {
            sent.last = now;
        }
    }

    /// A packet, if it is still kept.
    pub fn kept(&mut self, number: u64) -> Option<&mut Sent> {
        self.get(number)
    }

    /// Takes back the payload of a packet that was taken out to be written.
    pub fn give_back(&mut self, number: u64, payload: Vec<u8>) {
        if let Some(sent) = self.get(number) {
            sent.payload = payload;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(80);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    const fn yes(number: u64, bytes: usize) -> Resend {
        Resend::Yes { number, bytes, times: 0 }
    }

    fn history(first: u64, count: u64) -> History {
        let mut history = History::new(SendTuning::default());
        (0..count).for_each(|n| history.push(first + n, false, n as u32, vec![0; 100], at(n * 10)));
        history
    }

    #[test]
    fn a_packet_is_not_sent_again_within_a_round_trip() {
        let mut history = history(100, 5);
        assert_eq!(history.ask(102, ROUND_TRIP, at(79)), Resend::NotYet);
        assert_eq!(history.ask(102, ROUND_TRIP, at(80)), yes(102, 100));
        history.queue(102);
        assert_eq!(history.ask(102, ROUND_TRIP, at(300)), Resend::NotYet, "it waits to leave");
        history.leaves(102, at(310));
        history.leaves(102, at(330)); // a copy, by which the answer becomes no younger
        assert_eq!(history.kept(102).map(|sent| sent.timestamp), Some(2));
        assert_eq!(history.ask(102, ROUND_TRIP, at(389)), Resend::NotYet);
        assert_eq!(history.ask(102, ROUND_TRIP, at(390)), Resend::Yes { number: 102, bytes: 100, times: 1 });
    }

    #[test]
    fn what_is_old_or_unknown_is_gone() {
        let mut history = history(65_530, 20);
        assert_eq!(history.ask(65_530, ROUND_TRIP, at(500)), yes(65_530, 100));
        assert_eq!(history.ask(5, ROUND_TRIP, at(500)), yes(65_541, 100), "past the wrap");
        assert_eq!(history.ask(200, ROUND_TRIP, at(500)), Resend::Gone);
        history.expire(ROUND_TRIP, at(1_055));
        assert_eq!(history.ask(65_535, ROUND_TRIP, at(1_055)), Resend::Gone);
        assert_eq!(history.ask(0, ROUND_TRIP, at(1_055)), yes(65_536, 100));
        history.expire(ROUND_TRIP * 10, at(2_000));
        assert_eq!(history.ask(0, ROUND_TRIP, at(2_000)), yes(65_536, 100), "a long way takes longer");
    }

    #[test]
    fn numbers_may_jump_and_come_out_of_order() {
        let mut history = history(100, 2);
        history.push(104, false, 4, vec![0; 10], at(20));
        history.push(103, false, 3, vec![0; 10], at(21));
        history.push(99, false, 0, vec![0; 10], at(22));
        assert_eq!(history.ask(103, ROUND_TRIP, at(200)), yes(103, 10));
        assert_eq!(history.ask(102, ROUND_TRIP, at(200)), Resend::Gone);
        history.push(1_000_000, true, 0, vec![0; 10], at(30));
        assert_eq!(history.packets.len(), 1);
        (0..5_000).for_each(|n| history.push(1_000_001 + n, true, 0, vec![0; 10], at(40)));
        assert_eq!(history.packets.len(), MOST);
    }
}
