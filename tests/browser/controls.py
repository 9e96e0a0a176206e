"""Move the controls of an explorer by keyboard; measure, in the page, how long until what is displayed follows."""

import time
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Locator, Page

MOVES = 10
SECONDS = 10  # for the moves of one control
QUIET = 150  # milliseconds without a change after which a display has settled

# From the press of a key to the frame that shows the last change that followed. What counts: plots, pictures and text;
# not the controls themselves, which move without the kernel, nor a progress bar, which is a promise.
_WATCH = """cell => {
    const state = window.ssvizState = {pressed: null, changed: null};
    const controls = '.widget-slider, .widget-dropdown, .widget-button, .widget-hbox:has(> .widget-hprogress)';
    const note = node => {
        const element = node.nodeType === 1 ? node : node.parentElement;
        if (state.pressed === null || !element || element.closest(controls)) return;
        requestAnimationFrame(() => setTimeout(() => { state.changed = performance.now(); }));
    };
    window.ssvizObserver?.disconnect();
    window.ssvizObserver = new MutationObserver(records => records.forEach(record => note(record.target)));
    window.ssvizObserver.observe(cell.querySelector('.jp-Cell-outputWrapper'),
        {subtree: true, childList: true, attributes: true, characterData: true});
    if (!cell.ssvizListens) {
        cell.ssvizListens = true;
        cell.addEventListener('load', event => window.ssvizNote(event.target), true);  // of a picture
        const press = event => { window.ssvizState.pressed ??= event.timeStamp; };
        addEventListener('keydown', event => { if (event.target.tagName !== 'SELECT') press(event); }, true);
        addEventListener('change', press, true);  // the keys that choose from an open menu do not reach the page
    }
    window.ssvizNote = note;
}"""

_SETTLED = """async ([limit, quiet]) => {
    const state = window.ssvizState, start = performance.now();
    const running = () => [...document.querySelectorAll('.widget-hprogress')].some(
        bar => bar.checkVisibility({visibilityProperty: true}));
    let patience = start + limit;
    while (true) {
        const now = performance.now();
        if (running()) patience = now + limit;
        if (state.changed !== null && now - state.changed > quiet && !running()) return state.changed - state.pressed;
        if (state.changed === null && now > patience) return null;
        await new Promise(done => setTimeout(done, 10));
    }
}"""


@dataclass(frozen=True)
class Control:
    """A control that was moved: its label and the milliseconds from each move to the display that followed it.

    moves: how often its value changed, also where the display looks the same for both values.
    """

    label: str
    kind: str
    moves: int
    latencies: tuple[float, ...]

    @property
    def median(self) -> float:
        """In milliseconds; infinite where nothing followed any move."""
        return median(self.latencies) if self.latencies else float("inf")


def sliders(cell: Locator) -> Locator:
    """The handles of a cell's ipywidgets sliders, which take the keyboard's focus."""
    return cell.locator(".widget-slider .noUi-handle")


def menus(cell: Locator) -> Locator:
    """A cell's dropdown menus that offer a choice."""
    return cell.locator(".widget-dropdown select:has(option:nth-child(2))")


def move_all(page: Page, cell: Locator) -> list[Control]:
    """Every slider of a cell, then every menu, each ten times or for ten seconds; then Reset, where there is one.

    A menu must be opened first: arrows on one that is closed are JupyterLab's, which goes to another cell.
    """
    found = [
        _move(page, cell, handle, kind, keys)
        for kind, handles, keys in (
            ("slider", sliders(cell), (["ArrowRight"], ["ArrowLeft"])),
            ("menu", menus(cell), (["Space", "ArrowDown", "Enter"], ["Space", "ArrowUp", "Enter"])),
        )
        for handle in handles.all()
    ]
    reset = cell.get_by_role("button", name="Reset")
    if reset.count():
        reset.first.focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
    return found


def _move(page: Page, cell: Locator, handle: Locator, kind: str, keys: tuple[list[str], list[str]]) -> Control:
    label = handle.evaluate("e => e.closest('.widget-inline-hbox').querySelector('.widget-label').textContent")
    value = "e => e.tagName === 'SELECT' ? e.selectedIndex : e.getAttribute('aria-valuenow')"
    deadline, latencies, moves, forward, ends = time.monotonic() + SECONDS, [], 0, True, 0
    while moves < MOVES and ends < 3 and (time.monotonic() < deadline or not moves):
        handle.focus()
        before = handle.evaluate(value)
        cell.evaluate(_WATCH)
        for key in keys[0] if forward else keys[1]:
            page.keyboard.press(key)
            page.wait_for_timeout(0 if kind == "slider" else 60)
        if handle.evaluate(value) == before:  # it stands at this end
            forward, ends = not forward, ends + 1
            continue
        moves += 1
        patience = 1000 if latencies else 3000 if kind == "slider" else 10_000
        latency = page.evaluate(_SETTLED, [patience, QUIET])
        if latency is not None:
            latencies.append(latency)
    return Control(label, kind, moves, tuple(latencies))
