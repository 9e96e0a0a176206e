"""The table of the exercises and the decorator that enters one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Exercise:
    """id: notebook and number. title: what it asks for. hints: from the gentlest on. check: judges an answer."""

    id: str
    title: str
    hints: tuple[str, ...]
    check: Callable[..., str]


EXERCISES: dict[str, Exercise] = {}


def exercise(name: str, *, hints: Sequence[str] = ()) -> Callable[[Callable], Callable]:
    """Enter a function (answer, **context) under an id; the first line of its docstring is the title.

    Raises ValueError if the id belongs to another function.
    """

    def enter(check: Callable[..., str]) -> Callable[..., str]:
        taken = EXERCISES.get(name)
        if taken and (taken.check.__module__, taken.check.__qualname__) != (check.__module__, check.__qualname__):
            raise ValueError(f"exercise {name} is there already: {taken.title}.")
        title = (check.__doc__ or check.__name__).strip().splitlines()[0].rstrip(".")
        EXERCISES[name] = Exercise(name, title, tuple(hints), check)
        return check

    return enter
