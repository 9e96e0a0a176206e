"""What the explorers are tried on: the shipped network, a few rendered signs, Sensitive-Samples made from them."""

import numpy as np
import pytest

import ssviz
from ssviz.ascents import ascent
from ssviz.attacks import precision_reduction
from ssviz.effectiveness import effectiveness
from ssviz.explorers import GenerationResultsExplorer, MissingRateExplorer


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


@pytest.fixture
def missing(model, images, bag):
    attacks = [precision_reduction(model, bits) for bits in (2, 4)]
    return MissingRateExplorer(effectiveness(model, attacks, images, bag, n_s_max=4), name="here")


@pytest.fixture
def results(bag):
    return GenerationResultsExplorer([ascent("ours", bag)], name="here", iteration=10)
