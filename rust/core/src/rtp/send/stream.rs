//! One outgoing stream: pictures or sound to packets, and packets again for those who missed them.

use super::SendTuning;
use super::forward::Renumbering;
use super::history::{History, Resend};
use super::key_frames::KeyFrameRequests;
use super::stats::OutboundStats;
use crate::rtp::Invalid;
use crate::rtp::config::{Rtx, SendConfig};
use crate::rtp::event::{ForwardedPacket, MediaInfo};
use crate::rtp::payload::{Kind, Packetizer};
use crate::rtp::random::Random;
use crate::rtp::time::Time;
use crate::rtp::trailer::Trailer;
use crate::rtp::wire::rtcp::{
    ReportBlock, SenderInfo, write_bye, write_receiver_report, write_sdes, write_sender_report,
};
use crate::rtp::wire::{ExtensionValues, Header, abs_send_time};
use std::borrow::Cow;
use std::time::Duration;

/// Bytes of payload in a packet: with headers, extensions, the number of a packet sent again and what SRTP and IPv6
/// add, less than any path takes.
pub const PAYLOAD: usize = 1_140;

/// Bytes of headers that a packet is reckoned with before it is written.
pub const HEADERS: usize = 32;

/// Sequence numbers begin in the lower half, so that their first wrap is not missed by SRTP.
const FIRST_NUMBERS: u64 = 1 << 15;

/// A packet that waits for its first departure.
#[derive(Debug)]
pub struct Media {
    /// Its number, where it does not follow from the one before.
    number: Option<u64>,
    /// The last one of its picture.
    pub marker: bool,
    timestamp: u32,
    pub payload: Vec<u8>,
    /// Counts pictures of the stream.
    pub picture: u64,
    /// It is part of a key frame.
    pub key: bool,
}

/// What a packet is given when it leaves.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// Its transport-wide number.
    pub number: u16,
    /// When.
    pub now: Time,
    /// The round trip.
    pub round_trip: Duration,
}

/// An outgoing stream.
#[derive(Debug)]
pub struct Stream {
    pub config: SendConfig,
    packetizer: Packetizer,
    /// The number of the next packet that has none, and of the next one sent again.
    next: u64,
    next_rtx: u64,
    renumbering: Option<Renumbering>,
    pictures: u64,
    /// The picture of which some packets have left, and some not.
    leaving: Option<u64>,
    /// The number of the first packet of the key frame that left last, or leaves.
    key_began: Option<u64>,
    history: History,
    pub key_frames: KeyFrameRequests,
    /// The timestamp of the last picture or sound, and when it was handed over.
    latest: Option<(u32, Time)>,
    /// Payload bytes of packets that were not sent again: what sender reports count, with their number.
    first_sent: (u32, u32),
    reported: Reported,
    random_picture: u16,
    pub stats: OutboundStats,
}

/// What the far side reported last.
#[derive(Debug, Default)]
struct Reported {
    highest: Option<u32>,
    lost: i32,
    /// Which of our reports it answered.
    answers: u32,
}

impl Stream {
    pub fn new(config: SendConfig, tuning: SendTuning, random: &mut Random) -> Self {
        let random_picture = random.bits() as u16;
        let rtx_ssrc = config.rtx.map(|rtx| rtx.ssrc);
        Self {
            packetizer: Packetizer::new(config.codec, random_picture),
            next: random.bits() % FIRST_NUMBERS,
            next_rtx: random.bits() % FIRST_NUMBERS,
            renumbering: None,
            pictures: 0,
            leaving: None,
            key_began: None,
            history: History::new(tuning),
            key_frames: KeyFrameRequests::new(tuning.key_frames_apart),
            latest: None,
            first_sent: (0, 0),
            reported: Reported::default(),
            random_picture,
            stats: OutboundStats { ssrc: config.ssrc, rtx_ssrc, ..OutboundStats::default() },
            config,
        }
    }

    pub fn kind(&self) -> Kind {
        self.config.codec.kind()
    }

    pub fn has(&self, ssrc: u32) -> bool {
        self.config.ssrc == ssrc || self.config.rtx.is_some_and(|rtx| rtx.ssrc == ssrc)
    }

    /// Whether its media is encoded here, and its encoder can be asked for a rate.
    pub const fn encodes(&self) -> bool {
        self.renumbering.is_none()
    }

    /// When media was last handed over.
    pub fn active(&self) -> Option<Time> {
        self.latest.map(|(_, at)| at)
    }

    /// Cuts a picture or sound into packets and appends them to `packets`.
    pub fn cut(
        &mut self,
        media: &[u8],
        timestamp: u32,
        info: &MediaInfo,
        now: Time,
        packets: &mut Vec<Media>,
    ) -> Result<(), Invalid> {
        let mut payloads = Vec::new();
        let media = self.trailed(media, info.trailer);
        self.packetizer.packetize(&media, PAYLOAD, &mut payloads).map_err(|malformed| {
            Invalid::new("media", "a picture or sound of the stream's codec", malformed)
        })?;
        let video = self.kind() == Kind::Video;
        let key = video && info.key;
        let count = payloads.len();
        packets.extend(payloads.into_iter().enumerate().map(|(index, payload)| Media {
            number: None,
            marker: video && index + 1 == count,
            timestamp,
            payload,
            picture: self.pictures,
            key,
        }));
        self.latest = Some((timestamp, now));
        self.pictures += 1;
        if video {
            self.count_picture(info);
            if key && count > 0 {
                self.key_began = None;
                self.key_frames.queued();
            }
        }
        Ok(())
    }

    /// A picture with its trailer, where the far side takes trailers off.
    fn trailed<'a>(&self, media: &'a [u8], trailer: Option<Trailer>) -> Cow<'a, [u8]> {
        let Some(trailer) = trailer.filter(|_| self.config.trailers) else { return media.into() };
        let mut picture = media.to_vec();
        trailer.append(self.config.codec, &mut picture);
        picture.into()
    }

    fn count_picture(&mut self, info: &MediaInfo) {
        let stats = &mut self.stats;
        stats.frames_encoded += 1;
        stats.key_frames_encoded += u64::from(info.key);
        (stats.frame_width, stats.frame_height) = (info.width, info.height);
        stats.qp_sum += info.quantizer.map_or(0.0, f64::from);
        stats.total_encode_time += info.encode_time;
    }

    /// Takes a packet of another transport; `None` where it is not to be sent on.
    pub fn pass_on(&mut self, packet: &ForwardedPacket, now: Time) -> Option<Media> {
        let (clock_rate, before) = (self.config.clock_rate, self.next.saturating_sub(1));
        let (timestamp, picture) = (self.latest.map_or(0, |(timestamp, _)| timestamp), self.random_picture);
        let renumbering =
            self.renumbering.get_or_insert_with(|| Renumbering::new(clock_rate, before, timestamp, picture));
        let mut payload = packet.payload.clone();
        let (number, timestamp) = renumbering.renumber(packet, &mut payload, now)?;
        if packet.marker && !self.config.trailers && self.config.codec.kind() == Kind::Video {
            Trailer::strip(packet.codec, &mut payload);
        }
        if self.latest.is_none_or(|(latest, _)| latest != timestamp) {
            self.pictures += 1;
        }
        self.latest = Some((timestamp, now));
        Some(Media {
            number: Some(number),
            marker: packet.marker,
            timestamp,
            payload,
            picture: self.pictures,
            key: packet.key,
        })
    }

    /// Whether a packet need not leave once a key frame waits behind it: its picture has not begun to.
    pub fn is_replaced(&self, media: &Media) -> bool {
        !media.key && self.leaving != Some(media.picture)
    }

    /// Notes that everything of it that waited is given up.
    pub fn abandon(&mut self, now: Time) {
        if self.leaving.take().is_some() && self.encodes() {
            // A number that never comes: without it, what has left of a picture would pass for the whole.
            self.next += 1;
        }
        self.key_frames.abandoned(now);
    }

    /// Writes a packet that leaves for the first time; it, and its full number.
    pub fn write(&mut self, media: Media, waited: Duration, departure: Departure) -> (Vec<u8>, u64) {
        self.stats.total_packet_send_delay += waited;
        let number = media.number.unwrap_or(self.next);
        self.next = self.next.max(number + 1);
        let (ssrc, payload_type) = (self.config.ssrc, self.config.payload_type);
        let header = Header {
            marker: media.marker,
            payload_type,
            sequence_number: number as u16,
            timestamp: media.timestamp,
            ssrc,
        };
        let datagram = self.packet(&header, &[&media.payload], 0, departure);
        if media.key && self.leaving != Some(media.picture) {
            self.key_began = Some(number);
        }
        self.first_sent.0 = self.first_sent.0.wrapping_add(1);
        self.first_sent.1 = self.first_sent.1.wrapping_add(media.payload.len() as u32);
        self.leaving = Some(media.picture).filter(|_| !media.marker);
        if media.marker {
            self.stats.frames_sent += 1;
            if media.key {
                self.key_frames.left(departure.now);
            }
        }
        if self.config.feedback.nack {
            self.history.expire(departure.round_trip, departure.now);
            self.history.push(number, media.marker, media.timestamp, media.payload, departure.now);
        }
        (datagram, number)
    }

    /// Whether a key frame makes this packet useless: one that waits to leave, or leaves, and where there is a queue also
    /// one that is on its way.
    pub fn is_behind_key(&self, number: u64, queues: bool, round_trip: Duration, now: Time) -> bool {
        let comes = self.key_frames.is_leaving() || queues && self.key_frames.is_fresh(round_trip, now);
        comes && self.key_began.is_none_or(|began| number < began)
    }

    /// Asks for a packet again; its full number and its bytes where it is to be sent.
    pub fn ask(&mut self, number: u16, round_trip: Duration, now: Time) -> Resend {
        self.history.expire(round_trip, now);
        self.history.ask(number, round_trip, now)
    }

    /// Whether a copy of a packet may be of use: nobody has asked for it, and the far side takes it as repair.
    pub fn is_worth_a_copy(&self, number: u64) -> bool {
        self.config.rtx.is_some() && self.history.is_sent_once(number)
    }

    /// Notes that a packet waits to be sent again.
    pub fn queue_again(&mut self, number: u64) {
        self.history.queue(number);
    }

    /// Notes that it does not any more.
    pub fn unqueue_again(&mut self, number: u64) {
        self.history.unqueue(number);
    }

    /// Writes a packet that was asked for; `None` if it has become too old.
    pub fn write_again(&mut self, number: u64, waited: Duration, departure: Departure) -> Option<Vec<u8>> {
        self.history.leaves(number, departure.now);
        self.stats.total_packet_send_delay += waited;
        self.write_copy(number, departure)
    }

    /// Writes a packet once more; `None` if it has become too old. Unasked it does not count as an answer: where both
    /// were lost, the request that is on its way is about this one as well.
    pub fn write_copy(&mut self, number: u64, departure: Departure) -> Option<Vec<u8>> {
        let sent = self.history.kept(number)?;
        // Out of the history while it is written, for the borrow checker's sake.
        let (marker, timestamp, payload) = (sent.marker, sent.timestamp, std::mem::take(&mut sent.payload));
        let original = (number as u16).to_be_bytes();
        let (header, parts): (_, &[&[u8]]) = match self.config.rtx {
            Some(rtx) => (self.rtx_header(rtx, marker, timestamp), &[&original, &payload]),
            None => {
                let (ssrc, payload_type) = (self.config.ssrc, self.config.payload_type);
                let sequence_number = number as u16;
                (Header { marker, payload_type, sequence_number, timestamp, ssrc }, &[&payload])
            }
        };
        let datagram = self.packet(&header, parts, 0, departure);
        self.stats.retransmitted_packets_sent += 1;
        self.stats.retransmitted_bytes_sent += payload.len() as u64;
        self.history.give_back(number, payload);
        Some(datagram)
    }

    /// Writes a packet of about so many bytes that carries nothing; `None` where none can be told from a lost one.
    pub fn write_padding(&mut self, bytes: usize, departure: Departure) -> Option<Vec<u8>> {
        let rtx = self.config.rtx.filter(|_| self.config.extensions.transport_cc.is_some())?;
        let (timestamp, _) = self.latest?;
        let header = self.rtx_header(rtx, false, timestamp);
        let padding = bytes.saturating_sub(HEADERS).clamp(1, 255) as u8;
        Some(self.packet(&header, &[], padding, departure))
    }

    fn rtx_header(&mut self, rtx: Rtx, marker: bool, timestamp: u32) -> Header {
        let sequence_number = self.next_rtx as u16;
        self.next_rtx += 1;
        Header { marker, payload_type: rtx.payload_type, sequence_number, timestamp, ssrc: rtx.ssrc }
    }

    fn packet(&mut self, header: &Header, payload: &[&[u8]], padding: u8, departure: Departure) -> Vec<u8> {
        let values = ExtensionValues {
            mid: Some(&self.config.mid),
            abs_send_time: Some(abs_send_time(departure.now)),
            transport_cc: Some(departure.number),
            ..ExtensionValues::default()
        };
        let bytes: usize = payload.iter().map(|part| part.len()).sum();
        let mut datagram = Vec::with_capacity(bytes + 2 * HEADERS + usize::from(padding));
        header.write(&self.config.extensions, &values, payload, padding, &mut datagram);
        self.stats.packets_sent += 1;
        self.stats.bytes_sent += bytes as u64;
        self.stats.header_bytes_sent += (datagram.len() - bytes) as u64;
        datagram
    }

    /// Takes a report about this stream: packets lost and received since the one before.
    pub fn report(&mut self, report: &ReportBlock, round_trip: Option<Duration>) -> (u64, u64) {
        let expected = self.reported.highest.map_or(0, |highest| report.highest_seq.wrapping_sub(highest));
        let lost = report.lost.wrapping_sub(self.reported.lost);
        // A far side that begins again, or a report that overtook another, tells nothing.
        let sane = expected < 1 << 20 && self.reported.highest.is_some();
        self.reported.highest = Some(report.highest_seq);
        self.reported.lost = report.lost;
        let lost = if sane { u64::from(lost.max(0).unsigned_abs()).min(u64::from(expected)) } else { 0 };
        let received = if sane { u64::from(expected) - lost } else { 0 };
        let remote = &mut self.stats.remote;
        remote.reports += 1;
        remote.packets_lost = report.lost.into();
        remote.packets_received += received;
        remote.fraction_lost = f64::from(report.fraction_lost) / 256.0;
        remote.jitter = f64::from(report.jitter) / f64::from(self.config.clock_rate);
        if let Some(round_trip) = round_trip {
            remote.round_trip_time = Some(round_trip);
            remote.total_round_trip_time += round_trip;
            remote.round_trip_time_measurements += 1;
        }
        (lost, received)
    }

    /// Whether a report answers another of ours than the one before it.
    pub fn is_answered_anew(&mut self, report: &ReportBlock) -> bool {
        let before = std::mem::replace(&mut self.reported.answers, report.last_sender_report);
        before != report.last_sender_report
    }

    /// What a sender report says at `now`; `None` before anything was sent.
    pub fn sender_info(&self, now: Time) -> Option<SenderInfo> {
        let (timestamp, at) = self.latest.filter(|_| self.first_sent.0 > 0)?;
        let elapsed = (now - at).as_secs_f64() * f64::from(self.config.clock_rate);
        let (packets, bytes) = self.first_sent;
        Some(SenderInfo {
            ntp: now.ntp(),
            timestamp: timestamp.wrapping_add(elapsed as u64 as u32),
            packets,
            bytes,
        })
    }

    /// The datagram that ends the stream: a report, as each compound begins, and BYE.
    pub fn farewell(&self, now: Time) -> Vec<u8> {
        let mut datagram = Vec::new();
        match self.sender_info(now) {
            Some(info) => write_sender_report(self.config.ssrc, &info, &[], &mut datagram),
            None => write_receiver_report(self.config.ssrc, &[], &mut datagram),
        }
        write_sdes(self.config.ssrc, &self.config.cname, &mut datagram);
        let rtx = self.config.rtx.map(|rtx| rtx.ssrc);
        let ssrcs: Vec<_> = [Some(self.config.ssrc), rtx].into_iter().flatten().collect();
        write_bye(&ssrcs, &mut datagram);
        datagram
    }
}
