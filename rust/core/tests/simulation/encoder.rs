//! A model of a video encoder: how large its pictures are, not what is in them.
//!
//! It aims at a rate over a buffer of a second, as encoders with a VBV do: sizes vary from picture to picture, changes
//! of scene are larger, key frames are four to eight times as large, and what was spent too much is saved afterwards.
//! Below the rate that its largest quantiser makes, it cannot go: then only fewer or smaller pictures help.

use super::payload::Body;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::adapt::{AdaptTuning, Adaptation, Encoded, Preference, Skip, Source};
use realtime_fast_core::rtp::config::Codec;
use realtime_fast_core::rtp::event::MediaInfo;
use realtime_fast_core::rtp::random::Random;
use std::time::Duration;

/// Bits of a pixel that the coarsest quantiser leaves: libvpx at 1280x704 and 25 fps goes no lower than 532 kbit/s.
const COARSEST: f64 = 0.0236;
/// Bits of a pixel beyond which the finest quantiser has nothing to add.
const FINEST: f64 = 0.2;
/// The same of a key frame at the coarsest.
const COARSEST_KEY: f64 = 0.08;
/// What the camera gives, and what rate an encoder begins with.
const CAMERA: (u32, u32) = (1280, 704);
const FPS: f64 = 25.0;
const START: u64 = 1_000_000;
/// The largest quantiser of VP8.
const MAX_QUANTIZER: f64 = 127.0;

/// A camera and its encoder.
#[derive(Debug)]
pub struct Encoder {
    random: Random,
    /// Bit/s.
    bitrate: f64,
    /// Chooses size and frame rate; `None` keeps the camera's.
    pub adaptation: Option<Adaptation>,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Pictures a second.
    pub fps: f64,
    /// The next picture refers to no other.
    pub key_wanted: bool,
    /// When the next picture is captured.
    pub next: Time,
    /// Bits spent above the rate and not yet saved.
    debt: f64,
    number: u32,
    scene: f64,
}

impl Encoder {
    pub fn new(seed: u64, now: Time) -> Self {
        Self {
            random: Random::new(seed),
            bitrate: START as f64,
            adaptation: Some(Adaptation::new(
                AdaptTuning::default(),
                Codec::Vp8,
                Preference::Balanced,
                Source { width: CAMERA.0, height: CAMERA.1, fps: FPS },
                START,
                now,
            )),
            size: CAMERA,
            fps: FPS,
            key_wanted: true,
            next: now,
            debt: 0.0,
            number: 0,
            scene: 8.0,
        }
    }

    /// Takes the rate to aim at, in bit/s.
    pub fn set_bitrate(&mut self, bitrate: u64, now: Time) {
        self.bitrate = bitrate as f64;
        if let Some(adaptation) = &mut self.adaptation {
            adaptation.rate(bitrate, now);
        }
    }

    /// Leaves out the picture that is captured now: there is no room for it.
    pub fn skip(&mut self, now: Time) {
        if let Some(adaptation) = &mut self.adaptation {
            adaptation.skipped(Skip::Rate, now);
        }
        self.adapt(now);
        // What is not sent is saved.
        self.debt = (self.debt - self.bitrate / self.fps).max(-self.bitrate * 0.2);
        self.next = now + Duration::from_secs_f64(1.0 / self.fps);
    }

    /// Takes another size or frame rate where that is better.
    fn adapt(&mut self, now: Time) {
        if let Some(adaptation) = &mut self.adaptation
            && adaptation.update(now)
        {
            let shape = adaptation.shape();
            // Encoders begin another size with a key frame.
            self.key_wanted |= self.size != (shape.width, shape.height);
            (self.size, self.fps) = ((shape.width, shape.height), shape.fps);
        }
    }

    /// The picture that is captured now: its bytes, RTP timestamp, and what is known of it.
    pub fn encode(&mut self, now: Time) -> (Vec<u8>, u32, MediaInfo) {
        self.adapt(now);
        let key = std::mem::take(&mut self.key_wanted);
        let pixels = f64::from(self.size.0 * self.size.1);
        let mean = self.bitrate / self.fps;
        // About lognormal: a product of many small influences.
        let normal: f64 = (0..4).map(|_| self.random.unit() - 0.5).sum::<f64>() * 1.7;
        let mut wanted = mean * (0.25 * normal).exp();
        self.scene -= 1.0 / self.fps;
        if self.scene < 0.0 {
            self.scene = 5.0 + 10.0 * self.random.unit();
            wanted *= 2.5;
        }
        wanted = (wanted - self.debt * 0.1).max(mean * 0.3);
        if key {
            // No larger than the path takes in 200 ms, where the quantiser can do that.
            wanted = (mean * (4.0 + 4.0 * self.random.unit())).min(self.bitrate * 0.2);
        }
        let least = pixels * if key { COARSEST_KEY } else { COARSEST };
        let bits = wanted.max(least).min(pixels * FINEST * if key { 4.0 } else { 1.0 });
        self.debt = (self.debt + bits - mean).clamp(-self.bitrate * 0.2, self.bitrate);
        let per_pixel = bits / pixels * if key { COARSEST / COARSEST_KEY } else { 1.0 };
        let fineness = (per_pixel / COARSEST).ln() / (FINEST / COARSEST).ln();
        let info = MediaInfo {
            key,
            width: self.size.0,
            height: self.size.1,
            quantizer: Some((MAX_QUANTIZER * (1.0 - fineness).clamp(0.0, 1.0)) as f32),
            encode_time: Duration::from_millis(8),
            ..MediaInfo::default()
        };
        if let Some(adaptation) = &mut self.adaptation {
            let (quantizer, time) = (info.quantizer, info.encode_time);
            adaptation.encoded(Encoded { bytes: (bits / 8.0) as usize, quantizer, time }, now);
        }
        self.number += 1;
        let body = Body { number: self.number, refers_to: self.number - 1, captured: now, key };
        let timestamp = (now.micros() * 9 / 100) as u32;
        self.next = now + Duration::from_secs_f64(1.0 / self.fps);
        (body.write((bits / 8.0) as usize), timestamp, info)
    }
}
