"""`python -m data_fetch NAME...|all|--list`."""

import os
from typing import Annotated

import typer

from data_fetch.archives import ArchiveError
from data_fetch.download import FetchError
from data_fetch.fetch import fetch, target
from data_fetch.registry import sources
from ssviz.datasets import cache_home

app = typer.Typer(add_completion=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help="Data sets to get, or all.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Show what there is and what is here.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Prepare again what is prepared already.")] = False,
) -> None:
    """Download, check and prepare data sets into the cache (SSVIZ_HOME).

    SSVIZ_MIRROR, a folder or http(s) address with its own registry.txt, goes before the publishers'.
    """
    known = sources()
    if listing or not names:
        typer.echo(f"cache: {cache_home()}\nmirror: {os.environ.get('SSVIZ_MIRROR') or 'none (SSVIZ_MIRROR)'}")
        for source in known.values():
            sizes = ", ".join(f"{file.name} ({file.size})" for file in source.files)
            here = target(source.name) if target(source.name).exists() else "not here yet"
            typer.echo(
                f"\n{source.name}: {source.title}\n  files: {sizes}\n  here: {here}\n"
                f"  licence: {source.licence}\n  cite: {source.citation}"
            )
        return
    wanted = list(known) if "all" in names else names
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(f"expected {', '.join(known)} or all; received {', '.join(unknown)}.")
    failed = [name for name in wanted if not _get(name, force)]
    if failed:
        typer.echo(f"Not fetched: {', '.join(failed)}.", err=True)
        raise typer.Exit(1)


def _get(name: str, force: bool) -> bool:
    """Fetch one data set and say what happened; False if it failed."""
    before = target(name).exists()
    try:
        path = fetch(name, force)
    except (FetchError, ArchiveError) as error:
        typer.echo(f"{name}: {error}", err=True)
        return False
    if before and not force:
        typer.echo(f"{name}: already in {path} (--force prepares it again).")
    else:
        source = sources()[name]
        typer.echo(f"{name}: ready in {path}\n  licence: {source.licence}\n  cite: {source.citation}")
    return True


if __name__ == "__main__":
    app(prog_name="python -m data_fetch")
