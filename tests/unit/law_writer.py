"""Writes a revision of a list as a law would publish its table: the counterpart of the import, for tests alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from authz.lawtext.numerals import kanji
from authz.matchlist import Certainty, ListSource, Row

HEADER = ("情報照会者", "特定個人番号利用事務", "情報提供者", "利用特定個人情報")
SUBTITLES = "イロハニホヘトチリヌ"

Shape = Callable[[Sequence[str]], str]
"""How the labels of one cell are laid out."""


@dataclass(frozen=True)
class Block:
    """The rows of one table row: one provider, one or several kinds of information."""

    provider: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """One item of the table as its words."""

    number: str
    inquirer: str
    task: str
    blocks: tuple[Block, ...]


def items_of(source: ListSource, revision: str) -> tuple[Item, ...]:
    """The items of a revision in words that mean them again, certainty included."""
    rows = [row for row in source.rows if row.revision == revision]
    tasks = {task.task: task.designation for task in source.tasks}
    labels = {one.information: one.label for one in source.information}
    made = []
    for number, of_item in groupby(rows, key=lambda row: row.item):
        every = list(of_item)
        inquirer, providers = _phrases(source, every)
        blocks = [
            Block(provider, tuple(labels[row.information] for row in block))
            for provider, block in zip(providers, _blocks(every), strict=True)
        ]
        made.append(Item(number, inquirer, tasks[every[0].task], tuple(blocks)))
    return tuple(made)


def _blocks(rows: Iterable[Row]) -> list[list[Row]]:
    return [list(block) for _, block in groupby(rows, key=lambda row: row.row.split(".")[0])]


def _phrases(source: ListSource, rows: list[Row]) -> tuple[str, list[str]]:
    for inquirer in (party for party in source.parties if party.kinds == rows[0].inquirers):
        providers = [_provider(source, block[0], inquirer.certainty) for block in _blocks(rows)]
        if None not in providers:
            return inquirer.phrase, [provider for provider in providers if provider is not None]
    raise AssertionError(f"no phrases for item {rows[0].item}")


def _provider(source: ListSource, row: Row, inquirer: Certainty) -> str | None:
    fitting = (
        p.phrase for p in source.parties if p.kinds == row.providers and max(p.certainty, inquirer) == row.certainty
    )
    return next(fitting, None)


# --- shapes of a cell ---------------------------------------------------------------------------------------------


def sentence(text: str) -> str:
    return f"<Sentence>{escape(text)}</Sentence>"


def in_one_sentence(labels: Sequence[str]) -> str:
    head, last = labels[:-1], labels[-1]
    return sentence(f"{'、'.join(head)}又は{last}" if head else last)


def in_sentences(labels: Sequence[str]) -> str:
    return "".join(map(sentence, labels))


def in_subitems(labels: Sequence[str]) -> str:
    """A lead-in, then イロハ."""
    below = "".join(
        f"<Subitem1 Num='{n}'><Subitem1Title>{title}</Subitem1Title><Subitem1Sentence>{sentence(label)}"
        "</Subitem1Sentence></Subitem1>"
        for n, (title, label) in enumerate(zip(SUBTITLES, labels, strict=False), start=1)
    )
    lead = f"<ItemSentence>{sentence('次に掲げる情報')}</ItemSentence>"
    return f"<Item Num='1'><ItemTitle>一</ItemTitle>{lead}{below}</Item>"


def with_ruby(labels: Sequence[str]) -> str:
    first = "".join(labels[:1])
    rest = in_sentences(labels[1:])
    return f"<Sentence><Ruby>{escape(first[:1])}<Rt>よみ</Rt></Ruby>{escape(first[1:])}</Sentence>{rest}"


SHAPES: tuple[Shape, ...] = (in_one_sentence, in_sentences, in_subitems, with_ruby)


# --- the table ----------------------------------------------------------------------------------------------------


def column(content: str, **attributes: int) -> str:
    told = "".join(f' {name}="{value}"' for name, value in attributes.items() if value != 1)
    return f'<TableColumn BorderTop="solid"{told}>{content}</TableColumn>'


def row(*columns: str) -> str:
    return f"<TableRow>{''.join(columns)}</TableRow>"


def numbered(number: str) -> str:
    return "の".join(kanji(int(part)) for part in number.split("-"))


def table_rows(item: Item, shape: Shape) -> Iterator[str]:
    span = len(item.blocks)
    head = (
        column(sentence(f"{numbered(item.number)}　{item.inquirer}"), rowspan=span),
        column(sentence(item.task), rowspan=span),
    )
    for number, block in enumerate(item.blocks):
        yield row(*(head if number == 0 else ()), column(sentence(block.provider)), column(shape(block.labels)))


def deleted(number: str) -> str:
    return row(column(sentence(f"{numbered(number)}　削除"), colspan=4))


def law(rows: Iterable[str], around: str = "") -> bytes:
    """A law whose second article has the table."""
    table = f"<TableStruct>{around}<Table WritingMode='vertical'>{''.join(rows)}</Table></TableStruct>"
    paragraph = f"<Paragraph Num='1'><ParagraphNum/>{table}</Paragraph>"
    article = f"<Article Num='2'><ArticleTitle>第二条</ArticleTitle>{paragraph}</Article>"
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<Law Era='Reiwa' Year='6' Num='9' LawType='MinisterialOrdinance' Lang='ja'><LawNum>試験第九号</LawNum>"
        f"<LawBody><LawTitle>試験の命令</LawTitle><MainProvision><Chapter Num='1'>{article}</Chapter></MainProvision>"
        "</LawBody></Law>"
    ).encode()


def header() -> str:
    return row(*(column(sentence(word)) for word in HEADER))
