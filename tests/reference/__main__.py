"""Writes the pages of the reference: ``python -m tests.reference``."""

from tests.reference.pages import FOLDER, PAGES, page

for name in PAGES:
    (FOLDER / name).write_text(page(name), encoding="utf-8")
