"""The generation explorer: what the recorded trajectory answers, and an ascent that can be watched and stopped."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ssviz
from ssviz.explorers import GenerationExplorer

STEPS = 12


@pytest.fixture(scope="module")
def model():
    return ssviz.load_model("signs-cnn7")


@pytest.fixture
def explorer(model):
    from ssviz.datasets.signs import render

    explorer = GenerationExplorer(model, render(np.arange(2), seed=5).astype(np.float32) / 255, itr_max=STEPS)
    assert explorer.widget
    return explorer


def shown(explorer):
    """The iterate that the cursor, the slider and the line of text agree on."""
    (t,) = explorer._curves.data[2].x
    assert explorer.controls["iteration"].value == t
    assert f"Iteration <b>{t}</b>" in explorer.status.value
    return t


def without_generate(explorer, monkeypatch):
    monkeypatch.setattr("ssviz.explorers.generation.generate", None)  # a call would raise
    return explorer.ascent()


def test_of_epsilon_and_iteration_the_last_moved_wins(explorer, monkeypatch):
    samples = without_generate(explorer, monkeypatch)
    assert shown(explorer) == STEPS
    epsilon, iteration = explorer.controls["epsilon"], explorer.controls["iteration"]
    epsilon.value = 0.2
    t = shown(explorer)
    assert samples.distance[t, 0] <= 0.2 < samples.distance[t + 1, 0]
    iteration.value = 9
    assert shown(explorer) == 9
    assert f"S = <b>{samples.sensitivity[9, 0]:.3g}</b>" in explorer.status.value
    explorer.controls["amplification"].value = 33
    assert shown(explorer) == 9
    epsilon.value = 0.1
    assert samples.distance[shown(explorer), 0] <= 0.1
    explorer.update(epsilon=0.35, iteration=3)
    assert shown(explorer) == 3
    explorer.reset()
    assert shown(explorer) == STEPS


def test_the_norm_measures_the_same_ascent_in_its_own_units(explorer, monkeypatch):
    samples = without_generate(explorer, monkeypatch)
    explorer.update(iteration=4)
    explorer.controls["norm"].value = "linf"
    assert shown(explorer) == 4
    labels = [label for label, _ in explorer.controls["epsilon"].options]
    assert labels[:2] == ["1 grey level", "2 grey levels"]
    explorer.update(epsilon=2 / 255)
    t, worst = shown(explorer), np.abs(samples.trajectory[:, 0] - samples.originals).max(axis=(1, 2, 3))
    assert worst[t] <= 2 / 255 < worst[t + 1]
    np.testing.assert_allclose(explorer.ascent().distance[:, 0], worst, rtol=1e-6)
    explorer.update(epsilon=0.5, norm="l2")  # in whichever order they are given
    assert samples.distance[shown(explorer), 0] <= 0.5
    explorer.reset()
    assert explorer.controls["norm"].value == "l2"


def test_a_longer_ascent_holds_the_shorter_ones(explorer, monkeypatch):
    explorer.update(itr_max=50)
    assert shown(explorer) == 50 == explorer.controls["iteration"].max
    long = without_generate(explorer, monkeypatch)
    explorer.update(itr_max=25)
    assert shown(explorer) == 25 == explorer.controls["iteration"].max
    short = explorer.ascent()
    np.testing.assert_array_equal(short.sensitivity, long.sensitivity[:26])
    np.testing.assert_array_equal(short.samples, long.trajectory[25])
    assert explorer.ascent() is short


def run(explorer, moves):
    """Make moves on an event loop, as a kernel does, and wait until no ascent runs."""

    async def kernel():
        await moves()
        while explorer._running:
            await asyncio.sleep(0.01)

    with ThreadPoolExecutor(1) as thread:  # the browser tests leave an event loop in this one
        thread.submit(asyncio.run, asyncio.wait_for(kernel(), 60)).result()


def test_a_new_ascent_runs_beside_the_kernel_with_a_bar(explorer):
    before = explorer.status.value
    seen = []
    explorer._progress_row.layout.observe(lambda change: seen.append(change.new), "visibility")
    explorer._progress.observe(lambda change: seen.append(change.new), "value")

    async def moves():
        explorer.update(itr_max=50)
        explorer.controls["lr"].value = 2e-3
        assert explorer._running
        assert explorer.status.value != before  # of the update
        assert explorer._curves.data[2].x == (50,)
        explorer.controls["amplification"].value = 20  # while it runs: drawn at its end

    run(explorer, moves)
    assert seen[0] == "visible"
    assert seen[-1] == "hidden"
    assert 50 >= max(t for t in seen if isinstance(t, int)) > 0
    assert explorer.ascent().settings["lr"] == 2e-3
    assert shown(explorer) == 50
    assert "Traceback" not in explorer.status.value


def test_stop_keeps_what_is_done_and_the_next_choice_runs_again(explorer):
    async def moves():
        explorer.controls["lr"].value = 5e-3
        explorer.controls["itr_max"].value = 400
        while explorer._progress.value < 3:
            await asyncio.sleep(0.01)
        explorer._progress_row.children[1].click()

    run(explorer, moves)
    done = shown(explorer)
    assert 3 <= done < 400
    assert explorer.controls["iteration"].max == done
    assert "stopped by hand" in explorer.status.value
    explorer.update(iteration=2)
    assert shown(explorer) == 2

    async def short():
        explorer.controls["itr_max"].value = STEPS

    run(explorer, short)
    assert explorer.controls["iteration"].max == STEPS
    assert "stopped by hand" not in explorer.status.value


def test_a_choice_during_an_ascent_takes_its_place(explorer):
    async def moves():
        explorer.controls["itr_max"].value = 400
        first = explorer._running[0]
        explorer.controls["image"].value = 1
        assert first.stopping
        assert explorer._running[0] is not first
        explorer.controls["itr_max"].value = STEPS

    run(explorer, moves)
    assert shown(explorer) == STEPS
    assert explorer.controls["iteration"].max == STEPS
    np.testing.assert_array_equal(explorer.ascent().originals[0], explorer.images[1])


def test_an_error_in_an_ascent_is_shown(explorer, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("ssviz.explorers.generation.generate", broken)

    async def moves():
        explorer.controls["image"].value = 1

    run(explorer, moves)
    assert "RuntimeError: out of memory" in explorer.status.value
    assert explorer._progress_row.layout.visibility == "hidden"


def test_other_calls_of_generate_keep_their_own_bar(explorer, capsys, model):
    async def moves():
        explorer.controls["image"].value = 1

    run(explorer, moves)
    ssviz.generate(model, explorer.images[:1], itr_max=2)
    assert "Sensitive-Samples" in capsys.readouterr().err


def test_the_static_figure_steers_epsilon_in_the_norm_chosen(explorer):
    explorer.update(norm="linf")
    figure = explorer.static_figure()
    labels = [step.label for step in figure.layout.sliders[0].steps]
    assert labels == [frame.name for frame in figure.frames]
    farthest = explorer.ascent().distance.max()
    assert labels[-1] == "no limit"
    assert 1 < len(labels) <= 1 + sum(epsilon < farthest for _, epsilon in explorer.controls["epsilon"].options)
    assert len(json.dumps(json.loads(figure.to_json()))) < 400_000
