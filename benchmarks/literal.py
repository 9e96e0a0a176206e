"""Algorithm 1 to the letter, in TensorFlow: sample by sample, a double backward pass for each output."""

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def element_gradient(f: keras.Model) -> Callable:
    """The compiled function (v, k) -> l_k, dl_k/dv (lines 10 and 15), W being the last layer."""
    w = [weight.value for weight in f.layers[-1].trainable_weights]

    @tf.function
    def of_element(v: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as outer:
            outer.watch(v)
            with tf.GradientTape() as inner:
                f_k = f(v, training=False)[0, k]
            l_k = tf.add_n([tf.reduce_sum(tf.square(g)) for g in inner.gradient(f_k, w)])
        return l_k, outer.gradient(l_k, v)

    return of_element


def sensitive_sample_gen(of_element: Callable, outputs: int, v0: np.ndarray, itr_max: int, lr: float, *,
                         target: float, cap: float) -> tuple[float, np.ndarray]:  # fmt: skip
    """Ascend one sample v0 (1, ...) until S reaches ``target``, or for itr_max iterations or ``cap`` seconds.

    Returns the seconds it took and S (iterations,). Line 17 is Adam's step (Section 4.3); no epsilon.
    """
    v, m, m2 = v0, np.zeros_like(v0), np.zeros_like(v0)
    sensitivity: list[float] = []
    start = time.perf_counter()
    for i in range(1, itr_max + 1):  # line 12
        delta, s = np.zeros_like(v0), 0.0  # line 13
        for k in range(outputs):  # line 14
            l_k, gradient = of_element(tf.constant(v), tf.constant(k))
            delta, s = delta + gradient.numpy(), s + float(l_k)  # line 15
        sensitivity.append(s)
        if s >= target or time.perf_counter() - start > cap:
            break
        m, m2 = 0.9 * m + 0.1 * delta, 0.999 * m2 + 0.001 * delta**2
        step = (m / (1 - 0.9**i)) / (np.sqrt(m2 / (1 - 0.999**i)) + 1e-8)
        v = np.clip(v + lr * step, 0, 1).astype(np.float32)  # lines 17, 18
    return time.perf_counter() - start, np.array(sensitivity)
