//! What an endpoint has to say, as Python takes it.

use super::config::codec_name;
use super::seconds;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use realtime_fast_core::rtp::event::{Event, ForwardedPacket, Picture, Sound};

/// A picture to be decoded.
#[pyclass(frozen, get_all, module = "realtime_fast._native")]
pub struct RtpPicture {
    codec: &'static str,
    data: Py<PyBytes>,
    timestamp: u64,
    key: bool,
    first_arrival: f64,
    complete: f64,
    contiguous: bool,
    trailer: Option<(Option<u64>, u32)>,
}

/// A packet's worth of sound to be decoded, or its absence.
#[pyclass(frozen, get_all, module = "realtime_fast._native")]
pub struct RtpSound {
    codec: &'static str,
    data: Option<Py<PyBytes>>,
    timestamp: u64,
    arrival: f64,
}

/// A packet that goes on to another endpoint.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct RtpPacket(pub ForwardedPacket);

#[pymethods]
impl RtpPacket {
    #[getter]
    fn codec(&self) -> &'static str {
        codec_name(self.0.codec)
    }

    #[getter]
    fn ssrc(&self) -> u32 {
        self.0.ssrc
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.0.sequence
    }

    #[getter]
    fn timestamp(&self) -> u64 {
        self.0.timestamp
    }

    #[getter]
    fn marker(&self) -> bool {
        self.0.marker
    }

    #[getter]
    fn key(&self) -> bool {
        self.0.key
    }

    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.payload)
    }

    #[getter]
    fn arrival(&self) -> f64 {
        seconds(self.0.arrival)
    }
}

/// An event as a tuple: what it is, which stream it is about, and what belongs to it.
pub fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
    match event {
        Event::Picture { receiver, picture } => {
            ("picture", receiver.0, RtpPicture::new(py, &picture)).into_bound_py_any(py)
        }
        Event::Sound { receiver, sound } => {
            ("sound", receiver.0, RtpSound::new(py, &sound)).into_bound_py_any(py)
        }
        Event::Packet { receiver, packet } => ("packet", receiver.0, RtpPacket(packet)).into_bound_py_any(py),
        Event::Ended { receiver } => ("ended", receiver.0).into_bound_py_any(py),
        Event::KeyFrameWanted { sender } => ("key_frame", sender.0).into_bound_py_any(py),
        Event::Rate { sender, bitrate } => ("rate", sender.0, bitrate).into_bound_py_any(py),
    }
}

impl RtpPicture {
    fn new(py: Python<'_>, picture: &Picture) -> Self {
        Self {
            codec: codec_name(picture.codec),
            data: PyBytes::new(py, &picture.data).unbind(),
            timestamp: picture.timestamp,
            key: picture.key,
            first_arrival: seconds(picture.first_arrival),
            complete: seconds(picture.complete),
            contiguous: picture.contiguous,
            trailer: picture.trailer.map(|trailer| (trailer.user_timestamp, trailer.frame_id)),
        }
    }
}

impl RtpSound {
    fn new(py: Python<'_>, sound: &Sound) -> Self {
        Self {
            codec: codec_name(sound.codec),
            data: sound.data.as_ref().map(|data| PyBytes::new(py, data).unbind()),
            timestamp: sound.timestamp,
            arrival: seconds(sound.arrival),
        }
    }
}
