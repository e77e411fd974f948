//! Python bindings of `realtime-fast-core`: arguments in, one core call, errors mapped, nothing else.

#[allow(dead_code)] // TODO until conversion lands
mod buffer;
#[allow(dead_code)]
mod error;
#[allow(dead_code)]
mod gil;

/// The extension module `realtime_fast._native`.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
        m.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
