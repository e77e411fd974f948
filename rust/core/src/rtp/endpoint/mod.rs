//! All streams of one transport: where datagrams, time and wishes enter, and where datagrams and events leave.
//!
//! A caller hands every datagram to [`Endpoint::receive`] and every encoded picture to [`Endpoint::send`], calls
//! [`Endpoint::tick`] after the former and at [`Endpoint::deadline`], and then takes what there is of
//! [`Endpoint::next_datagram`] and [`Endpoint::next_event`].

mod outbox;
mod receivers;
mod reports;
mod stats;

pub use stats::TransportStats;

use super::config::{Rates, ReceiveConfig, SendConfig};
use super::event::{Event, ForwardedPacket, MediaInfo, ReceiverId, SenderId};
use super::random::Random;
use super::receive::{InboundStats, Tuning};
use super::send::{OutboundStats, SendTuning, Senders};
use super::time::Time;
use super::wire::Packet;
use super::wire::rtcp::{ReportBlock, Rtcp, packets};
use super::{Invalid, wire};
use outbox::Outbox;
use receivers::Receivers;
use reports::Reports;
use std::collections::VecDeque;
use std::time::Duration;

/// The round trip before any was measured.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// All streams of one transport.
#[derive(Debug)]
pub struct Endpoint {
    senders: Senders,
    receivers: Receivers,
    reports: Reports,
    outbox: Outbox,
    events: VecDeque<Event>,
    round_trip: Option<Duration>,
    stats: TransportStats,
}

impl Endpoint {
    /// An endpoint without streams. Everything random in it, such as the first sequence numbers, comes of `seed`.
    ///
    /// # Errors
    /// [`Invalid`] unless 0 < `min` <= `start` <= `max`.
    pub fn new(seed: u64, rates: Rates, now: Time) -> Result<Self, Invalid> {
        Self::tuned(seed, rates, Tuning::default(), SendTuning::default(), now)
    }

    /// One that works by other figures.
    ///
    /// # Errors
    /// [`Invalid`] as [`new`](Self::new).
    pub fn tuned(
        seed: u64,
        rates: Rates,
        receive: Tuning,
        send: SendTuning,
        now: Time,
    ) -> Result<Self, Invalid> {
        check_rates(rates)?;
        let mut random = Random::new(seed);
        Ok(Self {
            reports: Reports::new(random.bits(), now),
            senders: Senders::new(random, rates, send),
            receivers: Receivers::new(receive, rates),
            outbox: Outbox::default(),
            events: VecDeque::new(),
            round_trip: None,
            stats: TransportStats::default(),
        })
    }

    /// Adds an outgoing stream.
    ///
    /// # Errors
    /// [`Invalid`] where an SSRC is taken, or codec, payload type or clock rate make no sense.
    pub fn add_sender(&mut self, config: SendConfig) -> Result<SenderId, Invalid> {
        check_payload_type("payload_type", config.payload_type)?;
        check_clock_rate(config.clock_rate)?;
        self.check_ssrc("ssrc", config.ssrc)?;
        if let Some(rtx) = config.rtx {
            check_payload_type("rtx.payload_type", rtx.payload_type)?;
            self.check_ssrc("rtx.ssrc", rtx.ssrc)?;
            if rtx.ssrc == config.ssrc {
                return Err(Invalid::new("rtx.ssrc", "another SSRC than the stream's", rtx.ssrc));
            }
        }
        Ok(self.senders.add(config))
    }

    /// Ends an outgoing stream and says so to the far side (BYE).
    pub fn remove_sender(&mut self, id: SenderId, now: Time) {
        if let Some(farewell) = self.senders.remove(id, now) {
            self.outbox.push(farewell);
        }
    }

    /// Adds an incoming stream.
    ///
    /// # Errors
    /// [`Invalid`] where an SSRC is taken, or codecs, payload types or clock rates make no sense.
    pub fn add_receiver(&mut self, config: ReceiveConfig) -> Result<ReceiverId, Invalid> {
        if config.codecs.is_empty() {
            return Err(Invalid::new("codecs", "at least one", "none"));
        }
        for codec in &config.codecs {
            check_payload_type("codecs.payload_type", codec.payload_type)?;
            check_payload_type("codecs.rtx_payload_type", codec.rtx_payload_type.unwrap_or(0))?;
            check_clock_rate(codec.clock_rate)?;
            if codec.codec.kind() != config.kind {
                let expected = "codecs of the stream's kind";
                return Err(Invalid::new("codecs", expected, format_args!("{:?}", codec.codec)));
            }
        }
        for (what, ssrc) in [("ssrc", config.ssrc), ("rtx_ssrc", config.rtx_ssrc)] {
            ssrc.map_or(Ok(()), |ssrc| self.check_ssrc(what, ssrc))?;
        }
        if config.ssrc.is_some() && config.ssrc == config.rtx_ssrc {
            return Err(Invalid::new("rtx_ssrc", "another SSRC than the stream's", config.ssrc.unwrap_or(0)));
        }
        Ok(self.receivers.add(config, self.round_trip))
    }

    /// Ends an incoming stream: what still arrives for it is dropped.
    pub fn remove_receiver(&mut self, id: ReceiverId) {
        self.receivers.remove(id);
    }

    /// Takes a datagram that came at `now`: RTP or RTCP, decrypted. What cannot be read is counted and dropped.
    pub fn receive(&mut self, datagram: &[u8], now: Time) {
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += datagram.len() as u64;
        let taken = if wire::is_rtcp(datagram) {
            self.receive_rtcp(datagram, now)
        } else {
            Packet::parse(datagram).is_ok_and(|packet| {
                self.receivers.receive(&packet, datagram.len(), now, &mut self.outbox, &mut self.events)
            })
        };
        self.stats.datagrams_discarded += u64::from(!taken);
    }

    /// Takes a compound: `false` if nothing in it can be read.
    fn receive_rtcp(&mut self, datagram: &[u8], now: Time) -> bool {
        let mut taken = false;
        for packet in packets(datagram).flatten() {
            taken = true;
            match packet {
                Rtcp::SenderReport { ssrc, info, reports } => {
                    self.receivers.sender_report(ssrc, info, now);
                    reports.iter().for_each(|report| self.receive_report(&report, now));
                }
                Rtcp::ReceiverReport { reports, .. } => {
                    reports.iter().for_each(|report| self.receive_report(&report, now));
                }
                Rtcp::Bye { ssrcs } => {
                    let ended = ssrcs.iter().flat_map(|ssrc| self.receivers.ended(ssrc));
                    self.events.extend(ended.map(|receiver| Event::Ended { receiver }));
                }
                Rtcp::Nack { media_ssrc, pairs, .. } => {
                    self.senders.nack(media_ssrc, pairs.iter().flat_map(|pair| pair.sequence_numbers()), now);
                }
                Rtcp::Pli { media_ssrc, .. } => self.senders.key_frame_wanted(media_ssrc, None, now),
                Rtcp::Fir { requests, .. } => {
                    for request in requests.iter() {
                        self.senders.key_frame_wanted(request.ssrc, Some(request.number), now);
                    }
                }
                Rtcp::Remb { bitrate, .. } => self.senders.remote_estimate(bitrate, now),
                Rtcp::TransportFeedback(feedback) => self.senders.feedback(feedback, now),
                Rtcp::Descriptions(_) | Rtcp::Extended { .. } => {}
            }
        }
        taken
    }

    fn receive_report(&mut self, report: &ReportBlock, now: Time) {
        let round_trip = report.round_trip(now);
        self.senders.report(report, round_trip, now);
        let Some(measured) = round_trip else { return };
        self.set_round_trip(measured);
        self.stats.round_trip = Some(measured);
    }

    /// Takes a round trip that was measured by other means than reports, such as ICE's checks. An endpoint that only
    /// receives has no other: reports are about what it sends.
    pub fn set_round_trip(&mut self, measured: Duration) {
        // Follows at once where it gets longer: what is taken for shorter than it is asks and gives up too early.
        let round_trip = self.round_trip.map_or(measured, |known| measured.max((known * 3 + measured) / 4));
        self.round_trip = Some(round_trip);
        self.receivers.set_round_trip(round_trip);
    }

    /// Sends an encoded picture or packet of sound with its RTP timestamp.
    ///
    /// # Errors
    /// [`Invalid`] for a sender that was never added, or is removed; or media that its codec does not make.
    pub fn send(
        &mut self,
        id: SenderId,
        media: &[u8],
        timestamp: u32,
        info: &MediaInfo,
        now: Time,
    ) -> Result<(), Invalid> {
        self.senders.send(id, media, timestamp, info, now)
    }

    /// Whether a picture that is sent now would leave soon. To be asked before one is encoded: where there is no room
    /// it is better skipped, since the next one will be newer. There is for a key frame that was asked for.
    #[must_use]
    pub fn has_room(&self, id: SenderId) -> bool {
        self.senders.has_room(id)
    }

    /// Sends a packet that another endpoint received ([`Event::Packet`]), numbered anew; what it is numbered
    /// goes on where another stream or a later part of the same is forwarded.
    ///
    /// # Errors
    /// [`Invalid`] for a sender that was never added, or is removed.
    pub fn forward(&mut self, id: SenderId, packet: &ForwardedPacket, now: Time) -> Result<(), Invalid> {
        self.senders.forward(id, packet, now)
    }

    /// Does what is due at `now`. To be called at [`deadline`](Self::deadline), and after [`receive`](Self::receive).
    pub fn tick(&mut self, now: Time) {
        let round_trip = self.round_trip.unwrap_or(ROUND_TRIP);
        self.receivers.tick(round_trip, now, &mut self.outbox, &mut self.events);
        self.senders.tick(now, &mut self.events);
        self.reports.tick(now, &self.senders, &mut self.receivers, &mut self.outbox);
    }

    /// When [`tick`](Self::tick) and [`next_datagram`](Self::next_datagram) have something to do at the latest; a time
    /// that has passed means now.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        if !self.outbox.is_empty() {
            return Some(Time::ZERO);
        }
        [self.receivers.deadline(), self.senders.deadline(), Some(self.reports.deadline())]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next datagram that may leave at `now`, to be encrypted and sent at once; `None` until the deadline.
    pub fn next_datagram(&mut self, now: Time) -> Option<Vec<u8>> {
        let datagram = self.outbox.pop().or_else(|| self.senders.next_packet(now))?;
        self.stats.datagrams_sent += 1;
        self.stats.bytes_sent += datagram.len() as u64;
        Some(datagram)
    }

    /// The next thing that happened.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Asks the far side for a key frame, soon and at a limited rate: to be called when a decoder fails, or when a
    /// forwarder was asked for one.
    pub fn request_key_frame(&mut self, id: ReceiverId, now: Time) {
        if let Some(stream) = self.receivers.get(id) {
            stream.need_key_frame(now);
        }
    }

    /// Changes the bounds of the bit rate that is sent.
    ///
    /// # Errors
    /// [`Invalid`] unless 0 < `min` <= `start` <= `max`.
    pub fn set_rates(&mut self, rates: Rates) -> Result<(), Invalid> {
        check_rates(rates)?;
        self.senders.set_rates(rates);
        Ok(())
    }

    /// Changes how long an incoming stream is held back to smooth jitter: at least and at most.
    pub fn set_delay(&mut self, id: ReceiverId, min: Duration, max: Duration) {
        if let Some(stream) = self.receivers.get(id) {
            stream.set_delay(min, max);
        }
    }

    /// Tells the far side by REMB, where that was agreed, to send no more than this in all, in bit/s: what a forwarder
    /// can pass on.
    pub fn limit(&mut self, bitrate: Option<u64>, now: Time) {
        self.receivers.set_limit(bitrate, now);
    }

    /// Figures of an outgoing stream; `None` if there is no such stream.
    #[must_use]
    pub fn sender_stats(&self, id: SenderId) -> Option<OutboundStats> {
        self.senders.stats(id)
    }

    /// Figures of an incoming stream; `None` if there is no such stream.
    #[must_use]
    pub fn receiver_stats(&self, id: ReceiverId) -> Option<InboundStats> {
        self.receivers.stats(id)
    }

    /// Figures of the transport.
    #[must_use]
    pub fn transport_stats(&self, now: Time) -> TransportStats {
        TransportStats {
            available_incoming_bitrate: self.receivers.estimate(),
            available_outgoing_bitrate: self.senders.available(now),
            pacer_delay: self.senders.wait(),
            ..self.stats.clone()
        }
    }

    fn check_ssrc(&self, what: &'static str, ssrc: u32) -> Result<(), Invalid> {
        if self.senders.has(ssrc) || self.receivers.announced(ssrc) {
            return Err(Invalid::new(what, "one that no other stream of the transport has", ssrc));
        }
        Ok(())
    }
}

fn check_rates(rates: Rates) -> Result<(), Invalid> {
    let Rates { start, min, max } = rates;
    if (1..=start).contains(&min) && start <= max {
        return Ok(());
    }
    let got = format_args!("min {min}, start {start}, max {max}");
    Err(Invalid::new("bit rates", "0 < min <= start <= max", got))
}

fn check_payload_type(what: &'static str, payload_type: u8) -> Result<(), Invalid> {
    if payload_type < 128 { Ok(()) } else { Err(Invalid::new(what, "0 to 127", payload_type)) }
}

fn check_clock_rate(clock_rate: u32) -> Result<(), Invalid> {
    if clock_rate > 0 { Ok(()) } else { Err(Invalid::new("clock_rate", "above 0", clock_rate)) }
}
