//! The outgoing streams of a transport, which share its rate, its pacer and its budget for repair.

use super::SendTuning;
use super::ahead::Ahead;
use super::pacer::{Class, Pacer, Turn};
use super::repair::Repair;
use super::split::{Shares, beside_copies};
use super::stats::OutboundStats;
use super::stream::{Departure, HEADERS, Media, Stream};
use crate::rtp::Invalid;
use crate::rtp::config::{Kind, Rates, SendConfig};
use crate::rtp::event::{Event, ForwardedPacket, MediaInfo, SenderId};
use crate::rtp::random::Random;
use crate::rtp::rate::Controller;
use crate::rtp::time::Time;
use crate::rtp::wire::feedback::TransportFeedback;
use crate::rtp::wire::rtcp::{ReportBlock, SenderInfo};
use std::collections::VecDeque;
use std::time::Duration;

/// A stream that nothing was handed over for during this gets no share.
const IDLE: Duration = Duration::from_secs(1);
/// Whoever makes the media is told of changes of its rate from this share on.
const CHANGE: f64 = 0.03;
/// What waits for its turn.
#[derive(Debug)]
pub(super) enum Item {
    Media(SenderId, Media),
    /// A packet to be sent again: its full number, and what it was reckoned with.
    Again(SenderId, u64, usize),
}

/// The outgoing streams.
#[derive(Debug)]
pub struct Senders {
    pub(super) tuning: SendTuning,
    pub(super) streams: Vec<(SenderId, Stream)>,
    next_id: u32,
    random: Random,
    pub(super) controller: Controller,
    pub(super) pacer: Pacer<Item>,
    pub(super) repair: Repair,
    pub(super) ahead: Ahead,
    /// When pictures that waited were last given up.
    pub(super) abandoned: Option<Time>,
    /// Kept for their memory.
    packets: Vec<Media>,
    pub(super) asked: Vec<u16>,
}

impl Senders {
    /// Without streams.
    #[must_use]
    pub fn new(random: Random, rates: Rates, tuning: SendTuning) -> Self {
        Self {
            tuning,
            streams: Vec::new(),
            next_id: 0,
            random,
            controller: Controller::new(tuning.controller, rates),
            pacer: Pacer::new(rates.start),
            repair: Repair::new(tuning),
            ahead: Ahead::new(tuning),
            abandoned: None,
            packets: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Adds a stream.
    pub fn add(&mut self, config: SendConfig) -> SenderId {
        let id = SenderId(self.next_id);
        self.next_id += 1;
        self.streams.push((id, Stream::new(config, self.tuning, &mut self.random)));
        id
    }

    /// Ends a stream; the datagram that says so to the far side (BYE), if there was one.
    pub fn remove(&mut self, id: SenderId, now: Time) -> Option<Vec<u8>> {
        let index = self.streams.iter().position(|(other, _)| *other == id)?;
        let (_, stream) = self.streams.remove(index);
        let repair = &mut self.repair;
        self.pacer.discard(|item| {
            if let (true, Item::Again(_, _, bytes)) = (item.stream() == id, item) {
                repair.release(*bytes);
            }
            item.stream() == id
        });
        Some(stream.farewell(now))
    }

    /// Whether a stream has this SSRC, for media or for retransmissions.
    #[must_use]
    pub fn has(&self, ssrc: u32) -> bool {
        self.streams.iter().any(|(_, stream)| stream.has(ssrc))
    }

    pub(super) fn get(&mut self, id: SenderId) -> Option<&mut Stream> {
        self.streams.iter_mut().find(|(other, _)| *other == id).map(|(_, stream)| stream)
    }

    fn known(&mut self, id: SenderId) -> Result<&mut Stream, Invalid> {
        self.get(id).ok_or_else(|| Invalid::new("sender", "one that was added and not removed", id.0))
    }

    fn by_ssrc(&mut self, ssrc: u32) -> Option<(SenderId, &mut Stream)> {
        self.streams
            .iter_mut()
            .find(|(_, stream)| stream.config.ssrc == ssrc)
            .map(|(id, stream)| (*id, stream))
    }

    /// Queues a picture or a packet of sound.
    ///
    /// # Errors
    /// [`Invalid`] for a stream that is not there, or media that its codec does not make.
    pub fn send(
        &mut self,
        id: SenderId,
        media: &[u8],
        timestamp: u32,
        info: &MediaInfo,
        now: Time,
    ) -> Result<(), Invalid> {
        let mut packets = std::mem::take(&mut self.packets);
        let stream = self.known(id)?;
        let class = class(stream);
        let cut = stream.cut(media, timestamp, info, now, &mut packets);
        if cut.is_ok() && class == Class::Video && info.key && self.pacer.wait() > self.tuning.stale {
            self.discard(id, Stream::is_replaced);
        }
        for packet in packets.drain(..) {
            let bytes = packet.payload.len() + HEADERS;
            self.pacer.push(class, Item::Media(id, packet), bytes, now);
        }
        self.packets = packets;
        cut
    }

    /// Queues a packet that another transport received.
    ///
    /// # Errors
    /// [`Invalid`] for a stream that is not there.
    pub fn forward(&mut self, id: SenderId, packet: &ForwardedPacket, now: Time) -> Result<(), Invalid> {
        let stream = self.known(id)?;
        let class = class(stream);
        if let Some(media) = stream.pass_on(packet, now) {
            let bytes = media.payload.len() + HEADERS;
            self.pacer.push(class, Item::Media(id, media), bytes, now);
        }
        Ok(())
    }

    /// Takes a request of a key frame, by PLI or by an FIR of this number.
    pub fn key_frame_wanted(&mut self, ssrc: u32, fir: Option<u8>, now: Time) {
        let round_trip = self.controller.round_trip();
        let Some((_, stream)) = self.by_ssrc(ssrc) else { return };
        match fir {
            Some(number) => {
                stream.stats.fir_count += 1;
                if !stream.key_frames.is_new(number) {
                    return;
                }
            }
            None => stream.stats.pli_count += 1,
        }
        stream.key_frames.want(round_trip, now);
    }

    /// Takes the far side's estimate (REMB).
    pub fn remote_estimate(&mut self, bitrate: u64, now: Time) {
        self.controller.remote_estimate(bitrate, now);
    }

    /// Takes transport-wide feedback.
    pub fn feedback(&mut self, feedback: TransportFeedback<'_>, now: Time) {
        self.controller.feedback(feedback, now);
    }

    /// Takes a block of a receiver report, if it is about one of these streams.
    pub fn report(&mut self, report: &ReportBlock, round_trip: Option<Duration>, now: Time) {
        let Some((_, stream)) = self.by_ssrc(report.ssrc) else { return };
        let (lost, received) = stream.report(report, round_trip);
        // One that answers the same report of ours once more tells how long the way was then.
        let round_trip = round_trip.filter(|_| stream.is_answered_anew(report));
        self.controller.report(lost, received, round_trip, now);
    }

    /// Does what is due: decides on probes, and says what is wanted of encoders, and of publishers that are forwarded.
    pub fn tick(&mut self, now: Time, events: &mut VecDeque<Event>) {
        if let Some(probe) = self.controller.next_probe(now) {
            self.pacer.probe(probe);
        }
        self.give_up(now);
        let queues = self.controller.drains(now) || self.controller.is_down(now);
        let loss = if queues { 0.0 } else { self.controller.inherent_loss() };
        self.ahead.judge(loss, self.controller.round_trip());
        let shares = self.shares(now);
        let pictures = self.available_for_pictures(now);
        for (id, stream) in &mut self.streams {
            if stream.key_frames.take() {
                events.push_back(Event::KeyFrameWanted { sender: *id });
            }
            let bitrate = match (stream.kind(), stream.encodes()) {
                (Kind::Audio, true) => Some(shares.audio()),
                (Kind::Video, true) => Some(shares.video()),
                // A publisher is told what this path carries in all: its sound comes out of it as well.
                (Kind::Video, false) => pictures,
                (Kind::Audio, false) => None,
            };
            let Some(bitrate) = bitrate else { continue };
            let told = stream.stats.target_bitrate;
            if told.is_none_or(|told| bitrate.abs_diff(told) as f64 > CHANGE * told as f64) {
                stream.stats.target_bitrate = Some(bitrate);
                events.push_back(Event::Rate { sender: *id, bitrate });
            }
        }
    }

    fn shares(&self, now: Time) -> Shares {
        let active = |stream: &Stream| stream.active().is_some_and(|at| now - at < IDLE);
        let count = |kind: Kind| {
            self.streams
                .iter()
                .filter(|(_, stream)| stream.kind() == kind && stream.encodes() && active(stream))
                .count()
        };
        Shares {
            target: self.controller.target(),
            audios: count(Kind::Audio),
            videos: count(Kind::Video),
            repair: self.repair.rate(now),
            copies_above: self.ahead.is_on().then_some(self.tuning.ahead_above),
        }
    }

    /// When [`next_packet`](Self::next_packet) has something at the latest. [`tick`](Self::tick) is to be called
    /// whenever something was received.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let copy = self.ahead.due().map(|due| due.max(self.pacer.free()));
        [self.pacer.deadline(), copy].into_iter().flatten().min()
    }

    /// The pace, in bit/s. A key frame does not wait until a queue has drained: nothing is shown before it is there. But
    /// where the queue is full it would get lost.
    fn pace(&self, now: Time) -> u64 {
        let pace = self.controller.pace(now);
        if self.streams.iter().any(|(_, stream)| !stream.encodes()) && !self.controller.is_down(now) {
            return (pace as f64 * self.tuning.forwarding) as u64;
        }
        let leaves = self.streams.iter().any(|(_, stream)| stream.key_frames.is_leaving());
        if leaves && !self.controller.is_down(now) && !self.controller.has_just_decreased(now) {
            pace.max(self.controller.target())
        } else {
            pace
        }
    }

    /// The next packet that may leave at `now`.
    pub fn next_packet(&mut self, now: Time) -> Option<Vec<u8>> {
        let lead = if self.controller.has_plenty(now) { self.tuning.together } else { Duration::ZERO };
        self.pacer.set_pace(self.pace(now), lead);
        loop {
            let (number, round_trip) = (self.controller.next_number(), self.controller.round_trip());
            let departure = Departure { number, now, round_trip };
            let Some(turn) = self.pacer.next(now) else {
                let (datagram, id) = self.next_copy(departure)?;
                return Some(self.departs(datagram, None, id, now));
            };
            let (datagram, probe, id) = match turn {
                Turn::Packet { key: Item::Media(id, media), probe, waited } => {
                    (self.write(id, media, waited, departure), probe, id)
                }
                Turn::Packet { key: Item::Again(id, number, bytes), probe, waited } => {
                    self.repair.release(bytes);
                    (self.write_again(id, number, waited, departure), probe, id)
                }
                Turn::Padding { bytes, probe } => {
                    let padded = self
                        .streams
                        .iter_mut()
                        .find_map(|(id, stream)| Some((stream.write_padding(bytes, departure)?, *id)));
                    let Some((datagram, id)) = padded else {
                        self.pacer.end_probe();
                        continue;
                    };
                    (Some(datagram), Some(probe), id)
                }
            };
            let Some(datagram) = datagram else { continue };
            return Some(self.departs(datagram, probe, id, now));
        }
    }

    /// Notes that a datagram leaves.
    fn departs(&mut self, datagram: Vec<u8>, probe: Option<u32>, id: SenderId, now: Time) -> Vec<u8> {
        let numbered = self.get(id).is_some_and(|stream| stream.config.extensions.transport_cc.is_some());
        if numbered {
            self.controller.sent(datagram.len(), probe, now);
        } else {
            self.controller.sent_unnumbered(datagram.len(), now);
        }
        if self.ahead.is_on() {
            self.ahead.spend(datagram.len(), self.controller.target(), now);
        }
        datagram
    }

    fn write(
        &mut self,
        id: SenderId,
        media: Media,
        waited: Duration,
        departure: Departure,
    ) -> Option<Vec<u8>> {
        let stream = self.get(id)?;
        let (datagram, number) = stream.write(media, waited, departure);
        if stream.kind() == Kind::Video {
            self.ahead.push(id, number, datagram.len(), departure.now);
        }
        Some(datagram)
    }

    /// The next copy of a packet, where there is time and rate for one.
    fn next_copy(&mut self, departure: Departure) -> Option<(Vec<u8>, SenderId)> {
        while self.pacer.is_idle(departure.now) {
            let copy = self.ahead.next(self.controller.target(), departure.now)?;
            let stream = self.get(copy.sender).filter(|stream| stream.is_worth_a_copy(copy.number));
            let datagram = stream.and_then(|stream| stream.write_copy(copy.number, departure));
            if let Some(datagram) = datagram {
                self.pacer.pass(datagram.len(), departure.now);
                return Some((datagram, copy.sender));
            }
        }
        None
    }

    fn write_again(
        &mut self,
        id: SenderId,
        number: u64,
        waited: Duration,
        departure: Departure,
    ) -> Option<Vec<u8>> {
        let datagram = self.get(id)?.write_again(number, waited, departure)?;
        self.repair.left(datagram.len(), departure.now);
        Some(datagram)
    }

    /// Changes the bounds of the rate.
    pub const fn set_rates(&mut self, rates: Rates) {
        self.controller.set_rates(rates);
    }

    /// What can be sent, in bit/s: next to nothing while the path is down. `None` before anything is sent.
    #[must_use]
    pub fn available(&self, now: Time) -> Option<u64> {
        let sends = self.streams.iter().any(|(_, stream)| stream.active().is_some());
        let down = self.controller.is_down(now);
        sends.then(|| if down { self.controller.pace(now) } else { self.controller.target() })
    }

    /// What pictures may take of it: less where they are sent twice.
    fn available_for_pictures(&self, now: Time) -> Option<u64> {
        let available = self.available(now)?;
        let above = self.ahead.is_on().then_some(self.tuning.ahead_above);
        Some(above.map_or(available, |above| beside_copies(available as f64, above) as u64))
    }

    /// Whether a picture of a stream that is handed over now would leave soon. Where it would not, it is better not
    /// encoded at all: the next one will be newer. There is always room for a key frame that was asked for, since it
    /// takes the place of what waits.
    #[must_use]
    pub fn has_room(&self, id: SenderId) -> bool {
        let awaited = |(other, stream): &(SenderId, Stream)| *other == id && stream.key_frames.is_awaited();
        self.pacer.wait() < self.tuning.room || self.streams.iter().any(awaited)
    }

    /// How long it takes until everything that waits has left.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.pacer.wait()
    }

    /// Whether reports are all there is to control the rate by: then the round trip in them should not be old.
    #[must_use]
    pub fn rely_on_reports(&self) -> bool {
        self.streams.iter().any(|(_, stream)| stream.active().is_some())
            && self.controller.relies_on_reports()
    }

    /// What sender reports say: the SSRC, the name and the figures of each stream that was sent.
    pub fn reports(&self, now: Time) -> impl Iterator<Item = (u32, &str, SenderInfo)> {
        self.streams.iter().filter_map(move |(_, stream)| {
            Some((stream.config.ssrc, stream.config.cname.as_str(), stream.sender_info(now)?))
        })
    }

    /// Figures of a stream; `None` if it is not there.
    #[must_use]
    pub fn stats(&self, id: SenderId) -> Option<OutboundStats> {
        self.streams.iter().find(|(other, _)| *other == id).map(|(_, stream)| stream.stats.clone())
    }
}

impl Item {
    const fn stream(&self) -> SenderId {
        match self {
            Self::Media(id, _) | Self::Again(id, ..) => *id,
        }
    }
}

fn class(stream: &Stream) -> Class {
    match stream.kind() {
        Kind::Audio => Class::Audio,
        Kind::Video => Class::Video,
    }
}
