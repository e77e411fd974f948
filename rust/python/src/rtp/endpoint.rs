//! The endpoint: one call for each datagram and each picture, which gives back all that is to be done.

use super::config::{self, CodecArg, CodecDescription, DeliverArg, KindArg};
use super::event::{RtpPacket, to_python};
use super::{maybe_whole, refused, seconds, span, stats, time, whole};
use crate::args::number;
use crate::buffer::{ReadBuf, Slot};
use crate::error::invalid;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{Deliver, Rates, ReceiveConfig, SendConfig};
use realtime_fast_core::rtp::endpoint::Endpoint;
use realtime_fast_core::rtp::event::{MediaInfo, ReceiverId, SenderId};
use realtime_fast_core::rtp::trailer::Trailer;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// All streams of one transport.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct RtpEndpoint(Mutex<Endpoint>);

/// What is to be done after a call: datagrams to encrypt and send at once, events in order, and when to call
/// `tick` at the latest.
type Work<'py> = (Bound<'py, PyList>, Bound<'py, PyList>, Option<f64>);

/// The number that names a stream.
struct Stream(u32);

impl<'a, 'py> FromPyObject<'a, 'py> for Stream {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        whole("stream", &obj).map(Self)
    }
}

fn finite(obj: &Bound<'_, PyAny>) -> PyResult<f32> {
    let quantizer: f32 = number("quantizer", "a finite number", obj)?;
    if quantizer.is_finite() {
        return Ok(quantizer);
    }
    Err(invalid(format!("quantizer: expected a finite number, got {quantizer}")))
}

/// A picture's time and number.
fn said((taken, number): (Bound<'_, PyAny>, Bound<'_, PyAny>)) -> PyResult<Trailer> {
    Ok(Trailer {
        user_timestamp: Some(whole("trailer's timestamp", &taken)?),
        frame_id: whole("trailer's frame id", &number)?,
    })
}

impl RtpEndpoint {
    fn lock(&self) -> MutexGuard<'_, Endpoint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is due and takes out all there is.
    fn work<'py>(py: Python<'py>, mut endpoint: MutexGuard<'_, Endpoint>, now: Time) -> PyResult<Work<'py>> {
        endpoint.tick(now);
        let datagrams = std::iter::from_fn(|| endpoint.next_datagram(now)).collect::<Vec<_>>();
        let events = std::iter::from_fn(|| endpoint.next_event()).collect::<Vec<_>>();
        let deadline = endpoint.deadline().map(seconds);
        // Making objects can run Python code, which may come back here.
        drop(endpoint);
        let datagrams = datagrams.iter().map(|datagram| PyBytes::new(py, datagram));
        let datagrams = PyList::new(py, datagrams.collect::<Vec<_>>())?;
        let events = events.into_iter().map(|event| to_python(py, event)).collect::<PyResult<Vec<_>>>()?;
        Ok((datagrams, PyList::new(py, events)?, deadline))
    }
}

#[pymethods]
impl RtpEndpoint {
    #[new]
    #[pyo3(signature = (seed, now, *, start_bitrate=None, min_bitrate=None, max_bitrate=None))]
    fn new(
        seed: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        start_bitrate: Option<&Bound<'_, PyAny>>,
        min_bitrate: Option<&Bound<'_, PyAny>>,
        max_bitrate: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let default = Rates::default();
        let rates = Rates {
            start: maybe_whole("start_bitrate", start_bitrate)?.unwrap_or(default.start),
            min: maybe_whole("min_bitrate", min_bitrate)?.unwrap_or(default.min),
            max: maybe_whole("max_bitrate", max_bitrate)?.unwrap_or(default.max),
        };
        let endpoint = Endpoint::new(whole("seed", seed)?, rates, time(now)?).map_err(refused)?;
        Ok(Self(Mutex::new(endpoint)))
    }

    /// Adds an outgoing stream; the number that names it.
    #[pyo3(signature = (*, codec, payload_type, clock_rate, ssrc, cname, mid, rtx=None, extensions=None, feedback=None, trailers=false))]
    #[expect(clippy::too_many_arguments, reason = "what was agreed, by name")]
    fn add_sender(
        &self,
        codec: CodecArg,
        payload_type: &Bound<'_, PyAny>,
        clock_rate: &Bound<'_, PyAny>,
        ssrc: &Bound<'_, PyAny>,
        cname: String,
        mid: String,
        rtx: Option<(Bound<'_, PyAny>, Bound<'_, PyAny>)>,
        extensions: Option<&Bound<'_, PyDict>>,
        feedback: Option<&Bound<'_, PyAny>>,
        trailers: bool,
    ) -> PyResult<u32> {
        let config = SendConfig {
            codec: codec.0,
            payload_type: whole("payload_type", payload_type)?,
            clock_rate: whole("clock_rate", clock_rate)?,
            ssrc: whole("ssrc", ssrc)?,
            rtx: config::rtx(rtx)?,
            cname,
            mid,
            extensions: config::extensions(extensions)?,
            feedback: config::feedback(feedback)?,
            trailers,
        };
        Ok(self.lock().add_sender(config).map_err(refused)?.0)
    }

    /// Adds an incoming stream; the number that names it.
    #[pyo3(signature = (
        *, kind, codecs, own_ssrc, cname, mid, ssrc=None, rtx_ssrc=None, sync_group=None, extensions=None,
        feedback=None, deliver=None, min_delay=None, max_delay=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "what was agreed, by name")]
    fn add_receiver(
        &self,
        kind: KindArg,
        codecs: Vec<CodecDescription<'_>>,
        own_ssrc: &Bound<'_, PyAny>,
        cname: String,
        mid: String,
        ssrc: Option<&Bound<'_, PyAny>>,
        rtx_ssrc: Option<&Bound<'_, PyAny>>,
        sync_group: Option<String>,
        extensions: Option<&Bound<'_, PyDict>>,
        feedback: Option<&Bound<'_, PyAny>>,
        deliver: Option<DeliverArg>,
        min_delay: Option<&Bound<'_, PyAny>>,
        max_delay: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u32> {
        let delay = |name, obj: Option<&_>| obj.map_or(Ok(Duration::ZERO), |obj| span(name, obj));
        let config = ReceiveConfig {
            kind: kind.0,
            codecs: config::codecs(codecs)?,
            ssrc: maybe_whole("ssrc", ssrc)?,
            rtx_ssrc: maybe_whole("rtx_ssrc", rtx_ssrc)?,
            own_ssrc: whole("own_ssrc", own_ssrc)?,
            cname,
            mid,
            sync_group: sync_group.unwrap_or_default(),
            extensions: config::extensions(extensions)?,
            feedback: config::feedback(feedback)?,
            deliver: deliver.map_or(Deliver::Media, |deliver| deliver.0),
            min_delay: delay("min_delay", min_delay)?,
            max_delay: delay("max_delay", max_delay)?,
        };
        Ok(self.lock().add_receiver(config).map_err(refused)?.0)
    }

    /// Ends an outgoing stream and says so to the far side.
    fn remove_sender<'py>(
        &self,
        py: Python<'py>,
        sender: Stream,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Work<'py>> {
        let now = time(now)?;
        let mut endpoint = self.lock();
        endpoint.remove_sender(SenderId(sender.0), now);
        Self::work(py, endpoint, now)
    }

    /// Ends an incoming stream: what still arrives for it is dropped.
    fn remove_receiver(&self, receiver: Stream) {
        self.lock().remove_receiver(ReceiverId(receiver.0));
    }

    /// Takes a datagram that came at `now`, decrypted: RTP or RTCP.
    fn receive<'py>(
        &self,
        py: Python<'py>,
        datagram: &Bound<'py, PyBytes>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Work<'py>> {
        let now = time(now)?;
        let mut endpoint = self.lock();
        endpoint.receive(datagram.as_bytes(), now);
        Self::work(py, endpoint, now)
    }

    /// Sends an encoded picture or packet of sound.
    #[pyo3(signature = (
        sender, media, timestamp, now, *, key=false, width=None, height=None, quantizer=None, encode_time=None,
        trailer=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "what is known of a picture, by name")]
    fn send<'py>(
        &self,
        py: Python<'py>,
        sender: Stream,
        media: &Bound<'py, PyAny>,
        timestamp: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
        key: bool,
        width: Option<&Bound<'py, PyAny>>,
        height: Option<&Bound<'py, PyAny>>,
        quantizer: Option<&Bound<'py, PyAny>>,
        encode_time: Option<&Bound<'py, PyAny>>,
        trailer: Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    ) -> PyResult<Work<'py>> {
        let info = MediaInfo {
            key,
            width: maybe_whole("width", width)?.unwrap_or(0),
            height: maybe_whole("height", height)?.unwrap_or(0),
            quantizer: quantizer.map(finite).transpose()?,
            encode_time: encode_time.map_or(Ok(Duration::ZERO), |obj| span("encode_time", obj))?,
            trailer: trailer.map(said).transpose()?,
        };
        let (timestamp, now) = (whole("timestamp", timestamp)?, time(now)?);
        let mut slot = Slot::EMPTY;
        let media = ReadBuf::get(&mut slot, "media", media)?;
        let bytes = media.packed_bytes("media")?;
        let mut endpoint = self.lock();
        endpoint.send(SenderId(sender.0), bytes, timestamp, &info, now).map_err(refused)?;
        Self::work(py, endpoint, now)
    }

    /// Sends a packet that another endpoint received.
    fn forward<'py>(
        &self,
        py: Python<'py>,
        sender: Stream,
        packet: &RtpPacket,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Work<'py>> {
        let now = time(now)?;
        let mut endpoint = self.lock();
        endpoint.forward(SenderId(sender.0), &packet.0, now).map_err(refused)?;
        Self::work(py, endpoint, now)
    }

    /// Does what is due at `now`.
    fn tick<'py>(&self, py: Python<'py>, now: &Bound<'py, PyAny>) -> PyResult<Work<'py>> {
        let now = time(now)?;
        Self::work(py, self.lock(), now)
    }

    /// Asks the far side for a key frame.
    fn request_key_frame<'py>(
        &self,
        py: Python<'py>,
        receiver: Stream,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Work<'py>> {
        let now = time(now)?;
        let mut endpoint = self.lock();
        endpoint.request_key_frame(ReceiverId(receiver.0), now);
        Self::work(py, endpoint, now)
    }

    /// Changes the bounds of the bit rate that is sent.
    fn set_bitrates(
        &self,
        start: &Bound<'_, PyAny>,
        min: &Bound<'_, PyAny>,
        max: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let rates = Rates { start: whole("start", start)?, min: whole("min", min)?, max: whole("max", max)? };
        self.lock().set_rates(rates).map_err(refused)
    }

    /// Changes how long an incoming stream is held back to smooth jitter.
    fn set_delay(&self, receiver: Stream, min: &Bound<'_, PyAny>, max: &Bound<'_, PyAny>) -> PyResult<()> {
        let (min, max) = (span("min", min)?, span("max", max)?);
        self.lock().set_delay(ReceiverId(receiver.0), min, max);
        Ok(())
    }

    /// Takes a round trip of the path that ICE's checks measured.
    fn set_round_trip(&self, round_trip: &Bound<'_, PyAny>) -> PyResult<()> {
        self.lock().set_round_trip(span("round_trip", round_trip)?);
        Ok(())
    }

    /// Tells the far side to send no more than this in all, in bit/s; `None` lifts it.
    fn limit<'py>(
        &self,
        py: Python<'py>,
        bitrate: Option<&Bound<'py, PyAny>>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Work<'py>> {
        let (bitrate, now) = (maybe_whole("bitrate", bitrate)?, time(now)?);
        let mut endpoint = self.lock();
        endpoint.limit(bitrate, now);
        Self::work(py, endpoint, now)
    }

    /// Figures of an outgoing stream; `None` if there is no such stream.
    fn sender_stats<'py>(&self, py: Python<'py>, sender: Stream) -> PyResult<Option<Bound<'py, PyDict>>> {
        let figures = self.lock().sender_stats(SenderId(sender.0));
        figures.map(|figures| stats::outbound(py, &figures)).transpose()
    }

    /// Figures of an incoming stream; `None` if there is no such stream.
    fn receiver_stats<'py>(&self, py: Python<'py>, receiver: Stream) -> PyResult<Option<Bound<'py, PyDict>>> {
        let figures = self.lock().receiver_stats(ReceiverId(receiver.0));
        figures.map(|figures| stats::inbound(py, &figures)).transpose()
    }

    /// How long packets wait to be sent, now.
    fn pacer_delay(&self, now: &Bound<'_, PyAny>) -> PyResult<f64> {
        let now = time(now)?;
        Ok(self.lock().transport_stats(now).pacer_delay.as_secs_f64())
    }

    /// Figures of the transport.
    fn transport_stats<'py>(&self, py: Python<'py>, now: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let figures = self.lock().transport_stats(time(now)?);
        stats::transport(py, &figures)
    }
}
