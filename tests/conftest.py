"""That this file is here puts its folder on the path: every test may import the ``tiny_*`` helpers."""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keras's own: it asks for NumPy copies in the way of NumPy 1."""
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation doesn't accept a copy keyword")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is not a passed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        reporter.write_line("Tests were skipped, which CI does not allow.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
