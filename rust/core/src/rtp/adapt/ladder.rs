//! Sizes and frame rates, best first, and the rate that each is worth.

use super::AdaptTuning;

/// What may be given up where not everything is to be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// Size first, then the frame rate of small pictures.
    #[default]
    Balanced,
    /// Size only.
    MaintainFramerate,
    /// Frame rate only.
    MaintainResolution,
    /// Neither: pictures get coarser, or are dropped.
    MaintainBoth,
}

/// Pictures as they come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pictures in a second.
    pub fps: f64,
}

/// What to encode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Width in pixels; even, but for a source that is not.
    pub width: u32,
    /// Height in pixels; even, but for a source that is not.
    pub height: u32,
    /// Pictures in a second, at most.
    pub fps: f64,
}

const SCALES: [f64; 5] = [1.0, 0.75, 0.5, 0.375, 0.25];
const FRAME_RATES: [f64; 6] = [1.0, 0.75, 0.5, 0.375, 0.25, 0.125];
/// Small pictures may become this much fewer.
const BALANCED_FRAME_RATES: [f64; 2] = [0.75, 0.5];
/// A rung: what is kept of each side, and of the frame rate.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rung {
    scale: f64,
    fps: f64,
}

/// The rungs for a source. See the module's text.
#[derive(Debug)]
pub(super) struct Ladder {
    tuning: AdaptTuning,
    source: Source,
    rungs: Vec<Rung>,
}

impl Ladder {
    pub(super) fn new(tuning: AdaptTuning, preference: Preference, source: Source) -> Self {
        let pixels = f64::from(source.width) * f64::from(source.height);
        let sizes: Vec<_> = SCALES
            .into_iter()
            .filter(|scale| *scale == 1.0 || pixels * scale * scale >= tuning.least_pixels)
            .map(|scale| Rung { scale, fps: 1.0 })
            .collect();
        let rates =
            |scale: f64, rates: &[f64]| rates.iter().map(|&fps| Rung { scale, fps }).collect::<Vec<_>>();
        let rungs = match preference {
            Preference::Balanced => {
                let smallest = sizes.last().map_or(1.0, |rung| rung.scale);
                [sizes, rates(smallest, &BALANCED_FRAME_RATES)].concat()
            }
            Preference::MaintainFramerate => sizes,
            Preference::MaintainResolution => rates(1.0, &FRAME_RATES),
            Preference::MaintainBoth => rates(1.0, &[1.0]),
        };
        Self { tuning, source, rungs }
    }

    /// The lowest rung.
    pub(super) const fn last(&self) -> usize {
        self.rungs.len() - 1
    }

    pub(super) fn shape(&self, rung: usize) -> Shape {
        let Rung { scale, fps } = self.rungs[rung];
        let side = |side: u32| {
            if scale == 1.0 { side } else { ((f64::from(side) * scale / 2.0).round() as u32 * 2).max(2) }
        };
        Shape { width: side(self.source.width), height: side(self.source.height), fps: self.source.fps * fps }
    }

    /// The first rung that a rate suffices for; the last one if none.
    pub(super) fn affordable(&self, rate: f64) -> usize {
        (0..self.last()).find(|&rung| self.needed(rung) <= rate).unwrap_or(self.last())
    }

    /// The rate from which a rung is better than the next.
    pub(super) fn needed(&self, rung: usize) -> f64 {
        let Rung { scale, fps } = self.rungs[rung];
        let pixels = f64::from(self.source.width) * f64::from(self.source.height) * scale * scale;
        let fps = self.source.fps * fps;
        self.tuning.full
            * (pixels / (1280.0 * 720.0)).powf(self.tuning.pixels)
            * (fps / 30.0).powf(self.tuning.fps)
    }

    /// What a rung costs the processor, in units of the best one.
    pub(super) fn work(&self, rung: usize) -> f64 {
        let Rung { scale, fps } = self.rungs[rung];
        scale * scale * fps
    }
}
