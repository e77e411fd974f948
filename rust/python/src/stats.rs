//! Statistics entries that are Python objects, and samples as tuples for `realtime_fast.stats`.

use crate::args::{items, seconds};
use crate::error::{invalid, is_ordinary};
use pyo3::IntoPyObjectExt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyMapping, PyString, PyTuple};
use realtime_fast_core::stats::{
    self, AudioStats, Candidate, ConnectionStats, Entry, Number, OutboundStats, Parser, RtcStats, Text,
    VideoStats,
};
use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

/// Turns reports into samples; remembers the last one for the deltas.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct StatsParser(Mutex<Parser>);

#[pymethods]
impl StatsParser {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// The sample of a report taken at `now`: tuples of (video, audio, outbound_video, connection).
    fn parse<'py>(
        &self,
        report: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = report.py();
        let now = seconds(now)?;
        if let Ok(text) = report.cast::<PyString>() {
            let text = text
                .to_str()
                .map_err(|error| invalid(format!("report: expected JSON text in Unicode, got {error}")))?;
            let sample = stats::json::parse(&mut self.lock(), text, now);
            return to_python(py, sample.map_err(malformed)?);
        }
        if let Ok(text) = report.cast::<PyBytes>() {
            let sample = stats::json::parse_bytes(&mut self.lock(), text.as_bytes(), now);
            return to_python(py, sample.map_err(malformed)?);
        }
        // Reading entries can run Python code that calls this parser, so it is not locked meanwhile.
        let mut parser = std::mem::take(&mut *self.lock());
        let sample = parse_mapping(&mut parser, report, now);
        *self.lock() = parser;
        to_python(py, sample?)
    }

    /// Forgets the last sample.
    fn reset(&self) {
        self.lock().reset();
    }
}

impl StatsParser {
    fn lock(&self) -> std::sync::MutexGuard<'_, Parser> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn malformed(error: stats::json::JsonError) -> PyErr {
    invalid(format!("report: {error}"))
}

fn parse_mapping(parser: &mut Parser, report: &Bound<'_, PyAny>, now: f64) -> PyResult<RtcStats> {
    let failure = RefCell::new(None);
    let mut sampling = parser.begin(now);
    if let Ok(report) = report.cast::<PyDict>() {
        for item in items(report)? {
            let (id, entry) = item?;
            add(&mut sampling, &id, entry, &failure)?;
        }
    } else if let Ok(report) = report.cast::<PyMapping>() {
        for item in report.items()? {
            let (id, entry) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            add(&mut sampling, &id, entry, &failure)?;
        }
    } else {
        return Err(invalid(format!(
            "report: expected a mapping of statistics entries by id, or its JSON text, got {}",
            report.get_type().name()?
        )));
    }
    let sample = sampling.finish();
    failure.into_inner().map_or(Ok(sample), Err)
}

fn add<'a, 'py>(
    sampling: &mut stats::Sampling<'_, PyEntry<'a, 'py>>,
    id: &Bound<'py, PyAny>,
    entry: Bound<'py, PyAny>,
    failure: &'a Failure,
) -> PyResult<()> {
    if let Ok(id) = id.cast::<PyString>().map_err(PyErr::from).and_then(|id| id.to_str()) {
        sampling.add(id, &PyEntry { members: Members::of(entry), failure });
    }
    failure.take().map_or(Ok(()), Err)
}

/// What reading an entry died of, if that is for the program and not for the sample, such as a `KeyboardInterrupt`.
type Failure = RefCell<Option<PyErr>>;

/// An entry of a report.
#[derive(Clone)]
struct PyEntry<'a, 'py> {
    members: Members<'py>,
    failure: &'a Failure,
}

/// The members of a dict, or the attributes of an object.
#[derive(Clone)]
enum Members<'py> {
    Dict(Bound<'py, PyDict>),
    Object(Bound<'py, PyAny>),
}

impl<'py> Members<'py> {
    fn of(entry: Bound<'py, PyAny>) -> Self {
        match entry.cast_into::<PyDict>() {
            Ok(dict) => Self::Dict(dict),
            Err(error) => Self::Object(error.into_inner()),
        }
    }

    fn get(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Self::Dict(dict) => dict.get_item(name),
            Self::Object(object) => object.getattr_opt(name),
        }
    }
}

/// The members' names as Python strings, made once.
struct Names {
    numbers: Vec<Py<PyString>>,
    texts: Vec<Py<PyString>>,
}

fn names(py: Python<'_>) -> &Names {
    static NAMES: PyOnceLock<Names> = PyOnceLock::new();
    NAMES.get_or_init(py, || Names {
        numbers: Number::ALL.iter().map(|name| PyString::intern(py, name.name()).unbind()).collect(),
        texts: Text::ALL.iter().map(|name| PyString::intern(py, name.name()).unbind()).collect(),
    })
}

impl<'py> PyEntry<'_, 'py> {
    fn py(&self) -> Python<'py> {
        match &self.members {
            Members::Dict(dict) => dict.py(),
            Members::Object(object) => object.py(),
        }
    }

    /// A member; one that cannot be read counts as missing.
    fn get(&self, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
        self.noted(self.members.get(name))?
    }

    fn number(&self, value: &Bound<'py, PyAny>) -> Option<f64> {
        self.noted(as_number(value))?
    }

    fn noted<T>(&self, read: PyResult<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                if !is_ordinary(self.py(), &error) {
                    self.failure.replace(Some(error));
                }
                None
            }
        }
    }
}

fn as_number(value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    // Floats and ints only: bools are ints in Python, and strings are no numbers.
    if value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyInt>()
        || (!value.is_instance_of::<PyBool>()
            && (value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>()))
    {
        value.extract().map(Some)
    } else {
        Ok(None)
    }
}

impl Entry for PyEntry<'_, '_> {
    fn raw_number(&self, name: Number) -> Option<f64> {
        let py = self.py();
        self.number(&self.get(names(py).numbers[name as usize].bind(py))?)
    }

    fn with_text<R>(&self, name: Text, read: impl FnOnce(&str) -> R) -> Option<R> {
        let py = self.py();
        let text = self.get(names(py).texts[name as usize].bind(py))?;
        text.cast::<PyString>().ok()?.to_str().ok().map(read)
    }

    fn is_nominated(&self) -> bool {
        let name = intern!(self.py(), stats::NOMINATED);
        self.get(name).is_some_and(|value| value.is(&*PyBool::new(self.py(), true)))
    }

    fn durations(&self) -> Vec<(String, f64)> {
        let durations = self.get(intern!(self.py(), stats::DURATIONS));
        let Some(Ok(durations)) = durations.map(|value| value.cast_into::<PyDict>()) else {
            return Vec::new();
        };
        let items = self.noted(items(&durations)).into_iter().flatten();
        items
            .map_while(|item| self.noted(item)) // an iterator that fails may do so for ever
            .filter_map(|(name, seconds)| {
                let seconds =
                    self.number(&seconds).filter(|seconds| *seconds >= 0.0 && seconds.is_finite())?;
                Some((name.cast::<PyString>().ok()?.to_str().ok()?.to_owned(), seconds))
            })
            .collect()
    }
}

/// A tuple of the named fields, in this order.
macro_rules! fields {
    ($py:ident, $stats:ident; $($field:ident)*) => {
        PyTuple::new($py, [$($stats.$field.into_bound_py_any($py)?,)*])
    };
}

fn to_python<'py>(py: Python<'py>, sample: RtcStats) -> PyResult<Bound<'py, PyTuple>> {
    (
        sample.video.map(|stats| video(py, stats)).transpose()?,
        sample.audio.map(|stats| audio(py, stats)).transpose()?,
        sample.outbound_video.map(|stats| outbound(py, stats)).transpose()?,
        connection(py, sample.connection)?,
    )
        .into_pyobject(py)
}

fn video(py: Python<'_>, stats: VideoStats) -> PyResult<Bound<'_, PyTuple>> {
    fields!(py, stats;
        frames_decoded frames_dropped frames_per_second frame_width frame_height bytes_received packets_received
        packets_lost jitter bitrate freeze_count total_freezes_duration packets_lost_delta frames_dropped_delta
        freeze_count_delta freeze_duration_delta nack_count nack_count_delta fir_count pli_count frames_received
        avg_inter_frame_delay_ms inter_frame_delay_variance_ms inter_frame_delay_stddev_ms
        jitter_buffer_target_delay_ms jitter_buffer_minimum_delay_ms avg_decode_time_ms avg_jitter_buffer_ms
        avg_processing_delay_ms frames_unread)
}

fn audio(py: Python<'_>, stats: AudioStats) -> PyResult<Bound<'_, PyTuple>> {
    fields!(py, stats; bytes_received packets_received packets_lost jitter bitrate packets_lost_delta)
}

fn outbound(py: Python<'_>, stats: OutboundStats) -> PyResult<Bound<'_, PyTuple>> {
    fields!(py, stats;
        quality_limitation_reason quality_limitation_durations bytes_sent packets_sent frames_per_second
        frame_width frame_height bitrate nack_count fir_count pli_count retransmitted_bytes_sent
        retransmitted_packets_sent target_bitrate_kbps avg_packet_send_delay_ms avg_encode_time_ms)
}

fn connection(py: Python<'_>, stats: ConnectionStats) -> PyResult<Bound<'_, PyTuple>> {
    let pairs = stats
        .selected_candidate_pairs
        .into_iter()
        .map(|(local, remote)| (candidate(local), candidate(remote)))
        .collect::<Vec<_>>();
    (stats.current_round_trip_time, stats.available_outgoing_bitrate, pairs).into_pyobject(py)
}

fn candidate(candidate: Candidate) -> (String, u64, String, String) {
    (candidate.address, candidate.port, candidate.protocol, candidate.candidate_type)
}
