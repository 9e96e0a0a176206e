"""Figures on pages without a network: plotly's script as a file, a figure as HTML whose controls take the keyboard.

plotly draws its sliders and menus itself, and Tab does not reach them. On a page each becomes an HTML control with
the same steps, above the figure.
"""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from plotly.io import to_html
from plotly.offline import get_plotlyjs

SLIDER_HEIGHT = 100  # pixels that a figure keeps below its axes for plotly's own slider
MENU_HEIGHT = 52  # and at most above them for its own menu
LEAST_MARGIN = 36  # pixels that stay above the axes; plotly itself makes room for a legend that needs more

STYLE = """
.steering { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; align-items: center; margin: .6rem 0 .2rem;
  font: .95rem/1.4 system-ui, sans-serif; accent-color: #0072B2; }
.steering label { display: inline-flex; gap: .6rem; align-items: center; max-width: 100%; }
.steering input[type=range] { width: 20rem; max-width: 50vw; }
.steering select { font: inherit; max-width: 70vw; }
.steering output { min-width: 4ch; font-variant-numeric: tabular-nums; font-weight: 600; }
.steering :focus-visible { outline: 3px solid #56B4E9; outline-offset: 3px; border-radius: 3px; }
"""

# One step at a time for each figure: plotly gets stuck where an animation is cut short by the next. Of the moves
# made meanwhile only each control's last is drawn.
SCRIPT = """
addEventListener("input", async ({target}) => {
  if (!target.dataset.steps) return;
  const step = JSON.parse(target.dataset.steps)[target.value];
  if (target.type === "range") {
    target.setAttribute("aria-valuetext", step.label);
    target.nextElementSibling.value = step.label;
  }
  const figure = document.getElementById(target.dataset.figure);
  const waiting = figure.waiting ??= new Map();
  waiting.set(target, step);
  if (figure.drawing) return;
  figure.drawing = true;
  try {
    for (const [control, {method, args}] of waiting) {
      waiting.delete(control);
      if (method !== "skip") await Plotly[method](figure, ...args);
    }
  } finally {
    figure.drawing = false;
  }
});
"""


def plotly_script() -> bytes:
    """plotly.min.js, about 5 MB: one copy serves every page of a folder."""
    return get_plotlyjs().encode()


def embedded(figure: Mapping[str, Any], div_id: str) -> str:
    """A figure (plotly's JSON: data, layout, frames) as an HTML element, its sliders and menus as HTML controls.

    The page has loaded plotly.min.js and holds STYLE and SCRIPT once.
    """
    layout = dict(figure.get("layout", {}))
    sliders, menus = (_shown(layout.pop(name, ())) for name in ("sliders", "updatemenus"))
    above = _room_above(layout) if menus else 0
    if above:
        layout["margin"] = {**layout["margin"], "t": layout["margin"]["t"] - above}
    if layout.get("height"):
        layout["height"] -= SLIDER_HEIGHT * bool(sliders) + above
    plot = to_html(
        {**{key: figure[key] for key in ("data", "frames") if key in figure}, "layout": layout},
        config={"responsive": True, "displaylogo": False},
        auto_play=False,
        include_plotlyjs=False,
        full_html=False,
        div_id=div_id,
        validate=False,
    )
    controls = [*(_menu(menu, div_id, above) for menu in menus), *(_slider(slider, div_id) for slider in sliders)]
    return f'<div class="steering">{"".join(controls)}</div>{plot}' if controls else plot


def page(figure: Mapping[str, Any], title: str, source: str, address: str) -> str:
    """A whole page that needs no other file: title, figure, and a link to its source."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 60rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.3rem; }}
{STYLE}</style>
<script>{get_plotlyjs()}</script>
<script>{SCRIPT}</script>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{embedded(figure, "figure")}
<p><a href="{escape(address)}">{escape(source)}</a></p>
</main>
</body>
</html>
"""


def _shown(controls: Any) -> list[Mapping[str, Any]]:
    return [control for control in controls if control.get("visible", True)]


def _slider(slider: Mapping[str, Any], div_id: str) -> str:
    """An <input type=range> over the steps, beside what it stands at."""
    value = slider.get("currentvalue", {})
    before, after = (value.get(name, "") for name in ("prefix", "suffix"))
    steps = list(_steps(slider.get("steps", ()), after))
    active = slider.get("active", 0)
    now, name = escape(steps[active]["label"]), _name(before or slider.get("name") or "step")
    return (
        f'<label><span>{name}</span><input type="range" autocomplete="off" min="0" max="{len(steps) - 1}" '
        f'value="{active}" aria-label="{name}" aria-valuetext="{now}" {_wiring(steps, div_id)}>'
        f"<output>{now}</output></label>"
    )


def _room_above(layout: Mapping[str, Any]) -> int:
    """Pixels of the upper margin that were there for a menu alone."""
    margin = layout.get("margin", {}).get("t", 0)
    return max(0, min(MENU_HEIGHT, margin - LEAST_MARGIN))


def _menu(menu: Mapping[str, Any], div_id: str, above: int) -> str:
    """A <select> of the buttons; a height that one of them sets is less by ``above``."""
    steps = list(_steps(menu.get("buttons", ())))
    for step in steps:
        if step["method"] == "update" and "height" in dict(*step["args"][1:2]):
            traces, layout, *rest = step["args"]
            step["args"] = [traces, {**layout, "height": layout["height"] - above}, *rest]
    active, name = menu.get("active", 0), _name(menu.get("name") or "show")
    options = "".join(
        f'<option value="{i}"{" selected" * (i == active)}>{escape(step["label"])}</option>'
        for i, step in enumerate(steps)
    )
    wiring = _wiring(steps, div_id)
    return (
        f'<label><span>{name}</span><select autocomplete="off" aria-label="{name}" {wiring}>{options}</select></label>'
    )


def _steps(steps: Any, suffix: str = "") -> Iterator[dict[str, Any]]:
    """The steps as SCRIPT reads them; the defaults are plotly's."""
    for i, step in enumerate(step for step in steps if step.get("visible", True)):
        label = f"{step.get('label', f'step-{i}')}{suffix}"
        yield {"label": label, "method": step.get("method", "restyle"), "args": step.get("args", [])}


def _name(text: str) -> str:
    """A control's name from what plotly writes before its value, as in "N_S = "."""
    return escape(text.strip().rstrip("=:").strip())


def _wiring(steps: list[dict[str, Any]], div_id: str) -> str:
    return f'data-figure="{div_id}" data-steps="{escape(json.dumps(steps))}"'
