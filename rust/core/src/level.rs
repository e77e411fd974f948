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
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Proof that the CPU has SSE4.1 (and SSSE3 below it).
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sse41(());

/// Proof that the CPU has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

/// Proof that the CPU has AVX-512 F, BW and VBMI.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Level {
    /// Plain integer maths; on aarch64 the compiler uses NEON for it, which every such CPU has.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// Every level of this CPU, highest first.
    fn descending() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let vectors = {
            use std::arch::is_x86_feature_detected as has;
            let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512vbmi");
            [
                avx512.then_some(Self(Kind::Avx512(Avx512(())))),
                has!("avx2").then_some(Self(Kind::Avx2(Avx2(())))),
                has!("sse4.1").then_some(Self(Kind::Sse41(Sse41(())))),
            ]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let vectors: [Option<Self>; 0] = [];
        vectors.into_iter().flatten().chain([Self::SCALAR])
    }

    /// The highest level of this CPU.
    pub fn detect() -> Self {
        Self::descending().next().unwrap_or(Self::SCALAR)
    }

    /// Every level of this CPU, lowest first.
    pub fn available() -> Vec<Self> {
        let mut levels: Vec<_> = Self::descending().collect();
        levels.reverse();
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
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
