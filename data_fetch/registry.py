"""registry.txt: which files belong to which data set, where they are and what their checksums are."""

from dataclasses import dataclass, replace
from importlib.resources import files


@dataclass(frozen=True)
class RemoteFile:
    """One file to download. checksum: "algorithm:digest", or None where the publisher names none."""

    name: str
    size: str
    checksum: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """One data set: what it is, on what terms, whom to cite, and its files."""

    name: str
    title: str
    licence: str
    citation: str
    files: tuple[RemoteFile, ...] = ()


def parse(text: str) -> dict[str, Source]:
    """The data sets of a registry.txt: blocks of `key: value` lines, each `dataset:` before its `file:`s.

    Raises ValueError naming the block that lacks a key or stands alone.
    """
    sources: dict[str, Source] = {}
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in filter(str.strip, lines.split("\n\n")):
        pairs = [tuple(part.strip() for part in line.split(":", 1)) for line in block.strip().splitlines()]
        try:
            values = dict(pairs)
            if "dataset" in values:
                current = Source(*(values[key] for key in ("dataset", "title", "licence", "citation")))
            else:
                current = sources[next(reversed(sources))]
                checksum = None if values["checksum"] == "recorded" else values["checksum"]
                addresses = tuple(value for key, value in pairs if key == "address")
                file = RemoteFile(values["file"], values["size"], checksum, addresses)
                current = replace(current, files=(*current.files, file))
        except (KeyError, StopIteration, ValueError) as error:
            raise ValueError(f"The registry has a block that lacks {error} or its data set:\n{block}") from error
        sources[current.name] = current
    return sources


def sources() -> dict[str, Source]:
    """Everything `python -m data_fetch` can get, by name."""
    return parse((files("data_fetch") / "registry.txt").read_text(encoding="utf-8"))
