"""``ssviz reproduce``: what is written is what was measured, beside the paper's numbers."""

import json

import pytest

from ssviz.effectiveness import METHODS
from ssviz.reproduction import reproduce_table_3, write


@pytest.fixture(scope="module")
def done():
    return reproduce_table_3("signs", bag_size=24, itr_max=12, seeds=1, progress=False)


def test_every_attack_is_measured(done):
    assert done.result.attacks == (
        "error-generic poisoning",
        "error-specific poisoning",
        "compression to 8 bits",
        "compression to 6 bits",
        "compression to 4 bits",
    )
    for attack in done.result.attacks:
        for method in METHODS:
            rates = done.result.rates[attack][method]
            assert rates.shape == (10,)
            assert (rates >= 0).all()
            assert (rates <= 1).all()


def test_files_hold_every_rate_and_the_papers(done, tmp_path):
    data, page = write(done, tmp_path / "new")
    rows = json.loads(data.read_text())["rows"]
    assert len(rows) == 5 * 3 * 10
    first = rows[0]
    assert first["missing_rate"] == done.result.rates[first["attack"]][first["samples"]][0]
    text = page.read_text()
    assert "| error-generic poisoning | the paper: sensitive + MANC | 12.26 | 0.04 |" in text
    assert "- date: " in text
    assert "nan" not in text.lower().replace("manc", "")


def test_a_data_set_without_a_model_is_refused_by_name():
    with pytest.raises(ValueError, match="lfw-cnn7"):
        reproduce_table_3("lfw")
