//! One incoming stream, from its packets to what is handed out.

use super::key_frames::KeyFrameRequests;
use super::order::{Part, Slot};
use super::pictures::Pictures;
use super::playout::Playout;
use super::reception::{Reception, Verdict};
use super::sound::SoundOrder;
use super::timeline::Timeline;
use super::{Gaps, InboundStats, Tuning};
use crate::rtp::config::{Deliver, Kind, ReceiveCodec, ReceiveConfig};
use crate::rtp::event::{Event, ForwardedPacket, ReceiverId, Sound};
use crate::rtp::time::Time;
use crate::rtp::wire::Packet;
use std::collections::VecDeque;
use std::time::Duration;

/// How long the first packets of a stream are waited for before a key frame is asked for.
const START: Duration = Duration::from_millis(30);
/// Sound that is overtaken is waited for at least this long, the length of a packet.
const SOUND_PATIENCE: Duration = Duration::from_millis(20);

/// A copy may overtake its packet, or be of one that was lost and is the newest; but what is further ahead than this is of
/// no stream that is known.
const MAX_AHEAD: u64 = 128;
/// Packets of an SSRC that another has taken the place of are late ones for this long, and no change back.
const RETIREMENT: Duration = Duration::from_secs(1);

/// What is done with packets once they are in place.
#[derive(Debug)]
pub(super) enum Delivery {
    Pictures(Pictures),
    Sound(SoundOrder),
    Packets,
}

/// One incoming stream.
#[derive(Debug)]
pub struct Incoming {
    pub(super) id: ReceiverId,
    pub(super) config: ReceiveConfig,
    pub(super) tuning: Tuning,
    pub(super) reception: Reception,
    pub(super) timeline: Timeline,
    pub(super) gaps: Gaps,
    pub(super) playout: Playout,
    pub(super) delivery: Delivery,
    pub(super) sounds: VecDeque<Sound>,
    pub(super) key_frames: KeyFrameRequests,
    pub(super) clock_rate: u32,
    pub(super) latest: Time,
    pub(super) stats: InboundStats,
    /// Lost with SSRCs before the present one.
    pub(super) lost_before: i64,
    /// The SSRC before the present one, and until when it was that.
    pub(super) retired: Option<(u32, Time)>,
}

impl Incoming {
    /// A stream of which nothing has come.
    #[must_use]
    pub fn new(id: ReceiverId, config: ReceiveConfig, tuning: Tuning) -> Self {
        let clock_rate = config.codecs.first().map_or(90_000, |codec| codec.clock_rate);
        let delivery = match (config.deliver, config.kind) {
            (Deliver::Packets, _) => Delivery::Packets,
            (Deliver::Media, Kind::Video) => Delivery::Pictures(Pictures::default()),
            (Deliver::Media, Kind::Audio) => Delivery::Sound(SoundOrder::default()),
        };
        Self {
            id,
            tuning,
            reception: Reception::default(),
            timeline: Timeline::default(),
            gaps: Gaps::new(tuning, config.feedback.nack),
            playout: Playout::new(clock_rate, config.min_delay, config.max_delay),
            delivery,
            sounds: VecDeque::new(),
            key_frames: KeyFrameRequests::default(),
            clock_rate,
            latest: Time::default(),
            stats: InboundStats { ssrc: config.ssrc, rtx_ssrc: config.rtx_ssrc, ..InboundStats::default() },
            lost_before: 0,
            retired: None,
            config,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> ReceiverId {
        self.id
    }

    /// Whether a packet of an unknown SSRC with this payload type can be of the stream: nobody takes the place of an SSRC
    /// from which packets come, but retransmissions have one of their own.
    #[must_use]
    pub fn takes(&self, payload_type: u8, now: Time) -> bool {
        let live = self.stats.packets_received > 0 && now - self.latest < RETIREMENT;
        let is = |codec: &ReceiveCodec| {
            codec.rtx_payload_type == Some(payload_type) || codec.payload_type == payload_type && !live
        };
        self.config.codecs.iter().any(is)
    }

    /// What was agreed for the stream.
    #[must_use]
    pub fn config(&self) -> &ReceiveConfig {
        &self.config
    }

    /// The SSRC that it has now, announced or seen.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.stats.ssrc
    }

    /// Whether this SSRC is its own or that of its retransmissions.
    #[must_use]
    pub fn has(&self, ssrc: u32) -> bool {
        self.stats.ssrc == Some(ssrc) || self.stats.rtx_ssrc == Some(ssrc)
    }

    /// Takes a packet of so many `bytes` that belongs to the stream, by whatever SSRC; the payload type tells what it is.
    pub fn receive(&mut self, packet: &Packet<'_>, bytes: usize, now: Time, events: &mut VecDeque<Event>) {
        let payload_type = packet.header.payload_type;
        let codecs = &self.config.codecs;
        if let Some(&codec) = codecs.iter().find(|codec| codec.payload_type == payload_type) {
            self.original(packet, bytes, codec, now, events);
        } else if let Some(&codec) = codecs.iter().find(|codec| codec.rtx_payload_type == Some(payload_type))
        {
            self.retransmission(packet, bytes, codec, now, events);
        } else {
            self.stats.packets_discarded += 1;
        }
    }

    fn original(
        &mut self,
        packet: &Packet<'_>,
        bytes: usize,
        codec: ReceiveCodec,
        now: Time,
        events: &mut VecDeque<Event>,
    ) {
        let header = &packet.header;
        if self.retired.is_some_and(|(ssrc, since)| ssrc == header.ssrc && now - since < RETIREMENT) {
            self.stats.packets_discarded += 1;
            return;
        }
        let before = self.stats.ssrc.replace(header.ssrc).filter(|&ssrc| ssrc != header.ssrc);
        if let Some(before) = before {
            self.retired = Some((before, now));
            self.switch();
        }
        let Some(part) = part(packet.payload, codec) else {
            self.stats.packets_discarded += 1;
            return;
        };
        self.latest = now;
        let highest = self.reception.highest();
        let sequence = match self.reception.judge(header.sequence_number) {
            Verdict::Unlikely => {
                self.stats.packets_discarded += 1;
                return;
            }
            Verdict::Restarts(sequence) => {
                self.begin_anew();
                sequence
            }
            Verdict::Continues(sequence) => {
                if highest > 0 && sequence > highest && !self.gaps.open(highest + 1, sequence, now) {
                    self.begin_anew();
                }
                sequence
            }
        };
        let missed = self.gaps.close(sequence, false, now);
        let timestamp = self.timeline.place(header.timestamp, codec.clock_rate, now);
        if sequence > highest {
            self.reception.measure(timestamp, codec.clock_rate, now);
        }
        self.count(bytes, packet.payload.len());
        let fresh = missed || sequence > highest;
        let placed = Placed { sequence, timestamp, part, codec, marker: header.marker, fresh };
        self.accept(placed, packet.payload, now, events);
    }

    fn retransmission(
        &mut self,
        packet: &Packet<'_>,
        bytes: usize,
        codec: ReceiveCodec,
        now: Time,
        events: &mut VecDeque<Event>,
    ) {
        // Nothing but padding, to probe the path.
        let Some((number, payload)) = packet.payload.split_first_chunk::<2>() else { return };
        self.stats.rtx_ssrc = Some(packet.header.ssrc);
        self.stats.retransmitted_packets_received += 1;
        self.stats.retransmitted_bytes_received += payload.len() as u64;
        let number = u16::from_be_bytes(*number);
        let highest = self.reception.highest();
        let sequence = self.reception.place(number).filter(|&sequence| sequence <= highest + MAX_AHEAD);
        let (Some(sequence), Some(part)) = (sequence, part(payload, codec)) else {
            self.stats.packets_discarded += 1;
            return;
        };
        if sequence > highest {
            self.gaps.open(highest + 1, sequence + 1, now);
            self.reception.extend(number);
        }
        self.count(bytes, payload.len());
        if !self.gaps.close(sequence, true, now) {
            return; // it is here already, or given up
        }
        let timestamp = self.timeline.place(packet.header.timestamp, codec.clock_rate, now);
        let placed = Placed { sequence, timestamp, part, codec, marker: packet.header.marker, fresh: true };
        self.accept(placed, payload, now, events);
    }

    fn accept(&mut self, placed: Placed, payload: &[u8], now: Time, events: &mut VecDeque<Event>) {
        let Placed { sequence, timestamp, part, codec, marker, fresh } = placed;
        if self.clock_rate != codec.clock_rate {
            self.clock_rate = codec.clock_rate;
            self.playout.restart(codec.clock_rate);
        }
        let useful = match &mut self.delivery {
            Delivery::Pictures(pictures) => {
                let slot = Slot {
                    codec: codec.codec,
                    timestamp,
                    marker,
                    part,
                    payload: payload.to_vec(),
                    arrival: now,
                };
                pictures.insert(sequence, slot)
            }
            Delivery::Sound(order) => {
                let due = self.playout.schedule(timestamp, now);
                order.insert(sequence, (codec.codec, timestamp, payload.to_vec()), due, now)
            }
            Delivery::Packets => {
                if fresh {
                    let key = part.is_some_and(|part| part.key);
                    if key {
                        self.key_frames.answered();
                        self.stats.key_frames_received += 1;
                    }
                    let packet = ForwardedPacket {
                        codec: codec.codec,
                        ssrc: self.stats.ssrc.unwrap_or_default(),
                        sequence,
                        timestamp,
                        marker,
                        key,
                        payload: payload.to_vec(),
                        arrival: now,
                    };
                    events.push_back(Event::Packet { receiver: self.id, packet });
                }
                fresh
            }
        };
        self.stats.packets_discarded += u64::from(!useful);
        self.tick(now, events);
    }

    /// Does what is due at `now`.
    pub fn tick(&mut self, now: Time, events: &mut VecDeque<Event>) {
        match &mut self.delivery {
            Delivery::Pictures(pictures) => {
                let (taken, keys) = pictures.advance(&mut self.gaps, &mut self.playout, now);
                self.stats.frames_received += taken;
                self.stats.key_frames_received += keys;
                if keys > 0 {
                    self.key_frames.answered();
                }
                if !pictures.need_key_frame(now) {
                    self.key_frames.begun();
                } else if self.reception.highest() > 0 {
                    let wait = if self.stats.frames_received == 0 { START } else { Duration::ZERO };
                    self.key_frames.need(&self.tuning, now + wait);
                }
                while let Some(picture) = pictures.next(now) {
                    emitted(&mut self.stats, &self.playout, now - picture.first_arrival);
                    events.push_back(Event::Picture { receiver: self.id, picture });
                }
            }
            Delivery::Sound(order) => {
                self.gaps.forget_old(now);
                order.take(SOUND_PATIENCE.max(self.gaps.reordering()), now, &mut self.sounds);
                for sound in self.sounds.drain(..) {
                    if sound.data.is_some() {
                        emitted(&mut self.stats, &self.playout, now - sound.arrival);
                    }
                    events.push_back(Event::Sound { receiver: self.id, sound });
                }
            }
            Delivery::Packets => {
                self.gaps.forget_old(now);
            }
        }
    }

    /// When there is something to do or to ask.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let media = match &self.delivery {
            Delivery::Pictures(pictures) => {
                let overdue = pictures.overdue().filter(|_| !self.key_frames.needed());
                [pictures.due(), overdue].into_iter().flatten().min()
            }
            Delivery::Sound(order) => order.deadline(SOUND_PATIENCE.max(self.gaps.reordering())),
            Delivery::Packets => None,
        };
        [media, self.gaps.deadline(), self.gaps.expiry(), self.key_frames.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn count(&mut self, bytes: usize, payload: usize) {
        self.stats.packets_received += 1;
        self.stats.bytes_received += payload as u64;
        self.stats.header_bytes_received += bytes.saturating_sub(payload) as u64;
    }

    /// Another SSRC takes the place of the present one.
    fn switch(&mut self) {
        self.lost_before += self.reception.lost();
        self.reception = Reception::default();
        self.timeline.switch();
        self.playout.restart(self.clock_rate);
        self.begin_anew();
    }

    /// What comes next has nothing to do with what came before.
    fn begin_anew(&mut self) {
        self.gaps.forget_before(u64::MAX);
        match &mut self.delivery {
            Delivery::Pictures(pictures) => pictures.restart(),
            Delivery::Sound(order) => order.restart(),
            Delivery::Packets => {}
        }
    }
}

/// A packet in its place.
struct Placed {
    sequence: u64,
    timestamp: u64,
    part: Option<Part>,
    codec: ReceiveCodec,
    marker: bool,
    /// It came for the first time, and was waited for.
    fresh: bool,
}

/// What a payload says of its picture, within; `None` if it cannot be read. Padding says nothing.
fn part(payload: &[u8], codec: ReceiveCodec) -> Option<Option<Part>> {
    if payload.is_empty() { Some(None) } else { Part::of(codec.codec, payload).map(Some) }
}

fn emitted(stats: &mut InboundStats, playout: &Playout, after: Duration) {
    stats.jitter_buffer_emitted_count += 1;
    stats.jitter_buffer_delay += after;
    stats.jitter_buffer_target_delay += playout.delay();
    stats.jitter_buffer_minimum_delay += playout.jitter_delay();
}
