//! CPU levels. A [`Level`] is a token that can only be made on a CPU with the instructions of its name, so
//! holding one proves that its code may run.

use std::fmt;

/// Which vector instructions are used. Results never depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level(pub(crate) Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    #[cfg(target_arch = "aarch64")]
    Neon,
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

/// Proof that the CPU has AVX-512 F, BW and VBMI, and AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(Avx2);

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// Proof of the lower level.
    pub(crate) fn avx2(self) -> Avx2 {
        self.0
    }
}

impl Level {
    /// Plain arithmetic.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// Every level of this CPU, highest first.
    fn descending() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let vectors = {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2").then_some(Avx2(()));
            let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512vbmi");
            [
                avx2.filter(|_| avx512).map(|avx2| Self(Kind::Avx512(Avx512(avx2)))),
                avx2.map(|avx2| Self(Kind::Avx2(avx2))),
                has!("sse4.1").then_some(Self(Kind::Sse41(Sse41(())))),
            ]
        };
        #[cfg(target_arch = "aarch64")]
        let vectors = [Some(Self(Kind::Neon))];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
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
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
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
