//! Which size and frame rate to encode.

use super::time;
use crate::error::invalid;
use pyo3::prelude::*;
use realtime_fast_core::rtp::adapt::{self, AdaptTuning, Encoded, Limitation, Preference, Skip, Source};
use realtime_fast_core::rtp::payload::Codec;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Chooses the size and the rate of pictures for what can be sent and encoded.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct Adaptation(Mutex<adapt::Adaptation>);

impl Adaptation {
    fn lock(&self) -> MutexGuard<'_, adapt::Adaptation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Adaptation {
    #[new]
    fn new(
        codec: &str,
        preference: &str,
        width: u32,
        height: u32,
        fps: f64,
        bitrate: u64,
        now: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let codec = match codec {
            "vp8" => Codec::Vp8,
            "h264" => Codec::H264,
            _ => return Err(invalid(format!("expected a codec of 'vp8' or 'h264', got {codec:?}"))),
        };
        let source = source(width, height, fps)?;
        Ok(Self(Mutex::new(adapt::Adaptation::new(
            AdaptTuning::default(),
            codec,
            preference_of(preference)?,
            source,
            bitrate,
            time(now)?,
        ))))
    }

    /// Changes what is preferred or what comes.
    fn set(&self, preference: &str, width: u32, height: u32, fps: f64) -> PyResult<()> {
        self.lock().set(preference_of(preference)?, source(width, height, fps)?);
        Ok(())
    }

    /// Takes the rate that pictures may have, in bit/s.
    fn rate(&self, bitrate: u64, now: &Bound<'_, PyAny>) -> PyResult<()> {
        let now = time(now)?;
        self.lock().rate(bitrate, now);
        Ok(())
    }

    /// Takes a picture that was encoded, in so many seconds.
    #[pyo3(signature = (bytes, quantizer, seconds, now))]
    fn encoded(
        &self,
        bytes: usize,
        quantizer: Option<f32>,
        seconds: f64,
        now: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let took = Duration::try_from_secs_f64(seconds)
            .map_err(|_| invalid(format!("expected an encoding time from 0 s up, got {seconds}")))?;
        let now = time(now)?;
        self.lock().encoded(Encoded { bytes, quantizer, time: took }, now);
        Ok(())
    }

    /// Takes a picture that was not encoded, because the encoder was busy, or else because of the rate.
    fn skipped(&self, busy: bool, now: &Bound<'_, PyAny>) -> PyResult<()> {
        let now = time(now)?;
        self.lock().skipped(if busy { Skip::Busy } else { Skip::Rate }, now);
        Ok(())
    }

    /// What to encode now: width, height, frames per second.
    fn update(&self, now: &Bound<'_, PyAny>) -> PyResult<(u32, u32, f64)> {
        let now = time(now)?;
        let mut adaptation = self.lock();
        adaptation.update(now);
        let shape = adaptation.shape();
        Ok((shape.width, shape.height, shape.fps))
    }

    /// Bit/s beyond which what is encoded now would hardly look any better.
    #[getter]
    fn worth(&self) -> u64 {
        self.lock().worth()
    }

    /// Why it is less than what comes: `none`, `cpu` or `bandwidth`.
    #[getter]
    fn limitation(&self) -> &'static str {
        match self.lock().limitation() {
            Limitation::None => "none",
            Limitation::Cpu => "cpu",
            Limitation::Bandwidth => "bandwidth",
        }
    }

    /// Seconds without a limitation, with one by the processor, and with one by the rate.
    fn durations(&self, now: &Bound<'_, PyAny>) -> PyResult<(f64, f64, f64)> {
        let [none, cpu, bandwidth] = self.lock().durations(time(now)?).map(|span| span.as_secs_f64());
        Ok((none, cpu, bandwidth))
    }

    /// How often the size or the frame rate has changed.
    #[getter]
    fn changes(&self) -> u64 {
        self.lock().changes()
    }
}

fn preference_of(word: &str) -> PyResult<Preference> {
    match word {
        "balanced" => Ok(Preference::Balanced),
        "maintain-framerate" => Ok(Preference::MaintainFramerate),
        "maintain-resolution" => Ok(Preference::MaintainResolution),
        "maintain-framerate-and-resolution" => Ok(Preference::MaintainBoth),
        _ => Err(invalid(format!(
            "expected a preference of 'balanced', 'maintain-framerate', 'maintain-resolution' or \
             'maintain-framerate-and-resolution', got {word:?}"
        ))),
    }
}

fn source(width: u32, height: u32, fps: f64) -> PyResult<Source> {
    if width == 0 || height == 0 || !(fps.is_finite() && fps > 0.0) {
        return Err(invalid(format!(
            "expected a size and a frame rate above 0, got {width}x{height} at {fps}"
        )));
    }
    Ok(Source { width, height, fps })
}
