# `make demo` and `make test` need CPython >= 3.11, a Rust toolchain and a C compiler; the rest is made here.
PYTHON ?= python3
BIN := .venv/bin
RUST := $(shell find rust Cargo.toml Cargo.lock -name '*.rs' -o -name 'Cargo.*' 2>/dev/null | grep -v /target/)

.PHONY: docs demo test quick browser livekit interop check workflows lint types bench bench-core aarch64 network soak wheel test-wheel fuzz miri format clean
.DELETE_ON_ERROR:

.venv/.tools: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("realtime_fast needs CPython 3.11 or newer: make PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev
	touch $@

.venv/.installed: .venv/.tools $(RUST)
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --release --uv --quiet --extras server,cli,livekit
	touch $@

demo: .venv/.installed
	$(BIN)/realtime-fast demo $(ARGS)

# Most tests wait most of the time, so more of them run at once than there are cores; tests/alone.py has the others.
SIDE_BY_SIDE := --numprocesses 3 --dist worksteal

test: .venv/.installed
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

# Half a minute: no sockets or processes (tests/sockets.py holds the tests to it), no seconds of encoding, no stopwatch.
quick: lint types
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not sockets and not alone and not slow" $(ARGS)

# Debian's Chromium, Amazon's SDK and the hosted service's, for the tests in tests/browser: without them they skip.
browser:
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; } >/dev/null
	cd tests/browser && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --silent --no-audit --no-fund

# LiveKit's server, for tests/interop and for rooms elsewhere (docs/livekit.md); minutes of processor time, needs Go
livekit: .livekit/livekit-server
.livekit/livekit-server:
	GOBIN=$(CURDIR)/.livekit go install github.com/livekit/livekit-server/cmd/server@v1.9.11
	mv .livekit/server $@

# Unmodified programs of others against the embedded service, each in an environment of its own; with `make livekit`,
# against a real server as well. Without their environments these tests skip.
interop: .venv/.installed .interop/0.1.0/.installed .interop/0.2.4/.installed
	$(BIN)/python -m pytest tests/interop $(ARGS)

.interop/%/.installed: | .venv/.tools
	$(PYTHON) -m venv .interop/$*
	$(BIN)/uv pip install --quiet --python .interop/$*/bin/python "decart[realtime]==$*" "livekit==1.2.1"
	touch $@

# stubtest runs elsewhere because it would replace mypy's cache.
check: lint types
	mkdir -p target && cd target && ../$(BIN)/python -m mypy.stubtest realtime_fast._native
	cargo test --package realtime-fast-core --locked --quiet

.venv/.actionlint: .venv/.tools
	GOBIN=$(CURDIR)/$(BIN) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	touch $@

workflows: .venv/.actionlint
	$(BIN)/actionlint
	$(BIN)/zizmor --offline --quiet .github/workflows

lint: .venv/.installed
	$(BIN)/ruff format --check python tests benches examples docs conftest.py
	$(BIN)/ruff check python tests benches examples docs conftest.py
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

types: .venv/.installed
	$(BIN)/mypy

# The site, in target/site; a warning is an error.
docs: .venv/.installed
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -d target/doctrees docs target/site

format: .venv/.tools
	$(BIN)/ruff format python tests benches examples docs conftest.py
	$(BIN)/ruff check --fix-only python tests benches examples docs conftest.py
	cargo fmt --all

# libyuv takes part in the benches where it is installed (Debian: libyuv-dev).
PEERS := $(if $(wildcard /usr/include/libyuv.h),--features libyuv)

# Ratios are of one core: nothing else should run meanwhile.
bench: .venv/.installed
	mkdir -p .benchmarks
	cargo build --release --locked --manifest-path rust/bench/Cargo.toml --lib $(PEERS)
	$(BIN)/python -m pytest --benchmark --benchmark-min-rounds=30 --benchmark-max-time=0.5 \
		--benchmark-columns=min,median,rounds --benchmark-json=.benchmarks/report.json $(ARGS)
	$(BIN)/python benches/table.py .benchmarks/report.json docs/bench

# The core alone: conversion on every level beside the yuv crate and libyuv, marker, statistics.
bench-core:
	cd rust/bench && cargo bench --locked $(PEERS)

# The kernels for aarch64 under an emulator: NEON gives the bytes of the scalar level. Without rustup and, on Debian,
# gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user it says so and does nothing; .ci/run installs them.
AARCH64 := aarch64-unknown-linux-gnu
aarch64: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER = aarch64-linux-gnu-gcc
aarch64: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER = qemu-aarch64 -L /usr/aarch64-linux-gnu
aarch64:
	@for tool in rustup qemu-aarch64 aarch64-linux-gnu-gcc; do \
		command -v $$tool >/dev/null || { echo "aarch64: skipped for want of $$tool"; exit 0; }; \
	done; \
	rustup --quiet target add $(AARCH64) || { echo "aarch64: skipped for want of its standard library"; exit 0; }; \
	cargo test --quiet --locked --package realtime-fast-core --target $(AARCH64) --test convert_levels --test resize

# Our client on networks that people have, and after `make browser` the hosted service's SDK in Chromium; a minute and more
# for each row. Nothing else should run meanwhile.
network: .venv/.installed
	$(BIN)/python -m benches.network $(ARGS)

# 200 sessions and one of 10 minutes; what the client holds, over time
soak: .venv/.installed
	$(BIN)/python benches/soak.py $(ARGS)

wheel: .venv/.tools
	rm -f dist/*.whl
	$(BIN)/maturin build --release --out dist

# The suite against the wheel alone: an empty environment, a copy of the tests, no source tree in reach.
test-wheel: wheel
	rm -rf target/wheel && mkdir -p target/wheel
	$(PYTHON) -m venv target/wheel/venv
	$(BIN)/uv pip install --quiet --python target/wheel/venv/bin/python --group test "$$(ls dist/*.whl)[server,cli,livekit]"
	cp -r tests benches examples conftest.py pyproject.toml target/wheel
	cd target/wheel && venv/bin/python -P -m pytest $(SIDE_BY_SIDE) $(ARGS)

# Minutes, not CI: FUZZ_SECONDS for each target. Needs nightly and `cargo install cargo-fuzz`.
FUZZ_SECONDS ?= 120
fuzz:
	for target in $$(cargo +nightly fuzz list --fuzz-dir rust/fuzz); do \
		cargo +nightly fuzz run --fuzz-dir rust/fuzz $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

# Undefined behaviour in the core: what has vectors with those that Miri knows (not AVX-512, so it is not
# detected), and all of it with 32-bit sizes and bytes the other way round. Below jiter, bitvec breaks the rules of
# Stacked Borrows, hence Tree Borrows. Needs nightly with miri and rust-src.
miri:
	RUSTFLAGS=-Ctarget-feature=+avx2 \
		cargo +nightly miri test --locked --package realtime-fast-core --lib --test convert_levels --test resize
	MIRIFLAGS=-Zmiri-tree-borrows \
		cargo +nightly miri test --locked --package realtime-fast-core --target powerpc-unknown-linux-gnu

clean:
	rm -rf .venv target dist
