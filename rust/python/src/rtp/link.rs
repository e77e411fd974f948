//! The model of a network that holds datagrams of Python: what a relay needs.

use super::{maybe_whole, refused, seconds, span, time, whole};
use crate::args::{items, number};
use crate::error::invalid;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use realtime_fast_core::rtp::link::{Conditions, Link, Profile, Schedule};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One direction of a network.
#[pyclass(frozen, module = "realtime_fast._native")]
pub struct NetworkLink(Mutex<Link<Arc<Py<PyBytes>>>>);

/// Conditions, and when after the start they begin.
type Change<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>);

impl NetworkLink {
    fn lock(&self) -> MutexGuard<'_, Link<Arc<Py<PyBytes>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl NetworkLink {
    #[new]
    #[pyo3(signature = (seed, now, conditions=None, changes=None))]
    fn new(
        seed: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        conditions: Option<&Bound<'_, PyDict>>,
        changes: Option<Vec<Change<'_>>>,
    ) -> PyResult<Self> {
        let schedule = schedule(conditions, changes)?;
        Ok(Self(Mutex::new(Link::new(whole("seed", seed)?, schedule, time(now)?))))
    }

    /// Conditions from and to the client of the network of a name.
    #[staticmethod]
    fn profile<'py>(py: Python<'py>, name: &str) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
        let profile = Profile::named(name).map_err(refused)?;
        Ok((to_python(py, &profile.up)?, to_python(py, &profile.down)?))
    }

    /// Starts other conditions; what is on its way goes on.
    #[pyo3(signature = (now, conditions=None, changes=None))]
    fn change(
        &self,
        now: &Bound<'_, PyAny>,
        conditions: Option<&Bound<'_, PyDict>>,
        changes: Option<Vec<Change<'_>>>,
    ) -> PyResult<()> {
        let (now, schedule) = (time(now)?, schedule(conditions, changes)?);
        self.lock().change(now, schedule);
        Ok(())
    }

    /// Sends a datagram in; False if it is lost or finds the queue full.
    fn push(&self, now: &Bound<'_, PyAny>, datagram: Bound<'_, PyBytes>) -> PyResult<bool> {
        let (now, bytes) = (time(now)?, datagram.as_bytes().len());
        Ok(self.lock().push(now, bytes, Arc::new(datagram.unbind())))
    }

    /// The next datagram that has arrived.
    fn pop<'py>(&self, py: Python<'py>, now: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let now = time(now)?;
        Ok(self.lock().pop(now).map(|datagram| datagram.bind(py).clone()))
    }

    /// When the next datagram can arrive at the earliest.
    fn deadline(&self) -> Option<f64> {
        self.lock().deadline().map(seconds)
    }

    /// What became of all datagrams so far.
    fn figures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let figures = self.lock().figures();
        let entry = PyDict::new(py);
        entry.set_item("packets", figures.packets)?;
        entry.set_item("bytes", figures.bytes)?;
        entry.set_item("lost", figures.lost)?;
        entry.set_item("dropped", figures.dropped)?;
        entry.set_item("duplicated", figures.duplicated)?;
        entry.set_item("reordered", figures.reordered)?;
        entry.set_item("delivered", figures.delivered)?;
        entry.set_item("delivered_bytes", figures.delivered_bytes)?;
        Ok(entry)
    }
}

fn schedule(first: Option<&Bound<'_, PyDict>>, changes: Option<Vec<Change<'_>>>) -> PyResult<Schedule> {
    let first = first.map_or(Ok(Conditions::default()), conditions)?;
    let changes =
        changes.iter().flatten().map(|(after, then)| Ok((span("changes", after)?, conditions(then)?)));
    Schedule::new(first, changes.collect::<PyResult<_>>()?).map_err(refused)
}

/// Conditions by their names; those that are not named are ideal.
fn conditions(named: &Bound<'_, PyDict>) -> PyResult<Conditions> {
    let mut conditions = Conditions::default();
    for item in items(named)? {
        let (name, value) = item?;
        match name.extract::<&str>() {
            Ok("loss") => conditions.loss = number("loss", "a number", &value)?,
            Ok("burst_loss") => conditions.burst_loss = number("burst_loss", "a number", &value)?,
            Ok("burst_length") => conditions.burst_length = number("burst_length", "a number", &value)?,
            Ok("delay") => conditions.delay = span("delay", &value)?,
            Ok("jitter") => conditions.jitter = span("jitter", &value)?,
            Ok("reorder") => conditions.reorder = number("reorder", "a number", &value)?,
            Ok("duplicate") => conditions.duplicate = number("duplicate", "a number", &value)?,
            Ok("rate") => conditions.rate = maybe_whole("rate", (!value.is_none()).then_some(&value))?,
            Ok("queue") => conditions.queue = span("queue", &value)?,
            _ => {
                return Err(invalid(format!(
                    "conditions: expected 'loss', 'burst_loss', 'burst_length', 'delay', 'jitter', 'reorder', \
                     'duplicate', 'rate' or 'queue', got {}",
                    name.repr()?
                )));
            }
        }
    }
    Ok(conditions)
}

fn to_python<'py>(py: Python<'py>, conditions: &Conditions) -> PyResult<Bound<'py, PyDict>> {
    let named = PyDict::new(py);
    named.set_item("loss", conditions.loss)?;
    named.set_item("burst_loss", conditions.burst_loss)?;
    named.set_item("burst_length", conditions.burst_length)?;
    named.set_item("delay", conditions.delay.as_secs_f64())?;
    named.set_item("jitter", conditions.jitter.as_secs_f64())?;
    named.set_item("reorder", conditions.reorder)?;
    named.set_item("duplicate", conditions.duplicate)?;
    named.set_item("rate", conditions.rate)?;
    named.set_item("queue", conditions.queue.as_secs_f64())?;
    Ok(named)
}
