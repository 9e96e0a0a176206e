"""What every explorer shares: controls with names, one ``update``, errors that show, and a page without a kernel."""

import contextlib
import json
import os
import traceback
from collections.abc import Iterator, Sequence
from copy import deepcopy
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
from plotly.basedatatypes import Undefined

from ssviz.figures.offline import page
from ssviz.files import atomic_write

PAPER = (
    "https://openaccess.thecvf.com/content_CVPR_2019/html/"
    "He_Sensitive-Sample_Fingerprinting_of_Deep_Neural_Networks_CVPR_2019_paper.html"
)
PLOTLY_MIME = "application/vnd.plotly.v1+json"


class Explorer:
    """Base of the explorers: displays as widgets, or (static) as one plotly figure that needs no kernel.

    A subclass names its ``question`` and where it is in the paper, builds ``self.controls`` (name -> widget)
    and gives ``draw()``, ``static_figure()`` and ``layout()``. Nothing but draw() reads the controls.
    """

    question = ""
    paper = ""

    def __init__(self, *, static: bool = False) -> None:
        self.static = static
        self.status = widgets.HTML()
        self.controls: dict[str, widgets.Widget] = {}
        self._widget: widgets.Widget | None = None
        self._quiet = False

    def draw(self) -> None:
        """Bring the display in line with the controls."""
        raise NotImplementedError

    def static_figure(self) -> go.Figure:
        """The plain figure that stands for the explorer where no kernel runs."""
        raise NotImplementedError

    def layout(self) -> widgets.Widget:
        """The display without controls."""
        raise NotImplementedError

    def update(self, **values: Any) -> None:
        """Set controls by name and redraw once. Raises ValueError for a name or value that no control has."""
        unknown = [name for name in values if name not in self.controls]
        if unknown:
            raise ValueError(f"controls are {', '.join(self.controls)}; received {', '.join(unknown)}.")
        self._build()
        with self._silence():
            for name in (name for name in self.controls if name in values):
                try:
                    self.controls[name].value = values[name]
                except Exception as error:
                    raise ValueError(f"{name} cannot be {values[name]!r}: {error}") from error
        self.draw()

    def reset(self) -> None:
        """Every control back to where it started."""
        self._build()
        self.update(**self._start)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the static figure as one HTML file (5 MB) that needs no kernel, network or other file.

        Missing folders are made; the file appears whole or not at all. Raises ValueError unless path ends in .html,
        OSError (NotADirectoryError where a file stands in the place of a folder) as the disk does.
        """
        path = Path(path)
        if path.suffix != ".html":
            raise ValueError(f"path must end in .html; received {os.fspath(path)!r}.")
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise NotADirectoryError(f"path must lie in a folder; {os.fspath(above)!r} is a file.")
        figure = json.loads(self.static_figure().to_json())
        text = page(figure, self.question, self.paper, PAPER)
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @property
    def widget(self) -> widgets.Widget:
        """The live widget: controls above, display below. Built, and drawn once, when first asked for."""
        self._build()
        for figure in _live_figures(self._widget):
            figure.wake()
        return self._widget

    def _build(self) -> None:
        if self._widget is not None:
            return
        self._start = {name: control.value for name, control in self.controls.items()}
        for control in self.controls.values():
            control.observe(self._changed, "value")
        button = widgets.Button(description="Reset", icon="undo", tooltip="Every control back to its start",
                                layout=widgets.Layout(width="96px"))  # fmt: skip
        button.on_click(lambda _: self._shown(self.reset))
        style = "color:var(--jp-content-link-color,#0072B2);text-decoration:underline"
        link = widgets.HTML(f'<a href="{PAPER}" target="_blank" rel="noopener" style="{style}">{self.paper}</a>')
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="4px 20px")
        controls = widgets.Box([*self.controls.values(), button], layout=row)
        heading = widgets.HTML(f"<b>{escape(self.question)}</b>")
        self._widget = widgets.VBox(
            [heading, controls, self.layout(), self.status, link],
            layout=widgets.Layout(overflow="visible", padding="4px"),
        )
        self._shown(self.draw)

    @contextlib.contextmanager
    def _silence(self) -> Iterator[None]:
        """Controls set inside draw nothing."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _offer(self, control: widgets.Widget, options: Sequence[Any], value: Any) -> None:
        """Give a control other options and choose one; without a drawing for the first one, which they choose."""
        with self._silence():
            control.options, control.value = options, value

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self._shown(self.draw)

    def _shown(self, action: Any) -> None:
        """Run an action of a callback; what it raises is shown in the widget, never swallowed."""
        try:
            action()
        except Exception as error:
            trace = escape(traceback.format_exc())
            self.status.value = (
                f"<b style='color:#D55E00'>{escape(type(error).__name__)}: {escape(str(error))}</b>"
                f"<details><summary>Traceback</summary><pre>{trace}</pre></details>"
            )

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget for a live front end; the figure for one without a kernel, and for a saved notebook."""
        figure = json.loads(self.static_figure().to_json())
        bundle = {PLOTLY_MIME: figure, "text/plain": f"{type(self).__name__}: {self.question}"}
        if not self.static:
            live = self.widget._repr_mimebundle_(**kwargs)
            bundle["application/vnd.jupyter.widget-view+json"] = live["application/vnd.jupyter.widget-view+json"]
        return bundle


def labelled_slider(
    label: str,
    options: Sequence[tuple[str, Any]],
    value: Any,
    tooltip: str,
    *,
    continuous: bool = True,
    width: int = 320,
) -> widgets.SelectionSlider:
    """A slider over labelled values (a screen reader hears the label, not an exponent)."""
    return widgets.SelectionSlider(
        description=label, options=options, value=value, tooltip=tooltip, continuous_update=continuous,
        style={"description_width": "initial"}, layout=widgets.Layout(width=f"{width}px"),
    )  # fmt: skip


def int_slider(label: str, low: int, high: int, value: int, tooltip: str, *, width: int = 320) -> widgets.IntSlider:
    """A slider over whole numbers."""
    return widgets.IntSlider(
        description=label, min=low, max=high, value=value, tooltip=tooltip, continuous_update=True,
        style={"description_width": "initial"}, layout=widgets.Layout(width=f"{width}px"),
    )  # fmt: skip


def dropdown(label: str, options: Sequence[Any], value: Any, tooltip: str, *, width: int = 300) -> widgets.Dropdown:
    """A menu."""
    return widgets.Dropdown(
        description=label, options=options, value=value, tooltip=tooltip,
        style={"description_width": "initial"}, layout=widgets.Layout(width=f"{width}px"),
    )  # fmt: skip


def picture(caption: str, width: int) -> tuple[widgets.Image, widgets.VBox]:
    """An image of ``width`` pixels and the box that holds it under its caption."""
    image = widgets.Image(format="png", width=width, layout=widgets.Layout(width=f"{width}px"))
    image.alt = caption
    style = f"width:{width}px;text-align:center;color:#808080;line-height:1.3"
    return image, widgets.VBox([widgets.HTML(f"<div style='{style}'>{caption}</div>"), image])


def live(figure: go.Figure, height: int, width: int) -> go.FigureWidget:
    """A complete figure as a widget of fixed size (what is added after construction would be lost)."""
    figure.update_layout(height=height, width=width)
    return _Live(figure)


class _Live(go.FigureWidget):
    """A FigureWidget that sends its whole state before it is displayed, and afterwards what changes.

    A change that reaches the page before the figure has been drawn can leave it blank, so there is none until `wake`.
    And where of several traces only some get another x, say, plotly sends a gap for the others, and the page takes
    the gap for null: their x is gone. Here what they have is sent again.
    """

    _asleep = True

    def wake(self) -> None:
        """Send everything: what the page draws when the figure is displayed next."""
        self._asleep = False
        self._widget_data = deepcopy(self._data)
        self._widget_layout = deepcopy(self._layout_obj._props)

    def _send_relayout_msg(self, *args: Any, **kwargs: Any) -> None:
        if not self._asleep:
            super()._send_relayout_msg(*args, **kwargs)

    def _send_restyle_msg(self, *args: Any, **kwargs: Any) -> None:
        if not self._asleep:
            super()._send_restyle_msg(*args, **kwargs)

    def _send_update_msg(self, restyle_data: dict, relayout_data: dict, trace_indexes: Any = None,
                         source_view_id: Any = None) -> None:  # fmt: skip
        if self._asleep:
            return
        indexes = self._normalize_trace_indexes(trace_indexes)
        whole = {
            name: [
                self.data[i][name] if v is Undefined and name in self.data[i] else v
                for i, v in zip(indexes, values, strict=True)
            ]
            if isinstance(values, list)
            else values
            for name, values in restyle_data.items()
        }
        super()._send_update_msg(whole, relayout_data, indexes, source_view_id)


def _live_figures(widget: widgets.Widget) -> Iterator[_Live]:
    """The live figures in a widget and in the boxes that it holds."""
    if isinstance(widget, _Live):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from _live_figures(child)
