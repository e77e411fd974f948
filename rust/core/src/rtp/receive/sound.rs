//! Packets of sound, in whatever order, to sound in its own: each at its time, and what is missing named.

use crate::rtp::config::Codec;
use crate::rtp::event::Sound;
use crate::rtp::time::Time;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Packets that wait at most: ten seconds of 20 ms.
const CAPACITY: usize = 500;
/// Of a longer outage than this many packets, a second of 20 ms, nothing is concealed.
const MAX_CONCEALED: u64 = 50;

#[derive(Debug)]
struct Waiting {
    codec: Codec,
    timestamp: u64,
    payload: Vec<u8>,
    arrival: Time,
    due: Time,
}

/// The packets of one stream that wait for their time or for what is before them.
#[derive(Debug, Default)]
pub struct SoundOrder {
    waiting: BTreeMap<u64, Waiting>,
    /// The number and the timestamp of the last one handed out.
    last: Option<(u64, u64)>,
    lost: u64,
}

impl SoundOrder {
    /// Takes a packet by its unwrapped sequence number, and when it is due: `false` if it is too late, or here already.
    /// An empty payload only says that the packet with this number is not missing.
    pub fn insert(
        &mut self,
        sequence: u64,
        (codec, timestamp, payload): (Codec, u64, Vec<u8>),
        due: Time,
        now: Time,
    ) -> bool {
        if self.last.is_some_and(|(last, _)| sequence <= last) || self.waiting.contains_key(&sequence) {
            return false;
        }
        if self.waiting.len() == CAPACITY {
            self.waiting.pop_first();
        }
        self.waiting.insert(sequence, Waiting { codec, timestamp, payload, arrival: now, due });
        true
    }

    /// Begins anew: what comes next has other numbers.
    pub fn restart(&mut self) {
        self.waiting.clear();
        self.last = None;
    }

    /// Packets declared missing so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Appends to `out` what is due at `now`, in order. What is missing is waited for until what follows it is due, and
    /// at least for `patience` from when that came, because packets overtake each other.
    pub fn take(&mut self, patience: Duration, now: Time, out: &mut VecDeque<Sound>) {
        while self.deadline(patience).is_some_and(|due| due <= now) {
            let Some((sequence, packet)) = self.waiting.pop_first() else { return };
            if let Some((last, timestamp)) = self.last {
                self.conceal(sequence - last, timestamp, &packet, now, out);
            }
            self.last = Some((sequence, packet.timestamp));
            if !packet.payload.is_empty() {
                out.push_back(Sound {
                    codec: packet.codec,
                    data: Some(packet.payload),
                    timestamp: packet.timestamp,
                    arrival: packet.arrival,
                });
            }
        }
    }

    /// When [`take`](Self::take) has something.
    #[must_use]
    pub fn deadline(&self, patience: Duration) -> Option<Time> {
        let (&sequence, packet) = self.waiting.first_key_value()?;
        match self.last {
            Some((last, _)) if sequence > last + 1 => Some(packet.due.max(packet.arrival + patience)),
            _ => Some(packet.due),
        }
    }

    /// Names the packets missing between the last one and this, `steps` after it.
    fn conceal(&mut self, steps: u64, timestamp: u64, next: &Waiting, now: Time, out: &mut VecDeque<Sound>) {
        self.lost += steps - 1;
        // Over a step backwards there is nothing to interpolate.
        let Some(span) = next.timestamp.checked_sub(timestamp).filter(|_| steps - 1 <= MAX_CONCEALED) else {
            return;
        };
        out.extend((1..steps).map(|step| Sound {
            codec: next.codec,
            data: None,
            timestamp: timestamp + span * step / steps,
            arrival: now,
        }));
    }
}
