//! Python bindings of `realtime-fast-core`: arguments in, one core call, errors mapped, nothing else.

mod args;
mod buffer;
mod convert;
mod error;
mod frames;
mod gil;
mod marker;
mod meter;
mod picture;
mod probes;
mod rtp;
mod shapes;
mod stats;
mod testing;

/// The extension module `realtime_fast._native`.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::convert::convert;
    #[pymodule_export]
    use crate::frames::{View, new_frame};
    #[pymodule_export]
    use crate::marker::{read, read_soft, stamp};
    #[pymodule_export]
    use crate::meter::VideoMeter;
    #[pymodule_export]
    use crate::picture::describe;
    #[pymodule_export]
    use crate::probes::ProbeLedger;
    #[pymodule_export]
    use crate::rtp::{Adaptation, NetworkLink, RtpEndpoint, RtpPacket, RtpPicture, RtpSound};
    #[pymodule_export]
    use crate::shapes::array_shape;
    #[pymodule_export]
    use crate::stats::StatsParser;

    /// For tests and benches only.
    #[pymodule]
    mod _testing {
        #[pymodule_export]
        use crate::testing::levels;
    }

    #[pymodule_init]
    fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
        m.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
