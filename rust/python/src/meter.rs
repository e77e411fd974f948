//! The video meter; its figures have the names of webrtc-stats.

use crate::args::{number, seconds};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use realtime_fast_core::meter::Meter;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts the frames of one video track: number, size, rate, gaps and freezes.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct VideoMeter(Mutex<Meter>);

impl VideoMeter {
    fn lock(&self) -> MutexGuard<'_, Meter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl VideoMeter {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Counts a frame of this size that came at `now` (monotonic seconds).
    fn add(
        &self,
        now: &Bound<'_, PyAny>,
        width: &Bound<'_, PyAny>,
        height: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (now, width, height) = (seconds(now)?, side("width", width)?, side("height", height)?);
        self.lock().add(now, width, height);
        Ok(())
    }

    /// Frames within the last second.
    fn rate(&self, now: &Bound<'_, PyAny>) -> PyResult<usize> {
        let now = seconds(now)?;
        Ok(self.lock().rate(now))
    }

    /// Frames in all.
    #[getter]
    fn frames(&self) -> u64 {
        self.lock().figures().frames
    }

    /// Width of the latest frame in pixels.
    #[getter]
    fn width(&self) -> u32 {
        self.lock().figures().width
    }

    /// Height of the latest frame in pixels.
    #[getter]
    fn height(&self) -> u32 {
        self.lock().figures().height
    }

    /// The fields of an `inbound-rtp` entry that come from frames.
    fn inbound<'py>(&self, py: Python<'py>, now: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let now = seconds(now)?;
        let (rate, figures) = {
            let mut meter = self.lock();
            (meter.rate(now), meter.figures())
        };
        let entry = PyDict::new(py);
        entry.set_item("framesDecoded", figures.frames)?;
        entry.set_item("framesPerSecond", rate)?;
        entry.set_item("frameWidth", figures.width)?;
        entry.set_item("frameHeight", figures.height)?;
        entry.set_item("totalInterFrameDelay", figures.total_gap)?;
        entry.set_item("totalSquaredInterFrameDelay", figures.total_squared_gap)?;
        entry.set_item("freezeCount", figures.freezes)?;
        entry.set_item("totalFreezesDuration", figures.frozen)?;
        Ok(entry)
    }

    /// The fields of an `outbound-rtp` entry that come from frames.
    fn outbound<'py>(&self, py: Python<'py>, now: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let now = seconds(now)?;
        let (rate, figures) = {
            let mut meter = self.lock();
            (meter.rate(now), meter.figures())
        };
        let entry = PyDict::new(py);
        entry.set_item("framesSent", figures.frames)?;
        entry.set_item("framesPerSecond", rate)?;
        entry.set_item("frameWidth", figures.width)?;
        entry.set_item("frameHeight", figures.height)?;
        Ok(entry)
    }
}

fn side(name: &str, obj: &Bound<'_, PyAny>) -> PyResult<u32> {
    number(name, "a number of pixels", obj)
}
