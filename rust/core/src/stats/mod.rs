//! Turns statistics reports into samples: one parser for every transport.
//!
//! Pure: a report and the time go in, a sample comes out. Entries are anything that implements [`Entry`];
//! [`json`] reads them from text. Members are defined by webrtc-stats
//! (<https://www.w3.org/TR/webrtc-stats/>), samples by `docs/stats.md`.

mod entry;
pub mod json;
mod sample;
mod scan;
mod stops;
mod streams;

pub use entry::{DURATIONS, Entry, NOMINATED, Number, Text};
pub use sample::{AudioStats, Candidate, ConnectionStats, OutboundStats, RtcStats, VideoStats};

use sample::merge;
use std::collections::HashMap;
use streams::{Known, Stream};

/// Seconds for which the counters of a stream are remembered while reports lack it.
const GONE: f64 = 30.0;

/// Remembers what deltas need: the time of the last sample, and what was known of each stream by its id.
#[derive(Debug, Default)]
pub struct Parser {
    at: Option<f64>,
    known: HashMap<String, Known>,
}

impl Parser {
    /// Forgets the last sample.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Begins the sample of a report that was taken at `now`, in seconds of a monotonic clock.
    ///
    /// Nothing is remembered unless the sample is finished.
    pub fn begin<E: Entry + Clone>(&mut self, now: f64) -> Sampling<'_, E> {
        let elapsed = self.at.map_or(0.0, |at| now - at);
        Sampling {
            now,
            elapsed,
            current: HashMap::with_capacity(self.known.len()),
            parser: self,
            video: None,
            audio: None,
            outbound: None,
            pairs: Vec::new(),
            candidates: HashMap::new(),
            remote_trip: None,
        }
    }
}

/// A sample in the making: [`add`](Self::add) each entry, then [`finish`](Self::finish).
pub struct Sampling<'p, E> {
    parser: &'p mut Parser,
    now: f64,
    elapsed: f64,
    current: HashMap<String, Known>,
    video: Option<(u64, VideoStats)>,
    audio: Option<(u64, AudioStats)>,
    outbound: Option<(u64, OutboundStats)>,
    pairs: Vec<(String, E)>,
    candidates: HashMap<String, E>,
    remote_trip: Option<f64>,
}

/// The entries that are looked at.
#[derive(Clone, Copy)]
enum Kind {
    Inbound,
    Outbound,
    RemoteInbound,
    Pair,
    Candidate,
}

impl Kind {
    /// The kind of the entries of that type.
    fn of(name: &str) -> Option<Self> {
        match name {
            "inbound-rtp" => Some(Self::Inbound),
            "outbound-rtp" => Some(Self::Outbound),
            "remote-inbound-rtp" => Some(Self::RemoteInbound),
            "candidate-pair" => Some(Self::Pair),
            "local-candidate" | "remote-candidate" => Some(Self::Candidate),
            _ => None,
        }
    }
}

impl<E: Entry + Clone> Sampling<'_, E> {
    /// Adds one entry; other types are ignored.
    pub fn add(&mut self, id: &str, entry: &E) {
        let kind = entry.with_text(Text::Type, Kind::of);
        let is = |name, value: &str| entry.with_text(name, |text| text == value) == Some(true);
        match kind.flatten() {
            Some(Kind::Inbound) if is(Text::Kind, "video") => {
                let stats = self.video(id, entry);
                merge(&mut self.video, stats);
            }
            Some(Kind::Inbound) if is(Text::Kind, "audio") => {
                let stats = self.audio(id, entry);
                merge(&mut self.audio, stats);
            }
            Some(Kind::Outbound) if is(Text::Kind, "video") => {
                let stats = self.outbound(id, entry);
                merge(&mut self.outbound, stats);
            }
            Some(Kind::RemoteInbound) => {
                self.remote_trip = self.remote_trip.or_else(|| entry.number(Number::RoundTripTime));
            }
            Some(Kind::Pair) if is(Text::State, "succeeded") => {
                self.pairs.push((id.to_owned(), entry.clone()));
            }
            Some(Kind::Candidate) => {
                self.candidates.insert(id.to_owned(), entry.clone());
            }
            _ => {}
        }
    }

    /// The sample; its counters are what the next one is compared with.
    #[must_use]
    pub fn finish(self) -> RtcStats {
        let connection = connection(&self.pairs, &self.candidates, self.remote_trip);
        self.parser.at = Some(self.now);
        self.parser.known.extend(self.current);
        self.parser.known.retain(|_, known| (self.now - known.seen()).abs() <= GONE);
        RtcStats {
            video: self.video.map(|(_, stats)| stats),
            audio: self.audio.map(|(_, stats)| stats),
            outbound_video: self.outbound.map(|(_, stats)| stats),
            connection,
        }
    }

    /// What is known of stream `id`, by this entry and before it; `bytes` is what its bitrate is of.
    fn stream(&mut self, id: &str, e: &E, names: &[Number], bytes: Number) -> Stream {
        let stream = Stream::new(self.parser.known.get(id), e, names, bytes, self.now, self.elapsed);
        self.current.insert(id.to_owned(), stream.now.clone());
        stream
    }

    fn video(&mut self, id: &str, e: &E) -> VideoStats {
        let s = self.stream(id, e, streams::VIDEO, Number::BytesReceived);
        let frames_decoded = s.count(Number::FramesDecoded);
        let frames = frames_decoded as f64;
        let emitted = s.amount(Number::JitterBufferEmittedCount);
        let between = s.amount(Number::TotalInterFrameDelay);
        let squared = s.amount(Number::TotalSquaredInterFrameDelay);
        let variance = ratio(squared - ratio(between * between, frames), frames);
        VideoStats {
            frames_decoded,
            frames_dropped: s.count(Number::FramesDropped),
            frames_per_second: s.amount(Number::FramesPerSecond),
            frame_width: s.count(Number::FrameWidth),
            frame_height: s.count(Number::FrameHeight),
            bytes_received: s.count(Number::BytesReceived),
            packets_received: s.count(Number::PacketsReceived),
            packets_lost: s.count(Number::PacketsLost),
            jitter: s.amount(Number::Jitter),
            bitrate: s.bitrate(),
            freeze_count: s.count(Number::FreezeCount),
            total_freezes_duration: s.amount(Number::TotalFreezesDuration),
            packets_lost_delta: s.gain(Number::PacketsLost),
            frames_dropped_delta: s.gain(Number::FramesDropped),
            freeze_count_delta: s.gain(Number::FreezeCount),
            freeze_duration_delta: s.gained(Number::TotalFreezesDuration),
            nack_count: s.count(Number::NackCount),
            nack_count_delta: s.gain(Number::NackCount),
            fir_count: s.count(Number::FirCount),
            pli_count: s.count(Number::PliCount),
            frames_received: s.count(Number::FramesReceived),
            avg_inter_frame_delay_ms: ratio(between, frames) * 1000.0,
            inter_frame_delay_variance_ms: ratio(squared, frames).sqrt() * 1000.0,
            inter_frame_delay_stddev_ms: variance.max(0.0).sqrt() * 1000.0,
            jitter_buffer_target_delay_ms: ratio(s.amount(Number::JitterBufferTargetDelay), emitted) * 1000.0,
            jitter_buffer_minimum_delay_ms: ratio(s.amount(Number::JitterBufferMinimumDelay), emitted)
                * 1000.0,
            avg_decode_time_ms: ratio(s.amount(Number::TotalDecodeTime), frames) * 1000.0,
            avg_jitter_buffer_ms: ratio(s.amount(Number::JitterBufferDelay), emitted) * 1000.0,
            avg_processing_delay_ms: ratio(s.amount(Number::TotalProcessingDelay), frames) * 1000.0,
            frames_unread: s.count(Number::FramesUnread),
        }
    }

    fn audio(&mut self, id: &str, e: &E) -> AudioStats {
        let s = self.stream(id, e, streams::AUDIO, Number::BytesReceived);
        AudioStats {
            bytes_received: s.count(Number::BytesReceived),
            packets_received: s.count(Number::PacketsReceived),
            packets_lost: s.count(Number::PacketsLost),
            jitter: s.amount(Number::Jitter),
            bitrate: s.bitrate(),
            packets_lost_delta: s.gain(Number::PacketsLost),
        }
    }

    fn outbound(&mut self, id: &str, e: &E) -> OutboundStats {
        let s = self.stream(id, e, streams::OUTBOUND, Number::BytesSent);
        let packets_sent = s.count(Number::PacketsSent);
        let frames = s.count(Number::FramesEncoded) as f64;
        OutboundStats {
            quality_limitation_reason: e.text_or(Text::QualityLimitationReason, "none"),
            quality_limitation_durations: e.durations(),
            bytes_sent: s.count(Number::BytesSent),
            packets_sent,
            frames_per_second: s.amount(Number::FramesPerSecond),
            frame_width: s.count(Number::FrameWidth),
            frame_height: s.count(Number::FrameHeight),
            bitrate: s.bitrate(),
            nack_count: s.count(Number::NackCount),
            fir_count: s.count(Number::FirCount),
            pli_count: s.count(Number::PliCount),
            retransmitted_bytes_sent: s.count(Number::RetransmittedBytesSent),
            retransmitted_packets_sent: s.count(Number::RetransmittedPacketsSent),
            target_bitrate_kbps: e.number(Number::TargetBitrate).map(|bitrate| bitrate / 1000.0),
            avg_packet_send_delay_ms: ratio(s.amount(Number::TotalPacketSendDelay), packets_sent as f64)
                * 1000.0,
            avg_encode_time_ms: ratio(s.amount(Number::TotalEncodeTime), frames) * 1000.0,
        }
    }
}

fn ratio(total: f64, parts: f64) -> f64 {
    if parts > 0.0 { total / parts } else { 0.0 }
}

/// Round trip and bandwidth come from the first pair that knows them, nominated ones before others.
fn connection<E: Entry>(
    pairs: &[(String, E)],
    candidates: &HashMap<String, E>,
    remote_trip: Option<f64>,
) -> ConnectionStats {
    let (nominated, others): (Vec<&E>, Vec<&E>) =
        pairs.iter().map(|(_, entry)| entry).partition(|entry| entry.is_nominated());
    let first = |name| nominated.iter().chain(&others).find_map(|entry| entry.number(name));
    ConnectionStats {
        current_round_trip_time: first(Number::CurrentRoundTripTime).or(remote_trip),
        available_outgoing_bitrate: first(Number::AvailableOutgoingBitrate),
        selected_candidate_pairs: pairs
            .iter()
            .filter_map(|(id, pair)| {
                // Merged reports have a prefix on their ids that the ids inside their entries lack.
                let prefix = pair.with_text(Text::Id, |own| id.strip_suffix(own).map(str::to_owned));
                let prefix = prefix.flatten().unwrap_or_default();
                let end = |name| pair.with_text(name, |end| candidates.get(&(prefix.clone() + end)))?;
                Some((candidate(end(Text::LocalCandidateId)?)?, candidate(end(Text::RemoteCandidateId)?)?))
            })
            .collect(),
    }
}

/// A candidate, unless its address is withheld.
fn candidate<E: Entry>(entry: &E) -> Option<Candidate> {
    let address = entry.text_or(Text::Address, "");
    (!address.is_empty()).then(|| Candidate {
        address,
        port: entry.count(Number::Port),
        protocol: entry.text_or(Text::Protocol, "udp"),
        candidate_type: entry.text_or(Text::CandidateType, "unknown"),
    })
}
