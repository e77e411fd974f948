//! CPU levels. A [`Level`] is a token: it can only be had on a CPU that has what its name says, so whoever
//! holds one may run that code without asking again.

use std::fmt;

/// How far the CPU's vector instructions are used. Results never depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level(pub(crate) Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Sse41(Sse41),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

/// Proof that the CPU has SSE4.1 (and SSSE3 below it).
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sse41(());

/// Proof that the CPU has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Level {
    /// Plain integer maths; on aarch64 the compiler uses NEON for it, which every such CPU has.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The highest level of this CPU.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                return Self(Kind::Avx2(Avx2(())));
            }
            if std::arch::is_x86_feature_detected!("sse4.1") {
                return Self(Kind::Sse41(Sse41(())));
            }
        }
        Self::SCALAR
    }

    /// Every level of this CPU, lowest first.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "one level only on other architectures")]
        let mut levels = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("sse4.1") {
                levels.push(Self(Kind::Sse41(Sse41(()))));
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                levels.push(Self(Kind::Avx2(Avx2(()))));
            }
        }
        levels
    }

    /// The name by which tests and benches ask for it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Sse41(_) => "sse4.1",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
