//! Which size and frame rate to encode: as large as rate and processor allow (W3C `degradationPreference`).
//!
//! Sizes and frame rates make a ladder, best first. It is gone down at once, by as many rungs as it takes, where the
//! rate does not make a good picture of the present one, where the encoder is forced to a coarse quantiser or beyond
//! its rate, or where it cannot keep up; and up again after some seconds in which there would have been room. A step
//! up that had to be taken back is tried again later each time.

mod ladder;

pub use ladder::{Preference, Shape, Source};

use crate::rtp::config::Codec;
use crate::rtp::time::Time;
use ladder::Ladder;
use std::collections::VecDeque;
use std::time::Duration;

/// What became of a picture that was encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Encoded {
    /// Its size.
    pub bytes: usize,
    /// The quantiser that the encoder used, in the codec's own scale, where it tells.
    pub quantizer: Option<f32>,
    /// How long it took.
    pub time: Duration,
}

/// Why a picture was not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Those before it have not left yet, or the encoder dropped it to keep its rate.
    Rate,
    /// The encoder was still busy.
    Busy,
}

/// Why pictures are smaller or fewer than they came (W3C `qualityLimitationReason`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limitation {
    /// They are not.
    #[default]
    None,
    /// The processor does not keep up.
    Cpu,
    /// The rate does not suffice.
    Bandwidth,
}

/// The figures of an [`Adaptation`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptTuning {
    /// The rate, in bit/s, from which 1280×720 at 30 fps is better than something smaller.
    pub full: f64,
    /// How the rate needed grows with the number of pixels.
    pub pixels: f64,
    /// How it grows with the frame rate.
    pub fps: f64,
    /// Sizes have at least so many pixels, but for a source that is smaller.
    pub least_pixels: f64,
    /// Going up needs this much more than staying.
    pub margin: f64,
    /// The rate must be too low for this long.
    pub dip: Duration,
    /// What happens is looked at over this.
    pub window: Duration,
    /// The least time until a step is undone.
    pub hold: Duration,
    /// The longest, after steps up that failed.
    pub longest_hold: Duration,
    /// Shares of the frame interval that encoding takes, below which it is free, and above which it is not kept up.
    pub busy: (f64, f64),
    /// This share of pictures skipped is too many.
    pub skipped: f64,
    /// What is beyond this multiple of the rate that a size needs is hardly seen.
    pub worth: f64,
    /// An encoder that makes this much of its rate is beyond what its quantiser can do.
    pub overshoot: f64,
}

impl Default for AdaptTuning {
    fn default() -> Self {
        Self {
            full: 900_000.0,
            pixels: 0.77,
            fps: 0.6,
            least_pixels: 50_000.0,
            margin: 1.1,
            dip: Duration::from_millis(200),
            window: Duration::from_millis(2_000),
            hold: Duration::from_secs(5),
            longest_hold: Duration::from_secs(40),
            busy: (0.42, 0.85),
            skipped: 0.4,
            worth: 4.5,
            overshoot: 1.4,
        }
    }
}

/// Fewer pictures than these are no window.
const LEAST: usize = 8;
/// Opening encoders and connections takes a processor that later has time to spare.
const STARTING: Duration = Duration::from_secs(5);
/// A rate this far below what a size needs is no fluctuation: nothing is waited for, even the step before is undone.
const COLLAPSE: f64 = 0.6;
/// A rate whose mean is below this share of its latest value climbs.
const STEADY: f64 = 0.85;

#[derive(Clone, Copy, Debug)]
enum Fate {
    Encoded(Encoded),
    Skipped(Skip),
}

/// What is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Stay,
    /// To this rung.
    Up(usize),
    /// To this rung, because of the rate.
    Down(usize),
    /// By one, because the encoder shows that something does not suffice.
    DownForStrain(Limitation),
}

/// Chooses size and frame rate. See the module's text.
#[derive(Debug)]
pub struct Adaptation {
    tuning: AdaptTuning,
    codec: Codec,
    ladder: Ladder,
    rung: usize,
    limitation: Limitation,
    rates: VecDeque<(Time, f64)>,
    pictures: VecDeque<(Time, Fate)>,
    last_down: Option<Time>,
    last_up: Option<Time>,
    hold: Duration,
    began: Time,
    counted: Time,
    durations: [Duration; 3],
    changes: u64,
}

impl Adaptation {
    /// Begins at the size that suits `bitrate`.
    #[must_use]
    pub fn new(
        tuning: AdaptTuning,
        codec: Codec,
        preference: Preference,
        source: Source,
        bitrate: u64,
        now: Time,
    ) -> Self {
        let mut adaptation = Self {
            tuning,
            codec,
            ladder: Ladder::new(tuning, preference, source),
            rung: 0,
            limitation: Limitation::None,
            rates: VecDeque::new(),
            pictures: VecDeque::new(),
            last_down: None,
            last_up: None,
            hold: tuning.hold,
            began: now,
            counted: now,
            durations: [Duration::ZERO; 3],
            changes: 0,
        };
        adaptation.rate(bitrate, now);
        adaptation.set(preference, source);
        adaptation
    }

    /// Changes what is preferred, or what comes; begins again at the size that suits the rate.
    pub fn set(&mut self, preference: Preference, source: Source) {
        self.ladder = Ladder::new(self.tuning, preference, source);
        let rate = self.rates.back().map_or(f64::INFINITY, |&(_, rate)| rate);
        self.rung = self.ladder.affordable(rate);
        self.limitation = if self.rung > 0 { Limitation::Bandwidth } else { Limitation::None };
        self.pictures.clear();
    }

    /// Takes the rate that pictures may have, in bit/s.
    pub fn rate(&mut self, bitrate: u64, now: Time) {
        self.rates.push_back((now, bitrate as f64));
        // One from before the window says what held at its beginning.
        while self.rates.get(1).is_some_and(|&(at, _)| now - at > self.tuning.window) {
            self.rates.pop_front();
        }
    }

    /// Takes a picture that was encoded.
    pub fn encoded(&mut self, picture: Encoded, now: Time) {
        self.pictures.push_back((now, Fate::Encoded(picture)));
    }

    /// Takes a picture that was not.
    pub fn skipped(&mut self, cause: Skip, now: Time) {
        self.pictures.push_back((now, Fate::Skipped(cause)));
    }

    /// What to encode.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.ladder.shape(self.rung)
    }

    /// The rate, in bit/s, beyond which what is encoded now would hardly look any better.
    #[must_use]
    pub fn worth(&self) -> u64 {
        (self.tuning.worth * self.ladder.needed(self.rung)) as u64
    }

    /// Why it is less than what comes.
    #[must_use]
    pub const fn limitation(&self) -> Limitation {
        self.limitation
    }

    /// How long there has been no limitation, one by the processor, and one by the rate.
    #[must_use]
    pub fn durations(&self, now: Time) -> [Duration; 3] {
        let mut durations = self.durations;
        durations[self.limitation as usize] += now - self.counted;
        durations
    }

    /// How many times the shape has changed (W3C `qualityLimitationResolutionChanges`).
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// Looks whether the shape is still right; to be called for each picture that comes. Returns whether it changed.
    pub fn update(&mut self, now: Time) -> bool {
        while self.pictures.front().is_some_and(|&(at, _)| now - at > self.tuning.window) {
            self.pictures.pop_front();
        }
        let step = self.judge(now);
        if step == Step::Stay {
            return false;
        }
        self.durations = self.durations(now);
        self.counted = now;
        match step {
            Step::Stay => {}
            Step::Up(rung) => {
                self.rung = rung;
                self.last_up = Some(now);
                if rung == 0 {
                    self.limitation = Limitation::None;
                }
            }
            Step::Down(rung) => {
                (self.rung, self.limitation) = (rung, Limitation::Bandwidth);
                self.last_down = Some(now);
            }
            Step::DownForStrain(limitation) => {
                // A step up that does not last is tried later each time. Where the rate falls it was no mistake.
                let failed = self.last_up.is_some_and(|up| now - up < 2 * self.hold);
                let doubled = (2 * self.hold).min(self.tuning.longest_hold);
                self.hold = if failed { doubled } else { self.tuning.hold };
                (self.rung, self.limitation) = (self.rung + 1, limitation);
                self.last_down = Some(now);
            }
        }
        self.changes += 1;
        // What was seen before says nothing about the new shape.
        self.pictures.clear();
        true
    }

    fn judge(&self, now: Time) -> Step {
        let last = self.ladder.last();
        let since = |then: Option<Time>| then.map_or(Duration::MAX, |then| now - then);
        let settled = since(self.last_up) >= self.tuning.hold;
        if self.rung < last
            && let Some(rate) = self.too_low(settled, now)
        {
            return Step::Down(self.ladder.affordable(rate).max(self.rung + 1));
        }
        // The first pictures of an encoder, a large key frame among them, strain any rate.
        let shaped = since(self.last_down).min(since(self.last_up)).min(now - self.began);
        let full_window = self.pictures.len() >= LEAST && shaped >= self.tuning.window;
        if !full_window {
            return Step::Stay;
        }
        match self.strain(now) {
            Limitation::None if since(self.last_down) >= self.hold => {
                self.room(now).map_or(Step::Stay, Step::Up)
            }
            Limitation::None => Step::Stay,
            Limitation::Cpu if now - self.began < STARTING => Step::Stay,
            strain if settled && self.rung < last => Step::DownForStrain(strain),
            _ => Step::Stay,
        }
    }

    /// The rate, if it is too low for the present rung: far too low now, or too low for a while.
    fn too_low(&self, settled: bool, now: Time) -> Option<f64> {
        let needed = self.ladder.needed(self.rung);
        let latest = self.rates.back().map_or(f64::INFINITY, |&(_, rate)| rate);
        if latest < COLLAPSE * needed {
            return Some(latest);
        }
        let highest = self.rate_since(now - self.tuning.dip).fold(0.0, f64::max);
        (settled && highest < needed / self.tuning.margin).then_some(highest)
    }

    /// The best rung above the present one for which there is room.
    fn room(&self, now: Time) -> Option<usize> {
        let mean = self.mean_rate(now);
        // While it still climbs, the next step would be one of several.
        let latest = self.rates.back().map_or(0.0, |&(_, rate)| rate);
        if mean < STEADY * latest {
            return None;
        }
        // An encoder that has bits to spare is given the next size a little earlier.
        let fine = |rung: usize| rung + 1 == self.rung && self.is_fine();
        let margin = |rung: usize| if fine(rung) { 1.0 / self.tuning.margin } else { self.tuning.margin };
        (0..self.rung).find(|&rung| mean >= margin(rung) * self.ladder.needed(rung) && self.keeps_up_at(rung))
    }

    fn mean_rate(&self, now: Time) -> f64 {
        // Rates come when they change only: the older ones may be from long before the window.
        let begin = now - self.tuning.window;
        let ends = self.rates.iter().skip(1).map(|&(at, _)| at).chain([now]);
        let (area, span) =
            self.rates.iter().zip(ends).fold((0.0, 0.0), |(area, span), (&(at, rate), end)| {
                let held = (end.max(begin) - at.max(begin)).as_secs_f64();
                (area + rate * held, span + held)
            });
        if span > 0.0 { area / span } else { self.rates.back().map_or(0.0, |&(_, rate)| rate) }
    }

    fn rate_since(&self, since: Time) -> impl Iterator<Item = f64> {
        // The last one before still held at its beginning.
        let begin = self.rates.iter().rposition(|&(at, _)| at < since).unwrap_or(0);
        self.rates.iter().skip(begin).map(|&(_, rate)| rate)
    }

    /// What does not suffice, as the encoder shows it.
    fn strain(&self, now: Time) -> Limitation {
        let count = self.pictures.len() as f64;
        let skipped = |cause: Skip| {
            let is = |fate: &Fate| matches!(fate, Fate::Skipped(why) if *why == cause);
            self.pictures.iter().filter(|(_, fate)| is(fate)).count() as f64 / count
        };
        let [_, high] = self.quantizers();
        let coarse = self.mean(|picture| picture.quantizer.map(f64::from)).is_some_and(|mean| mean > high);
        if self.busy().is_some_and(|busy| busy > self.tuning.busy.1)
            || skipped(Skip::Busy) >= self.tuning.skipped
        {
            Limitation::Cpu
        } else if coarse || self.overshoots(now) || skipped(Skip::Rate) >= self.tuning.skipped {
            Limitation::Bandwidth
        } else {
            Limitation::None
        }
    }

    /// Whether the encoder makes more than its rate, which it does when its coarsest quantiser is not coarse enough.
    fn overshoots(&self, now: Time) -> bool {
        let Some(&(first, _)) = self.pictures.front() else { return false };
        let bytes: usize = self.encoded_pictures().map(|picture| picture.bytes).sum();
        let made = bytes as f64 * 8.0 / (now - first).as_secs_f64().max(0.001);
        made > self.tuning.overshoot * self.mean_rate(now)
    }

    fn is_fine(&self) -> bool {
        let [low, _] = self.quantizers();
        self.mean(|picture| picture.quantizer.map(f64::from)).is_some_and(|mean| mean < low)
    }

    /// The share of the frame interval that encoding takes.
    fn busy(&self) -> Option<f64> {
        self.mean(|picture| Some(picture.time.as_secs_f64() * self.shape().fps))
    }

    /// Whether the processor would have time for a rung.
    fn keeps_up_at(&self, rung: usize) -> bool {
        let more = self.ladder.work(rung) / self.ladder.work(self.rung);
        let (free, full) = self.tuning.busy;
        self.busy().is_none_or(|busy| busy < free || busy * more < (free + full) / 2.0)
    }

    fn encoded_pictures(&self) -> impl Iterator<Item = &Encoded> {
        self.pictures.iter().filter_map(|(_, fate)| match fate {
            Fate::Encoded(picture) => Some(picture),
            Fate::Skipped(_) => None,
        })
    }

    fn mean(&self, figure: impl Fn(&Encoded) -> Option<f64>) -> Option<f64> {
        let (sum, count) = self
            .encoded_pictures()
            .filter_map(figure)
            .fold((0.0, 0), |(sum, count), figure| (sum + figure, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// Below the first the picture has bits to spare; above the second it is coarse (libwebrtc's figures).
    const fn quantizers(&self) -> [f64; 2] {
        match self.codec {
            Codec::H264 => [24.0, 37.0],
            Codec::Vp8 | Codec::Opus => [29.0, 95.0],
        }
    }
}

#[cfg(test)]
mod tests;
