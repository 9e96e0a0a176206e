"""``python -m benchmarks``: measure, print the table, write RESULTS.md here and the README's copy of it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.timing import Row
from ssviz.backend import describe
from ssviz.files import atomic_write

HERE = Path(__file__).parent
MARKED = re.compile(r"(<!-- benchmark -->\n).*?(<!-- /benchmark -->)", re.DOTALL)


def table(rows: Sequence[Row]) -> str:
    """The rows and what computed them, in Markdown."""
    lines = ["| | ssviz | compared with | ratio | |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.ssviz} | {row.other} | {row.ratio} | {row.note} |" for row in rows]
    found = describe()
    versions = ", ".join(f"{name} {found[name]}" for name in (found["backend"], "keras", "numpy", "python"))
    return "\n".join([*lines, "", f"{datetime.now(UTC).date()}, {found['device']}, {versions}.", ""])


def main() -> None:
    """Measure everything; each row is printed as soon as it is there."""
    from benchmarks.ascent import against_a_bare_pass, against_algorithm_1
    from benchmarks.cover import against_sets

    rows = []
    for measure in (against_sets, against_a_bare_pass, against_algorithm_1):
        for row in measure():
            rows.append(row)
            print(*filter(None, (row.what, row.ssviz, row.other, row.ratio, row.note)), sep="  |  ", flush=True)
    result = table(rows)
    print("\n" + result)
    with atomic_write(HERE / "RESULTS.md") as path:
        path.write_text(f"# Benchmarks\n\n`python -m benchmarks`\n\n{result}")
    readme = HERE.parent / "README.md"
    text = readme.read_text() if readme.exists() else ""
    if MARKED.search(text):
        with atomic_write(readme) as path:
            path.write_text(MARKED.sub(lambda found: found[1] + result + found[2], text))


if __name__ == "__main__":
    main()
