//! What the far end sees and hears.

use super::payload::Body;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::event::{Picture, Sound};
use std::time::Duration;

/// A decoder that only counts.
#[derive(Debug, Default)]
pub struct Player {
    decoded: Option<u32>,
    shown: Vec<Shown>,
    /// Pictures that could not be decoded although they were handed out.
    pub broken: u32,
    pub sounds: u32,
    pub sounds_lost: u32,
    last_sound: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    at: Time,
    latency: Duration,
    bytes: usize,
    key: bool,
}

/// What a span of time looked like.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    pub fps: f64,
    pub longest_gap: Duration,
    pub median: Duration,
    pub p95: Duration,
    pub worst: Duration,
    pub bitrate: f64,
    pub keys: u32,
}

impl Player {
    pub fn show(&mut self, picture: &Picture, now: Time) {
        let body = Body::read(&picture.data);
        let decodable =
            body.filter(|body| body.key == picture.key && (body.key || self.decoded == Some(body.refers_to)));
        let Some(body) = decodable else {
            self.broken += 1;
            return;
        };
        self.decoded = Some(body.number);
        let latency = now - body.captured;
        self.shown.push(Shown { at: now, latency, bytes: picture.data.len(), key: body.key });
    }

    pub fn play(&mut self, sound: &Sound) {
        assert!(self.last_sound < Some(sound.timestamp), "sound goes forward");
        self.last_sound = Some(sound.timestamp);
        self.sounds += 1;
        self.sounds_lost += u32::from(sound.data.is_none());
    }

    /// What was shown between two times. A picture that still stands at the end is a gap, too.
    pub fn view(&self, from: Time, to: Time) -> View {
        let begin = self.shown.partition_point(|shown| shown.at < from);
        let end = self.shown.partition_point(|shown| shown.at < to);
        let shown = &self.shown[begin..end];
        let mut latencies: Vec<Duration> = shown.iter().map(|shown| shown.latency).collect();
        latencies.sort_unstable();
        let quantile = |share: f64| {
            let index = ((latencies.len().max(1) - 1) as f64 * share).round() as usize;
            latencies.get(index).copied().unwrap_or(Duration::MAX)
        };
        let times: Vec<Time> =
            [from].into_iter().chain(shown.iter().map(|shown| shown.at)).chain([to]).collect();
        let seconds = (to - from).as_secs_f64();
        View {
            fps: shown.len() as f64 / seconds,
            longest_gap: times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default(),
            median: quantile(0.5),
            p95: quantile(0.95),
            worst: quantile(1.0),
            bitrate: shown.iter().map(|shown| shown.bytes as f64 * 8.0).sum::<f64>() / seconds,
            keys: shown.iter().map(|shown| u32::from(shown.key)).sum(),
        }
    }
}
