"""What the explorers are tried on: the shipped network, a few rendered signs, Sensitive-Samples made from them."""

import numpy as np
import pytest

import ssviz


@pytest.fixture(scope="session")
def model():
    return ssviz.load_model("signs-cnn7")


@pytest.fixture(scope="session")
def images():
    from ssviz.datasets.signs import render

    return render(np.arange(12), seed=5).astype(np.float32) / 255


@pytest.fixture(scope="session")
def bag(model, images):
    return ssviz.generate(model, images, itr_max=15, progress=False)
