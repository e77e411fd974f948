"""`pytest --benchmark`: the benches, and nothing else."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--benchmark", action="store_true", help="run the benches instead of the tests")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put the benches in place of the tests, and ask pytest-benchmark for nothing but benches."""
    if config.option.benchmark:
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args = [str(Path(__file__).parent / "benches")]
        config.option.benchmark_only = True
