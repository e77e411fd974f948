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

pub use entry::{DURATIONS, Entry, NOMINATED, Number, Text};
pub use sample::{AudioStats, Candidate, ConnectionStats, OutboundStats, RtcStats, VideoStats};

use sample::merge;
use std::collections::HashMap;

/// Counters of one stream at the last sample.
#[derive(Clone, Copy, Debug, Default)]
struct Previous {
    bytes: u64,
    packets_lost: u64,
    frames_dropped: u64,
    freeze_count: u64,
    freezes_duration: f64,
    nack_count: u64,
}

/// Remembers what deltas need: the time of the last sample, and its counters by id.
#[derive(Debug, Default)]
pub struct Parser {
    at: Option<f64>,
    previous: HashMap<String, Previous>,
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
            current: HashMap::with_capacity(self.previous.len()),
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
    current: HashMap<String, Previous>,
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
        self.parser.previous = self.current;
        RtcStats {
            video: self.video.map(|(_, stats)| stats),
            audio: self.audio.map(|(_, stats)| stats),
            outbound_video: self.outbound.map(|(_, stats)| stats),
            connection,
        }
    }

    /// The counters of stream `id` at the last sample; remembers the current ones.
    fn exchange(&mut self, id: &str, now: Previous) -> Previous {
        self.current.insert(id.to_owned(), now);
        self.parser.previous.get(id).copied().unwrap_or_default()
    }

    fn bitrate(&self, bytes: u64, before: u64) -> u64 {
        if self.elapsed <= 0.0 {
            return 0;
        }
        (8.0 * bytes.saturating_sub(before) as f64 / self.elapsed + 0.5) as u64
    }

    fn video(&mut self, id: &str, e: &E) -> VideoStats {
        let now = Previous {
            bytes: e.count(Number::BytesReceived),
            packets_lost: e.count(Number::PacketsLost),
            frames_dropped: e.count(Number::FramesDropped),
            freeze_count: e.count(Number::FreezeCount),
            freezes_duration: e.amount(Number::TotalFreezesDuration),
            nack_count: e.count(Number::NackCount),
        };
        let before = self.exchange(id, now);
        let frames_decoded = e.count(Number::FramesDecoded);
        let frames = frames_decoded as f64;
        let emitted = e.amount(Number::JitterBufferEmittedCount);
        let between = e.amount(Number::TotalInterFrameDelay);
        let squared = e.amount(Number::TotalSquaredInterFrameDelay);
        let variance = ratio(squared - ratio(between * between, frames), frames);
        VideoStats {
            frames_decoded,
            frames_dropped: now.frames_dropped,
            frames_per_second: e.amount(Number::FramesPerSecond),
            frame_width: e.count(Number::FrameWidth),
            frame_height: e.count(Number::FrameHeight),
            bytes_received: now.bytes,
            packets_received: e.count(Number::PacketsReceived),
            packets_lost: now.packets_lost,
            jitter: e.amount(Number::Jitter),
            bitrate: self.bitrate(now.bytes, before.bytes),
            freeze_count: now.freeze_count,
            total_freezes_duration: now.freezes_duration,
            packets_lost_delta: now.packets_lost.saturating_sub(before.packets_lost),
            frames_dropped_delta: now.frames_dropped.saturating_sub(before.frames_dropped),
            freeze_count_delta: now.freeze_count.saturating_sub(before.freeze_count),
            freeze_duration_delta: (now.freezes_duration - before.freezes_duration).max(0.0),
            nack_count: now.nack_count,
            nack_count_delta: now.nack_count.saturating_sub(before.nack_count),
            fir_count: e.count(Number::FirCount),
            pli_count: e.count(Number::PliCount),
            frames_received: e.count(Number::FramesReceived),
            avg_inter_frame_delay_ms: ratio(between, frames) * 1000.0,
            inter_frame_delay_variance_ms: ratio(squared, frames).sqrt() * 1000.0,
            inter_frame_delay_stddev_ms: variance.max(0.0).sqrt() * 1000.0,
            jitter_buffer_target_delay_ms: ratio(e.amount(Number::JitterBufferTargetDelay), emitted) * 1000.0,
            jitter_buffer_minimum_delay_ms: ratio(e.amount(Number::JitterBufferMinimumDelay), emitted)
                * 1000.0,
            avg_decode_time_ms: ratio(e.amount(Number::TotalDecodeTime), frames) * 1000.0,
            avg_jitter_buffer_ms: ratio(e.amount(Number::JitterBufferDelay), emitted) * 1000.0,
            avg_processing_delay_ms: ratio(e.amount(Number::TotalProcessingDelay), frames) * 1000.0,
        }
    }

    fn audio(&mut self, id: &str, e: &E) -> AudioStats {
        let now = Previous {
            bytes: e.count(Number::BytesReceived),
            packets_lost: e.count(Number::PacketsLost),
            ..Previous::default()
        };
        let before = self.exchange(id, now);
        AudioStats {
            bytes_received: now.bytes,
            packets_received: e.count(Number::PacketsReceived),
            packets_lost: now.packets_lost,
            jitter: e.amount(Number::Jitter),
            bitrate: self.bitrate(now.bytes, before.bytes),
            packets_lost_delta: now.packets_lost.saturating_sub(before.packets_lost),
        }
    }

    fn outbound(&mut self, id: &str, e: &E) -> OutboundStats {
        let now = Previous { bytes: e.count(Number::BytesSent), ..Previous::default() };
        let before = self.exchange(id, now);
        let packets_sent = e.count(Number::PacketsSent);
        let frames = e.count(Number::FramesEncoded) as f64;
        OutboundStats {
            quality_limitation_reason: e.text_or(Text::QualityLimitationReason, "none"),
            quality_limitation_durations: e.durations(),
            bytes_sent: now.bytes,
            packets_sent,
            frames_per_second: e.amount(Number::FramesPerSecond),
            frame_width: e.count(Number::FrameWidth),
            frame_height: e.count(Number::FrameHeight),
            bitrate: self.bitrate(now.bytes, before.bytes),
            nack_count: e.count(Number::NackCount),
            fir_count: e.count(Number::FirCount),
            pli_count: e.count(Number::PliCount),
            retransmitted_bytes_sent: e.count(Number::RetransmittedBytesSent),
            retransmitted_packets_sent: e.count(Number::RetransmittedPacketsSent),
            target_bitrate_kbps: e.number(Number::TargetBitrate).map(|bitrate| bitrate / 1000.0),
            avg_packet_send_delay_ms: ratio(e.amount(Number::TotalPacketSendDelay), packets_sent as f64)
                * 1000.0,
            avg_encode_time_ms: ratio(e.amount(Number::TotalEncodeTime), frames) * 1000.0,
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
