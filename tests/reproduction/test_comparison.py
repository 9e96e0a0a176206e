"""The page that compares data sets holds what their reports hold."""

import re
import shutil
from pathlib import Path

import pytest

from ssviz.reproduction import comparison

RESULTS = Path(__file__).parents[2] / "results"
PAGE = RESULTS / "README.md"


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(RESULTS, tmp_path / "results"))


def test_the_committed_page_is_made_from_the_committed_rows(copy):
    assert comparison.update(copy) == copy / "README.md"
    assert (copy / "README.md").read_text() == PAGE.read_text()


def test_every_block_is_on_the_page_once():
    assert sorted(re.findall(r"<!-- ([a-z-]+) -->", PAGE.read_text())) == sorted(comparison.BLOCKS)


def test_the_page_follows_the_rows(copy):
    rows = copy / "gtsrb" / "table2.csv"
    rows.write_text(re.sub(r"\btrojan,0,[\d.]+,", "trojan,0,12.5,", rows.read_text()))
    comparison.update(copy)
    assert "| GTSRB | 12.50 |" in (copy / "README.md").read_text()


def test_an_unknown_block_is_named(copy):
    (copy / "README.md").write_text("<!-- mystery -->\n<!-- /mystery -->\n")
    with pytest.raises(ValueError, match="received 'mystery'"):
        comparison.update(copy)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("change,choice\n")])
def test_rows_of_another_version_are_reported(copy, damage):
    damage(copy / "gtsrb" / "choices.csv")
    with pytest.raises(ValueError, match="written by another version"):
        comparison.update(copy)


def test_no_page_is_no_error(tmp_path):
    assert comparison.update(tmp_path) is None
