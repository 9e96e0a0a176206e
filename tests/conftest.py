"""That this file is here puts its folder on the path: every test may import the ``tiny_*`` helpers."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keras's own: it asks for NumPy copies in the way of NumPy 1."""
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation doesn't accept a copy keyword")
