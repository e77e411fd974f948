//! An endpoint that sends, a millisecond at a time, and what leaves it.

use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{Codec, Feedback, Rates, Rtx, SendConfig};
use realtime_fast_core::rtp::endpoint::Endpoint;
use realtime_fast_core::rtp::event::{Event, MediaInfo, SenderId};
use realtime_fast_core::rtp::wire::rtcp::write_nack;
use realtime_fast_core::rtp::wire::{ExtensionIds, ExtensionValues, Packet, is_rtcp};

pub const IDS: ExtensionIds = ExtensionIds {
    mid: Some(1),
    abs_send_time: Some(3),
    transport_cc: Some(4),
    audio_level: None,
    video_orientation: None,
    playout_delay: None,
    capture_time: None,
};
pub const VIDEO: u32 = 10;
pub const RTX: u32 = 11;
pub const AUDIO: u32 = 20;
/// The round trip before one is measured.
pub const ROUND_TRIP: u64 = 100;

pub fn at(millis: u64) -> Time {
    Time::from_micros(5_000_000 + millis * 1_000)
}

pub fn video() -> SendConfig {
    SendConfig {
        codec: Codec::Vp8,
        payload_type: 96,
        clock_rate: 90_000,
        ssrc: VIDEO,
        rtx: Some(Rtx { payload_type: 97, ssrc: RTX }),
        cname: "near".into(),
        mid: "v".into(),
        extensions: IDS,
        feedback: Feedback {
            nack: true,
            pli: true,
            fir: true,
            remb: true,
            transport_cc: true,
            reduced_size: true,
        },
        trailers: false,
    }
}

pub fn audio() -> SendConfig {
    let feedback = Feedback { transport_cc: true, ..Feedback::default() };
    SendConfig {
        codec: Codec::Opus,
        payload_type: 111,
        clock_rate: 48_000,
        ssrc: AUDIO,
        rtx: None,
        mid: "a".into(),
        feedback,
        ..video()
    }
}

/// An endpoint with a camera.
pub struct Near {
    pub endpoint: Endpoint,
    pub video: SenderId,
    pub now: u64,
}

/// What left, and when.
#[derive(Clone, Debug)]
pub struct Left {
    pub millis: u64,
    pub bytes: Vec<u8>,
}

impl Left {
    pub fn packet(&self) -> Packet<'_> {
        Packet::parse(&self.bytes).expect("RTP")
    }

    pub fn ssrc(&self) -> u32 {
        self.packet().header.ssrc
    }

    pub fn values(&self) -> ExtensionValues<'_> {
        ExtensionValues::read(self.packet().extensions, &IDS)
    }
}

impl Near {
    pub fn new(config: SendConfig) -> Self {
        Self::with(config, Rates::default())
    }

    pub fn with(config: SendConfig, rates: Rates) -> Self {
        let mut endpoint = Endpoint::new(3, rates, at(0)).expect("rates in order");
        let video = endpoint.add_sender(config).expect("a good configuration");
        Self { endpoint, video, now: 0 }
    }

    /// A picture of so many bytes.
    pub fn picture(&mut self, bytes: usize, key: bool) {
        let info = MediaInfo { key, width: 640, height: 352, ..MediaInfo::default() };
        let timestamp = (self.now * 90) as u32;
        self.endpoint
            .send(self.video, &vec![7; bytes], timestamp, &info, at(self.now))
            .expect("it was added");
    }

    /// Lets milliseconds pass; the RTP packets that left.
    pub fn run(&mut self, millis: u64) -> Vec<Left> {
        let (rtp, _) = self.run_all(millis);
        rtp
    }

    /// Lets milliseconds pass; RTP packets and reports that left.
    pub fn run_all(&mut self, millis: u64) -> (Vec<Left>, Vec<Left>) {
        let (mut rtp, mut rtcp) = (Vec::new(), Vec::new());
        for _ in 0..millis {
            self.endpoint.tick(at(self.now));
            while let Some(bytes) = self.endpoint.next_datagram(at(self.now)) {
                let left = Left { millis: self.now, bytes };
                if is_rtcp(&left.bytes) { &mut rtcp } else { &mut rtp }.push(left);
            }
            self.now += 1;
        }
        (rtp, rtcp)
    }

    pub fn told(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.endpoint.receive(&bytes, at(self.now));
    }

    pub fn nack(&mut self, numbers: &[u16]) {
        self.told(|out| write_nack(1, VIDEO, numbers.iter().copied(), out));
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.endpoint.next_event()).collect()
    }

    pub fn key_frames_wanted(&mut self) -> usize {
        self.events().iter().filter(|event| matches!(event, Event::KeyFrameWanted { .. })).count()
    }
}

pub fn numbers(left: &[Left]) -> Vec<u16> {
    left.iter().map(|left| left.packet().header.sequence_number).collect()
}
