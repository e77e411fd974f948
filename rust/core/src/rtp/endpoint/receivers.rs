//! The incoming streams of a transport: which packet belongs to which, and what the far side is told of all of them.

use super::outbox::Outbox;
use crate::rtp::config::{Kind, Rates, ReceiveConfig};
use crate::rtp::event::{Event, ReceiverId};
use crate::rtp::receive::{Arrivals, Estimate, InboundStats, Incoming, KeyFrameRequest, Tuning, align};
use crate::rtp::time::Time;
use crate::rtp::wire::rtcp::{
    FirRequest, ReportBlock, SenderInfo, write_fir, write_nack, write_pli, write_remb,
};
use crate::rtp::wire::{ExtensionIds, ExtensionValues, Packet};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// SSRCs that were not announced are remembered up to this many.
const MAX_LEARNED: usize = 256;
/// Sound and picture are brought in step this often.
const SYNC: Duration = Duration::from_secs(1);

/// All incoming streams.
#[derive(Debug)]
pub struct Receivers {
    streams: Vec<Incoming>,
    tuning: Tuning,
    next: u32,
    /// SSRCs seen that were not announced.
    learned: BTreeMap<u32, ReceiverId>,
    /// Header extensions are agreed for the transport.
    ids: ExtensionIds,
    arrivals: Arrivals,
    estimate: Estimate,
    limit: Option<u64>,
    sync: Option<Time>,
    missing: Vec<u64>,
}

impl Receivers {
    /// None yet. What can be received is estimated within `rates`.
    pub fn new(tuning: Tuning, rates: Rates) -> Self {
        Self {
            streams: Vec::new(),
            tuning,
            next: 0,
            learned: BTreeMap::new(),
            ids: ExtensionIds::default(),
            arrivals: Arrivals::default(),
            estimate: Estimate::new(rates),
            limit: None,
            sync: None,
            missing: Vec::new(),
        }
    }

    /// Adds a stream.
    pub fn add(&mut self, config: ReceiveConfig, round_trip: Option<Duration>) -> ReceiverId {
        let id = ReceiverId(self.next);
        self.next += 1;
        self.ids = union(&self.ids, &config.extensions);
        let mut stream = Incoming::new(id, config, self.tuning);
        if let Some(round_trip) = round_trip {
            stream.set_round_trip(round_trip);
        }
        self.streams.push(stream);
        id
    }

    /// Removes a stream.
    pub fn remove(&mut self, id: ReceiverId) {
        self.streams.retain(|stream| stream.id() != id);
        self.learned.retain(|_, receiver| *receiver != id);
    }

    /// Whether an SSRC was announced for a stream.
    pub fn announced(&self, ssrc: u32) -> bool {
        self.streams.iter().any(|s| s.config().ssrc == Some(ssrc) || s.config().rtx_ssrc == Some(ssrc))
    }

    /// A stream.
    pub fn get(&mut self, id: ReceiverId) -> Option<&mut Incoming> {
        self.streams.iter_mut().find(|stream| stream.id() == id)
    }

    /// Takes a packet of so many `bytes`: `false` if it belongs to no stream.
    pub fn receive(
        &mut self,
        packet: &Packet<'_>,
        bytes: usize,
        now: Time,
        outbox: &mut Outbox,
        events: &mut VecDeque<Event>,
    ) -> bool {
        let values = ExtensionValues::read(packet.extensions, &self.ids);
        // Of every packet, whatever stream it is of: those left out would count as lost.
        if self.agreed_transport_cc().is_some() {
            if let Some(number) = values.transport_cc {
                self.arrivals.push(number, bytes, now);
            }
        } else if let Some(sent) = values.abs_send_time.filter(|_| self.agreed_remb().is_some()) {
            self.estimate.push(sent, bytes, now);
        }
        self.sync.get_or_insert(now + SYNC);
        let Some(index) = self.route(packet, values.mid, now) else { return false };
        let stream = &mut self.streams[index];
        stream.receive(packet, bytes, now, events);
        ask(stream, &mut self.missing, now, outbox);
        true
    }

    /// Which stream a packet belongs to: by its SSRC, announced or seen; else by the media section that it names, or by
    /// a payload type that only one stream has (RFC 8843, 9.2).
    fn route(&mut self, packet: &Packet<'_>, mid: Option<&str>, now: Time) -> Option<usize> {
        let (ssrc, payload_type) = (packet.header.ssrc, packet.header.payload_type);
        let position = |id| self.streams.iter().position(|stream| stream.id() == id);
        if let Some(index) = self.streams.iter().position(|stream| stream.has(ssrc)) {
            return Some(index);
        }
        if let Some(index) = self.learned.get(&ssrc).and_then(|&id| position(id)) {
            return Some(index);
        }
        let named = mid.and_then(|mid| self.streams.iter().position(|stream| stream.config().mid == mid));
        let index = named.or_else(|| {
            let mut able =
                self.streams.iter().enumerate().filter(|(_, stream)| stream.takes(payload_type, now));
            able.next().filter(|_| able.next().is_none()).map(|(index, _)| index)
        })?;
        if self.learned.len() == MAX_LEARNED {
            self.learned.pop_first();
        }
        self.learned.insert(ssrc, self.streams[index].id());
        Some(index)
    }

    /// Takes a report of what a stream's sender has sent.
    pub fn sender_report(&mut self, ssrc: u32, info: SenderInfo, now: Time) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc() == Some(ssrc)) {
            stream.sender_report(info, now);
        }
    }

    /// The streams that have ended with these SSRCs.
    pub fn ended(&self, ssrc: u32) -> impl Iterator<Item = ReceiverId> {
        self.streams.iter().filter(move |stream| stream.ssrc() == Some(ssrc)).map(Incoming::id)
    }

    /// Takes the round trip of the path.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.streams.iter_mut().for_each(|stream| stream.set_round_trip(round_trip));
    }

    /// Tells the far side no more than this by REMB.
    pub fn set_limit(&mut self, limit: Option<u64>, now: Time) {
        self.limit = limit;
        self.estimate.set_limit(limit, now);
    }

    /// What can be received, where that is estimated.
    pub fn estimate(&self) -> Option<u64> {
        self.agreed_remb().and_then(|_| self.estimate.bitrate())
    }

    /// Does what is due at `now`, and puts what the far side is to be told into `outbox`.
    pub fn tick(
        &mut self,
        round_trip: Duration,
        now: Time,
        outbox: &mut Outbox,
        events: &mut VecDeque<Event>,
    ) {
        for stream in &mut self.streams {
            if stream.deadline().is_some_and(|due| due <= now) {
                stream.tick(now, events);
                ask(stream, &mut self.missing, now, outbox);
            }
        }
        if self.arrivals.deadline().is_some_and(|due| due <= now)
            && let Some(index) = self.agreed_transport_cc()
        {
            let stream = &self.streams[index];
            let (own, media) = (stream.config().own_ssrc, stream.ssrc().unwrap_or_default());
            outbox.feedback(stream.config(), |out| self.arrivals.write(own, media, now, out));
        }
        if let Some(bitrate) = self.estimate.report(round_trip, now)
            && let Some(index) = self.agreed_remb()
        {
            let stream = &self.streams[index];
            let ssrcs: Vec<u32> =
                self.streams.iter().filter(|s| s.config().feedback.remb).filter_map(Incoming::ssrc).collect();
            outbox
                .feedback(stream.config(), |out| write_remb(stream.config().own_ssrc, bitrate, &ssrcs, out));
        }
        if self.sync.is_some_and(|due| due <= now) {
            self.sync = Some(now + SYNC).filter(|_| self.synchronise());
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub fn deadline(&self) -> Option<Time> {
        let streams = self.streams.iter().filter_map(Incoming::deadline).min();
        [streams, self.arrivals.deadline(), self.estimate.deadline(), self.sync].into_iter().flatten().min()
    }

    /// The reports of what came, each with the stream it is of.
    pub fn reports(&mut self, now: Time, blocks: &mut Vec<ReportBlock>) {
        blocks.extend(self.streams.iter_mut().filter_map(|stream| stream.report(now)));
    }

    /// The names under which reports go out where nothing is sent.
    pub fn reporter(&self) -> Option<(u32, &str)> {
        self.streams.first().map(|stream| (stream.config().own_ssrc, stream.config().cname.as_str()))
    }

    /// Whether far sides adapt by our reports rather than by arrival times.
    pub fn reports_decide(&self) -> bool {
        self.agreed_transport_cc().is_none() && self.streams.iter().any(|s| s.config().kind == Kind::Video)
    }

    /// Figures of a stream.
    pub fn stats(&self, id: ReceiverId) -> Option<InboundStats> {
        let stream = self.streams.iter().find(|stream| stream.id() == id)?;
        let offset =
            self.partner(stream).and_then(|other| Some(stream.position()?.behind - other.position()?.behind));
        Some(InboundStats { sync_offset: offset, ..stream.stats() })
    }

    /// A stream whose far side is told arrival times.
    fn agreed_transport_cc(&self) -> Option<usize> {
        let agreed =
            |s: &Incoming| s.config().feedback.transport_cc && s.config().extensions.transport_cc.is_some();
        self.streams.iter().position(agreed)
    }

    /// A stream whose far side is told a bit rate: because it knows nothing better, or because there is a limit.
    fn agreed_remb(&self) -> Option<usize> {
        let asked = self.limit.is_some() || self.agreed_transport_cc().is_none();
        self.streams.iter().position(|stream| asked && stream.config().feedback.remb)
    }

    /// The stream of the other kind that belongs to one.
    fn partner(&self, stream: &Incoming) -> Option<&Incoming> {
        let config = stream.config();
        let of_group = |other: &&Incoming| {
            other.config().sync_group == config.sync_group && other.config().kind != config.kind
        };
        Some(&config.sync_group).filter(|group| !group.is_empty())?;
        self.streams.iter().find(of_group)
    }

    /// Brings sound and picture in step: whether anything was received that could be.
    fn synchronise(&mut self) -> bool {
        for index in 0..self.streams.len() {
            let picture = &self.streams[index];
            let sound =
                Some(picture).filter(|s| s.config().kind == Kind::Video).and_then(|s| self.partner(s));
            let Some(sound) = sound else { continue };
            let (id, positions) = (sound.id(), sound.position().zip(picture.position()));
            let Some((sound_at, picture_at)) = positions else { continue };
            let (sound_extra, picture_extra) = align(sound_at, picture_at);
            self.streams[index].set_extra_delay(picture_extra);
            if let Some(sound) = self.get(id) {
                sound.set_extra_delay(sound_extra);
            }
        }
        !self.streams.is_empty()
    }
}

/// Asks the far side for what a stream needs.
fn ask(stream: &mut Incoming, missing: &mut Vec<u64>, now: Time, outbox: &mut Outbox) {
    stream.missing(now, missing);
    let key_frame = stream.key_frame_request(now);
    let (Some(ssrc), config) = (stream.ssrc(), stream.config()) else { return };
    if missing.is_empty() && key_frame.is_none() {
        return;
    }
    outbox.feedback(config, |out| {
        write_nack(config.own_ssrc, ssrc, missing.iter().map(|&number| number as u16), out);
        match key_frame {
            Some(KeyFrameRequest::Pli) => write_pli(config.own_ssrc, ssrc, out),
            Some(KeyFrameRequest::Fir(number)) => {
                write_fir(config.own_ssrc, &[FirRequest { ssrc, number }], out)
            }
            None => {}
        }
    });
}

/// The identifiers of both, which agree where both have one.
pub fn union(a: &ExtensionIds, b: &ExtensionIds) -> ExtensionIds {
    ExtensionIds {
        mid: a.mid.or(b.mid),
        abs_send_time: a.abs_send_time.or(b.abs_send_time),
        transport_cc: a.transport_cc.or(b.transport_cc),
        audio_level: a.audio_level.or(b.audio_level),
        video_orientation: a.video_orientation.or(b.video_orientation),
        playout_delay: a.playout_delay.or(b.playout_delay),
        capture_time: a.capture_time.or(b.capture_time),
    }
}
