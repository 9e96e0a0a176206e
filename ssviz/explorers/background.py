"""An ascent in a thread of its own: the kernel goes on answering, shows how far it is, and can stop it."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from ssviz.samples import SensitiveSamples

EVERY = 0.05  # seconds between two reports of progress


class Ascent:
    """A call of ``generate`` that runs beside the event loop of its caller.

    start: calls ``generate(..., progress=bar)`` with the bar that it is given. progressed(t, text): called now and
    then, t iterations done.
    finished(samples, error): called once, one of them None; also after stop(), with what was done until then.
    Both are called on the event loop. Raises RuntimeError where no event loop runs.
    """

    def __init__(
        self,
        start: Callable[[Callable[..., Any]], SensitiveSamples],
        progressed: Callable[[int, str], None],
        finished: Callable[[SensitiveSamples | None, Exception | None], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._start, self._progressed, self._finished = start, progressed, finished
        self.stopping = False
        threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """End the ascent after its present iteration."""
        self.stopping = True

    def _work(self) -> None:
        try:
            samples, error = self._start(lambda **options: _Bar(self)), None
        except Exception as raised:
            samples, error = None, raised
        self.tell(self._finished, samples, error)

    def tell(self, listener: Callable, *what: Any) -> None:
        """Call a listener on the event loop, if there still is one."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(listener, *what)


class _Bar:
    """Stands in for generate's tqdm bar. It is asked after each iteration, where an interrupt loses nothing."""

    def __init__(self, ascent: Ascent) -> None:
        self.ascent, self.done, self.told = ascent, 0, 0.0

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *raised: Any) -> None: ...

    def update(self, n: int | None = None) -> None:
        if n is not None:  # generate, after its loop
            return
        self.done += 1
        if self.ascent.stopping:
            raise KeyboardInterrupt

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        now = time.monotonic()
        if now - self.told > EVERY:
            self.told = now
            self.ascent.tell(self.ascent._progressed, self.done, text)
