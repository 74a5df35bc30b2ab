"""Pages that need nothing else (自己完結の HTML): one file, no other resource, Japanese first, printable."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path

from authz.wording import Named
from gateway.config import ConfigError

__all__ = ["both", "figure", "named", "names", "page", "table", "tag", "write_page"]

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


def page(title_ja: str, title_en: str, lead: Iterable[str], body: Iterable[str], note: str) -> str:
    """A whole page. ``lead``, ``body`` are HTML; titles and note are text."""
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="ja">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{escape(title_ja)}</title>",
            f"<style>\n{_part('page.css')}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#main">本文へ</a>',
            "<header>",
            f'<h1>{escape(title_ja)} <span lang="en">{escape(title_en)}</span></h1>',
            *lead,
            "</header>",
            '<main id="main">',
            *body,
            "</main>",
            f"<footer>{escape(note)}</footer>",
            f"<script>\n{_part('page.js')}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def write_page(file: str, text: str) -> Path:
    """The page in its file; ``ConfigError`` where it cannot be written."""
    path = Path(file)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    return path


def _part(name: str) -> str:
    return files("gateway.commands.authorization").joinpath(name).read_text(encoding="utf-8")


# --- parts --------------------------------------------------------------------------------------------------------


def both(ja: str, en: str) -> str:
    """Japanese with its English beside it."""
    return f'{escape(ja)} <span lang="en">{escape(en)}</span>'


def figure(number: int, ja: str, en: str, kind: str = "") -> str:
    """One number of a summary."""
    return f'<li class="{kind}"><strong>{number:,}</strong>{both(ja, en)}</li>'


def tag(kind: str, ja: str) -> str:
    return f'<span class="tag {escape(kind)}">{escape(ja)}</span>'


def named(one: Named) -> str:
    """A name with its code; the code alone where there is no name."""
    code = f"<code>{escape(one.code)}</code>"
    return f"{escape(one.ja)} {code}" if one.ja else code


def names(many: Iterable[Named]) -> str:
    return escape("、".join(one.ja or one.code for one in many))


def table(caption: str, columns: Iterable[str], rows: Iterable[str], kind: str = "") -> Iterable[str]:
    """A table; caption, columns and rows are HTML, ``kind`` a class of the style."""
    yield f'<table class="{kind}"><caption>{caption}</caption><thead><tr>'
    yield "".join(f'<th scope="col">{column}</th>' for column in columns)
    yield "</tr></thead><tbody>"
    yield from rows
    yield "</tbody></table>"
