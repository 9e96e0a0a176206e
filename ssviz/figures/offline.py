"""Figures on pages without a network: plotly's script as a file, a figure as HTML that uses it."""

from collections.abc import Mapping

from plotly.io import to_html
from plotly.offline import get_plotlyjs


def plotly_script() -> bytes:
    """plotly.min.js, about 5 MB: one copy serves every page of a folder."""
    return get_plotlyjs().encode()


def embedded(figure: Mapping, div_id: str) -> str:
    """A figure (plotly's JSON: data, layout, frames) as an HTML element for a page that has loaded plotly.min.js."""
    return to_html(
        {key: figure[key] for key in ("data", "layout", "frames") if key in figure},
        config={"responsive": True, "displaylogo": False},
        auto_play=False,
        include_plotlyjs=False,
        full_html=False,
        div_id=div_id,
        validate=False,
    )
