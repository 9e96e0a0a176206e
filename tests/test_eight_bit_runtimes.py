"""TFLite with fewer bits, which runs in this process with the TensorFlow backend only: not a test of both backends."""

import numpy as np
import tiny_models

from ssviz.numerics import noise

X = tiny_models.vectors(40)


def test_eight_bits_change_the_weights():
    model = tiny_models.dense(hidden=400)  # smaller kernels are left as they are
    assert np.nanmax(noise(model, X, "TFLite")) < 1e-4 < np.nanmax(noise(model, X, "TFLite, float16 weights")) < 1e-2
    assert np.nanmax(noise(model, X, "TFLite, int8 weights")) > 1e-3
    assert np.nanmax(noise(model, X, "TFLite, int8")) > 1e-3
