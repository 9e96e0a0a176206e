"""Figures on pages: plotly's own sliders and menus, which no keyboard reaches, become HTML controls."""

import copy
import json
from html.parser import HTMLParser

import plotly.graph_objects as go
import pytest

from ssviz.explorers.base import PAPER, Explorer
from ssviz.figures.offline import LEAST_MARGIN, MENU_HEIGHT, SCRIPT, SLIDER_HEIGHT, embedded
from ssviz.figures.style import slider

NAMES = ["small", "middle & more", '<"large">']


class Controls(HTMLParser):
    """The inputs, selects and options of a page as dictionaries of their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag in ("input", "select", "option", "output", "title"):
            self.found.append({"tag": tag, **dict(attributes)})

    def of(self, tag):
        return [found for found in self.found if found["tag"] == tag]


def steered():
    """A figure with a slider over three frames and a menu that hides its trace."""
    figure = go.Figure(go.Scatter(y=[1, 2, 3]))
    figure.frames = [go.Frame(name=name, data=[go.Scatter(y=[0, 0, i])]) for i, name in enumerate(NAMES)]
    menu = {
        "name": "curves",
        "active": 1,
        "buttons": [{"label": f"state {i}", "method": "restyle", "args": [{"visible": [bool(i)]}]} for i in range(2)],
    }
    figure.update_layout(height=500, sliders=[slider(NAMES, NAMES, "size = ", 1)], updatemenus=[menu])
    return json.loads(figure.to_json())


def test_a_slider_becomes_an_input_with_a_name_and_a_text_for_its_value():
    (control,) = Controls(embedded(steered(), "f")).of("input")
    assert control["type"] == "range"
    assert (control["min"], control["max"], control["value"]) == ("0", "2", "1")
    assert control["aria-label"] == "size"
    assert control["aria-valuetext"] == NAMES[1]
    steps = json.loads(control["data-steps"])
    assert [step["label"] for step in steps] == NAMES
    assert steps[2]["method"] == "animate"
    assert steps[2]["args"][0] == [NAMES[2]]


def test_a_menu_becomes_a_select_with_the_same_choices():
    controls = Controls(embedded(steered(), "f"))
    (control,) = controls.of("select")
    assert (control["aria-label"], control["data-figure"]) == ("curves", "f")
    assert ["selected" in option for option in controls.of("option")] == [False, True]
    assert json.loads(control["data-steps"])[0]["args"] == [{"visible": [False]}]


def test_plotlys_own_controls_are_gone_and_so_is_their_room():
    figure = steered()
    before = copy.deepcopy(figure)
    html = embedded(figure, "f")
    assert figure == before
    plot = html[html.index("Plotly.newPlot") :]
    assert "sliders" not in plot
    assert "updatemenus" not in plot
    assert f'"height":{500 - SLIDER_HEIGHT}' in plot
    assert "Plotly.addFrames" in plot


def test_the_room_above_goes_with_the_menu_also_where_a_choice_sets_the_height():
    figure = steered()
    figure["layout"] |= {"margin": {"t": 100, "l": 7}, "height": 500}
    figure["layout"]["updatemenus"][0]["buttons"][1] |= {"method": "update", "args": [{}, {"height": 600, "title": 1}]}
    before = copy.deepcopy(figure)
    html = embedded(figure, "f")
    assert figure == before
    plot = html[html.index("Plotly.newPlot") :]
    assert f'"margin":{{"t":{100 - MENU_HEIGHT},"l":7}}' in plot
    assert f'"height":{500 - SLIDER_HEIGHT - MENU_HEIGHT}' in plot
    (control,) = Controls(html).of("select")
    first, second = json.loads(control["data-steps"])
    assert first["args"] == [{"visible": [False]}]
    assert second["args"][1] == {"height": 600 - MENU_HEIGHT, "title": 1}


@pytest.mark.parametrize("margin", [0, LEAST_MARGIN, LEAST_MARGIN + 10])
def test_little_room_above_is_left_as_it_is_down_to_the_least(margin):
    figure = steered()
    figure["layout"] |= {"margin": {"t": margin}}
    plot = embedded(figure, "f")
    assert f'"margin":{{"t":{min(margin, LEAST_MARGIN)}}}' in plot[plot.index("Plotly.newPlot") :]


def test_a_figure_without_controls_stays_as_it_is():
    html = embedded(json.loads(go.Figure(go.Scatter(y=[1])).update_layout(height=300).to_json()), "f")
    assert "steering" not in html
    assert '"height":300' in html


def test_plotlys_defaults_and_hidden_controls():
    figure = json.loads(go.Figure().to_json())
    figure["layout"] = {
        "sliders": [{"steps": [{"args": [{}]}, {"visible": False}, {"label": "b"}]}, {"visible": False}]
    }
    (control,) = Controls(embedded(figure, "f")).of("input")
    steps = json.loads(control["data-steps"])
    assert [(step["label"], step["method"]) for step in steps] == [("step-0", "restyle"), ("b", "restyle")]


class Tiny(Explorer):
    question, paper = "Larger < smaller?", "In the paper: Section 1"

    def static_figure(self):
        return go.Figure(steered())


def test_to_html_writes_one_page_that_needs_no_other(tmp_path):
    Tiny().to_html(tmp_path / "new" / "tiny.html")
    text = (tmp_path / "new" / "tiny.html").read_text(encoding="utf-8")
    assert "<title>Larger &lt; smaller?</title>" in text
    assert f'<a href="{PAPER}">In the paper: Section 1</a>' in text
    assert text.count(SCRIPT) == 1
    assert "<script src" not in text
    assert "<link" not in text
    assert "Plotly.newPlot" in text
    assert len(Controls(text).of("input")) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tiny.html"]


def test_to_html_names_what_is_wrong_with_a_path_and_leaves_no_half_a_file(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"path must end in \.html; received '.*tiny\.png'"):
        Tiny().to_html(tmp_path / "tiny.png")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"path must lie in a folder; '.*file' is a file"):
        Tiny().to_html(tmp_path / "file" / "tiny.html")
    (tmp_path / "old.html").write_text("old")
    monkeypatch.setattr("pathlib.Path.write_text", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Tiny().to_html(tmp_path / "old.html")
    assert (tmp_path / "old.html").read_text() == "old"
