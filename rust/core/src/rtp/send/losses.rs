//! What is done about losses: repair within its budget, and beyond it key frames.

use super::history::Resend;
use super::pacer::Class;
use super::senders::{Item, Senders};
use super::stream::{HEADERS, Media, Stream};
use crate::rtp::config::Kind;
use crate::rtp::event::SenderId;
use crate::rtp::time::Time;
use std::time::Duration;

/// Encoders have this long to come to a new rate.
const SETTLING: Duration = Duration::from_secs(3);
/// No more than these asked for at once are not of a burst.
const SINGLE_LOSSES: usize = 2;

impl Senders {
    /// Takes a NACK: queues what is still of use, as far as the budget goes. What it does not go for is not worth
    /// waiting for: a key frame is asked for instead.
    pub fn nack(&mut self, ssrc: u32, numbers: impl Iterator<Item = u16>, now: Time) {
        self.repair.fill(self.controller.target(), now);
        let (round_trip, pace) = (self.controller.round_trip(), self.controller.pace(now));
        let Some(index) = self.streams.iter().position(|(_, stream)| stream.config.ssrc == ssrc) else {
            return;
        };
        let (id, stream) = &mut self.streams[index];
        if !stream.config.feedback.nack {
            return;
        }
        stream.stats.nack_count += 1;
        self.asked.clear();
        self.asked.extend(numbers);
        // In a burst of losses, copies are lost together.
        let single = self.asked.len() <= SINGLE_LOSSES;
        let queues = self.controller.drains(now);
        let spare = single && self.repair.is_plenty() && !queues && !self.ahead.is_on();
        let class = if stream.kind() == Kind::Audio { Class::Audio } else { Class::Repair };
        let mut missed = false;
        for &number in &self.asked {
            match stream.ask(number, round_trip, now) {
                Resend::Yes { number, bytes, times } => {
                    // Lost again: before long a key frame is asked for, and the request may get lost as well.
                    missed |= times >= if single { 2 } else { 1 };
                    let bytes = bytes + HEADERS;
                    // Repair of what is before a key frame would only make that later.
                    if !stream.is_behind_key(number, queues, round_trip, now)
                        && self.repair.admit(bytes, pace)
                    {
                        stream.queue_again(number);
                        self.pacer.push(class, Item::Again(*id, number, bytes), bytes, now);
                        let copies = if times == 0 && spare { self.tuning.repair_copies } else { 1 };
                        for _ in 1..copies {
                            if self.repair.admit(bytes, pace) {
                                self.pacer.push(class, Item::Again(*id, number, bytes), bytes, now);
                            }
                        }
                        continue;
                    }
                    missed = true;
                }
                // What is passed on may have been lost before it came here, and may still come.
                Resend::Gone => missed |= stream.encodes(),
                Resend::NotYet => {}
            }
            stream.stats.retransmissions_refused += 1;
        }
        if missed && self.tuning.offers_key_frames && stream.kind() == Kind::Video {
            stream.key_frames.offer(round_trip, now);
        }
    }

    /// Takes pictures of a stream out of the queue, as far as they are useless, and all of their repair. Returns how many
    /// pictures.
    pub(super) fn discard(&mut self, id: SenderId, useless: impl Fn(&Stream, &Media) -> bool) -> u64 {
        let Some((_, stream)) = self.streams.iter_mut().find(|(other, _)| *other == id) else { return 0 };
        let (repair, mut last, mut pictures) = (&mut self.repair, None, 0);
        self.pacer.discard(|item| match item {
            Item::Media(other, media) if *other == id && useless(stream, media) => {
                pictures += u64::from(last.replace(media.picture) != Some(media.picture));
                true
            }
            Item::Again(other, number, bytes) if *other == id => {
                stream.unqueue_again(*number);
                repair.release(*bytes);
                true
            }
            _ => false,
        });
        stream.stats.frames_discarded += pictures;
        pictures
    }

    /// Gives up all pictures that wait, and their repair, where they would take hopelessly long to leave. Of a path that
    /// is down nobody knows what it will carry. And what was encoded since the last time was encoded for this rate: it
    /// will not get any smaller.
    pub(super) fn give_up(&mut self, now: Time) {
        let lately = self.abandoned.is_some_and(|at| now - at < SETTLING);
        if self.pacer.wait() <= self.tuning.hopeless || lately || self.controller.is_down(now) {
            return;
        }
        self.abandoned = Some(now);
        let video = |(id, stream): &(SenderId, Stream)| (stream.kind() == Kind::Video).then_some(*id);
        let ids: Vec<_> = self.streams.iter().filter_map(video).collect();
        for id in ids {
            if self.discard(id, |_, _| true) > 0
                && let Some(stream) = self.get(id)
            {
                stream.abandon(now);
            }
        }
    }
}
