//! A far side and a near one, for tests of incoming streams.

#![allow(dead_code, reason = "each test uses some of it")]

use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{Codec, Deliver, Feedback, Kind, ReceiveCodec, ReceiveConfig};
use realtime_fast_core::rtp::event::{Event, ForwardedPacket, Picture, ReceiverId, Sound};
use realtime_fast_core::rtp::payload::Packetizer;
use realtime_fast_core::rtp::receive::{Incoming, Tuning};
use realtime_fast_core::rtp::wire::{ExtensionIds, ExtensionValues, Header, Packet};
use std::collections::VecDeque;
use std::time::Duration;

pub const INTERVAL: u64 = 40;
pub const BUDGET: usize = 1000;

pub fn at(millis: u64) -> Time {
    Time::from_micros(1_000_000 + millis * 1000)
}

pub fn config(kind: Kind, deliver: Deliver) -> ReceiveConfig {
    let codec = |payload_type, codec, clock_rate| ReceiveCodec {
        payload_type,
        codec,
        clock_rate,
        rtx_payload_type: Some(payload_type + 1).filter(|_| codec != Codec::Opus),
    };
    ReceiveConfig {
        kind,
        codecs: match kind {
            Kind::Video => vec![codec(96, Codec::Vp8, 90_000), codec(98, Codec::H264, 90_000)],
            Kind::Audio => vec![codec(111, Codec::Opus, 48_000)],
        },
        ssrc: None,
        rtx_ssrc: None,
        own_ssrc: 1,
        cname: String::new(),
        mid: String::new(),
        sync_group: String::new(),
        extensions: ExtensionIds::default(),
        feedback: Feedback { nack: kind == Kind::Video, pli: true, ..Feedback::default() },
        deliver,
        min_delay: Duration::ZERO,
        max_delay: Duration::ZERO,
    }
}

/// A sender as simple as can be.
pub struct Far {
    pub codec: Codec,
    pub packetizer: Packetizer,
    pub ssrc: u32,
    pub number: u16,
    pub rtx_number: u16,
    pub timestamp: u32,
    pub pictures: u32,
}

impl Far {
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            packetizer: Packetizer::new(codec, 7),
            ssrc: 10,
            number: 1000,
            rtx_number: 500,
            timestamp: 5000,
            pictures: 0,
        }
    }

    pub fn packet(&mut self, payload: &[u8], marker: bool, padding: u8) -> Vec<u8> {
        let header = Header {
            marker,
            payload_type: match self.codec {
                Codec::Vp8 => 96,
                Codec::H264 => 98,
                Codec::Opus => 111,
            },
            sequence_number: self.number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        self.number = self.number.wrapping_add(1);
        let mut datagram = Vec::new();
        header.write(
            &ExtensionIds::default(),
            &ExtensionValues::default(),
            &[payload],
            padding,
            &mut datagram,
        );
        datagram
    }

    /// The packets of a picture that takes so many.
    pub fn picture(&mut self, key: bool, packets: usize) -> Vec<Vec<u8>> {
        self.timestamp = self.timestamp.wrapping_add(90 * INTERVAL as u32);
        self.pictures += 1;
        let mut body = vec![0xaa; packets * BUDGET - BUDGET / 2];
        let picture = match self.codec {
            Codec::Vp8 => {
                body[0] = u8::from(!key);
                body
            }
            _ => {
                // Slices begin with first_mb_in_slice = 0, which is one bit.
                let slice = [&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x80][..], &body].concat();
                let parameters = [0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce];
                if key { [&parameters[..], &slice].concat() } else { slice }
            }
        };
        let mut payloads = Vec::new();
        self.packetizer.packetize(&picture, BUDGET, &mut payloads).expect("a picture");
        let last = payloads.len() - 1;
        payloads.iter().enumerate().map(|(i, payload)| self.packet(payload, i == last, 0)).collect()
    }

    pub fn sound(&mut self) -> Vec<u8> {
        self.timestamp = self.timestamp.wrapping_add(960);
        self.packet(&[0xfc, 1, 2, 3], false, 0)
    }

    pub fn padding(&mut self) -> Vec<u8> {
        self.packet(&[], false, 200)
    }

    /// What a retransmission of a packet looks like (RFC 4588).
    pub fn again(&mut self, datagram: &[u8]) -> Vec<u8> {
        let packet = Packet::parse(datagram).expect("our own");
        let header = Header {
            payload_type: packet.header.payload_type + 1,
            ssrc: self.ssrc + 1,
            sequence_number: self.rtx_number,
            ..packet.header
        };
        self.rtx_number = self.rtx_number.wrapping_add(1);
        let mut out = Vec::new();
        let number = packet.header.sequence_number.to_be_bytes();
        header.write(
            &ExtensionIds::default(),
            &ExtensionValues::default(),
            &[&number, packet.payload],
            0,
            &mut out,
        );
        out
    }
}

/// A stream, its clock, and all it has said.
pub struct Near {
    pub stream: Incoming,
    pub now: u64,
    pub events: VecDeque<Event>,
    /// Milliseconds and sequence numbers.
    pub asked: Vec<(u64, Vec<u16>)>,
    pub key_frames_asked: Vec<u64>,
}

impl Near {
    pub fn new(config: ReceiveConfig) -> Self {
        Self::tuned(config, Tuning::default())
    }

    pub fn tuned(config: ReceiveConfig, tuning: Tuning) -> Self {
        Self {
            stream: Incoming::new(ReceiverId(0), config, tuning),
            now: 0,
            events: VecDeque::new(),
            asked: Vec::new(),
            key_frames_asked: Vec::new(),
        }
    }

    pub fn video() -> Self {
        Self::new(config(Kind::Video, Deliver::Media))
    }

    pub fn receive(&mut self, datagram: &[u8]) {
        let packet = Packet::parse(datagram).expect("our own");
        self.stream.receive(&packet, datagram.len(), at(self.now), &mut self.events);
        self.ask();
    }

    pub fn all(&mut self, datagrams: &[Vec<u8>]) {
        datagrams.iter().for_each(|datagram| self.receive(datagram));
    }

    /// Lets time pass up to `millis`, waking up when the stream wants to.
    pub fn until(&mut self, millis: u64) {
        while let Some(deadline) = self.stream.deadline().filter(|&deadline| deadline <= at(millis)) {
            let due = deadline.micros().saturating_sub(at(0).micros()).div_ceil(1000);
            // A deadline that is not acted upon would go round for ever.
            self.now = due.max(self.now);
            self.stream.tick(at(self.now), &mut self.events);
            self.ask();
            assert!(self.stream.deadline() != Some(deadline), "woken at {} ms for nothing", self.now);
        }
        self.now = millis;
        self.stream.tick(at(millis), &mut self.events);
        self.ask();
    }

    pub fn ask(&mut self) {
        let mut missing = Vec::new();
        self.stream.missing(at(self.now), &mut missing);
        if !missing.is_empty() {
            self.asked.push((self.now, missing.iter().map(|&number| number as u16).collect()));
        }
        if self.stream.key_frame_request(at(self.now)).is_some() {
            self.key_frames_asked.push(self.now);
        }
    }

    pub fn pictures(&mut self) -> Vec<Picture> {
        let picture = |event| match event {
            Event::Picture { picture, .. } => Some(picture),
            _ => None,
        };
        self.events.drain(..).filter_map(picture).collect()
    }

    pub fn keys(&mut self) -> Vec<bool> {
        self.pictures().iter().map(|picture| picture.key).collect()
    }

    pub fn sounds(&mut self) -> Vec<Sound> {
        let sound = |event| match event {
            Event::Sound { sound, .. } => Some(sound),
            _ => None,
        };
        self.events.drain(..).filter_map(sound).collect()
    }

    pub fn packets(&mut self) -> Vec<ForwardedPacket> {
        let packet = |event| match event {
            Event::Packet { packet, .. } => Some(packet),
            _ => None,
        };
        self.events.drain(..).filter_map(packet).collect()
    }
}

/// Both codecs of pictures, each with a stream that has begun.
pub fn begun() -> Vec<(Far, Near)> {
    [Codec::Vp8, Codec::H264]
        .map(|codec| {
            let (mut far, mut near) = (Far::new(codec), Near::video());
            near.all(&far.picture(true, 3));
            assert_eq!(near.keys(), [true]);
            (far, near)
        })
        .into()
}
