//! Python bindings of `realtime-fast-core`: arguments in, one core call, errors mapped, nothing else.

#[allow(dead_code)]
mod buffer;
mod error;
#[allow(dead_code)]
mod gil;
mod marker;
mod picture;
mod probes;

/// The extension module `realtime_fast._native`.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::marker::{read, stamp};
    #[pymodule_export]
    use crate::probes::ProbeLedger;

    #[pymodule_init]
    fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
        m.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
