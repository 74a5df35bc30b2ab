"""What a caller sends becomes values here: body, query, path; every broken rule named, no value ever quoted.

The fast path is one call into a decoder that was compiled when the operation was declared. Only when it fails is the
input walked again, field by field, to name all broken rules at once.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import MAXYEAR, MINYEAR, datetime
from itertools import islice
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct, inspect
from multidict import MultiMapping

from gateway.problems import FieldError, Problem
from sympho.codes import BadCode, PersonalNumber, decode_hook

__all__ = ["body_decoder", "custom_types", "path_decoder", "query_decoder", "weaknesses"]

MOST_ERRORS = 20
"""Broken rules named in one problem; a caller with more has more than a slip to correct."""

T = TypeVar("T")

_SAFE_RULES = (
    "Expected `",
    "Invalid RFC3339",
    "Invalid UUID",
    "Invalid base64",
    "Timestamp is out",
    "Integer value out",
)
"""How msgspec's sentences begin that speak of our types only. Others may quote the caller and are not passed on."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_UNREAD = object()
_SEQUENCES = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)


def body_decoder(kind: type[T], broken: str = "invalid-field") -> Callable[[bytes], T]:
    """A function from the body's bytes to ``kind``; raises ``malformed-body``, or ``broken`` where rules are."""
    decoder = msgspec.json.Decoder(kind, dec_hook=decode_hook)
    has_moments = _is_moment(inspect.type_info(kind))

    def decode(raw: bytes) -> T:
        try:
            made = decoder.decode(raw)
        except msgspec.ValidationError as error:
            first = _explain(error, "$")
        except _UNREADABLE:
            first = None
        else:
            if has_moments:
                _refuse_beyond(made, "$", broken)
            return made
        value = _UNREAD if first is None else _loosely(raw)
        if first is None or value is _UNREAD:
            raise Problem("malformed-body")
        raise Problem(broken, errors=_all_errors(value, kind, "$", first, strict=True))

    return decode


def _loosely(raw: bytes) -> object:
    """The body as plain values; a decoder that knew the type may have stopped before it met what is no JSON."""
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE:
        return _UNREAD


def query_decoder(kind: type[T]) -> Callable[[MultiMapping[str]], T]:
    """A function from the query's parameters to the struct ``kind``; a sequence is a parameter given several times."""
    info = inspect.type_info(kind)
    known = {field.encode_name: _is_sequence(field.type) for field in _fields(info)}
    moments = {field.encode_name for field in _fields(info) if _is_moment(field.type)}

    def decode(query: MultiMapping[str]) -> T:
        given: dict[str, object] = {}
        for name in query:
            many = known.get(name)
            if many is None:
                raise Problem("invalid-field", errors=(FieldError("query", _unknown(known)),))
            values = query.getall(name)
            if not many and len(values) > 1:
                raise Problem("invalid-field", errors=(FieldError(f"query.{name}", "given once only"),))
            if name in moments and ":" not in values[0]:  # a number would be read as seconds since 1970
                raise Problem(
                    "invalid-field", errors=(FieldError(f"query.{name}", "Invalid RFC3339 encoded datetime"),)
                )
            given[name] = values if many else values[0]
        try:
            made = msgspec.convert(given, kind, strict=False, dec_hook=decode_hook)
        except msgspec.ValidationError as error:
            first = _explain(error, "query")
        else:
            if moments:
                _refuse_beyond(made, "query", "invalid-field")
            return made
        raise Problem("invalid-field", errors=_all_errors(given, kind, "query", first, strict=False))

    return decode


def path_decoder(kinds: Mapping[str, type[str]]) -> Callable[[Mapping[str, str]], dict[str, str]]:
    """A function from the path's parts to codes: 1 to 64 printable ASCII characters, and the kind's own rule."""
    parts = tuple(kinds.items())

    def decode(given: Mapping[str, str]) -> dict[str, str]:
        made: dict[str, str] = {}
        for name, kind in parts:
            text = given[name]
            if not (0 < len(text) <= 64 and text.isascii() and text.isprintable()):
                raise Problem("not-found")
            try:
                made[name] = kind(text)
            except BadCode as error:
                rule = str(error)
            else:
                continue
            raise Problem("invalid-field", errors=(FieldError(f"path.{name}", rule),))
        return made

    return decode


def _refuse_beyond(value: object, root: str, broken: str) -> None:
    """A moment in the first or the last year of all has no day in some zones: it could be kept and never be shown."""
    if errors := tuple(islice(_beyond(value, root), MOST_ERRORS)):
        raise Problem(broken, errors=errors)


def _beyond(value: object, path: str) -> Iterator[FieldError]:
    if isinstance(value, datetime) and value.year in {MINYEAR, MAXYEAR}:
        yield FieldError(path, "a year from 0002 to 9998 expected")
    elif isinstance(value, Struct):
        for name, shown in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            yield from _beyond(getattr(value, name), f"{path}.{shown}")
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield from _beyond(item, f"{path}[{at}]")


def _explain(error: msgspec.ValidationError, root: str) -> FieldError:
    sentence, _, place = str(error).rpartition(" - at `")
    if not sentence:
        sentence, place = str(error), ""
    path = root + place.rstrip("`").rpartition("`")[2].removeprefix("$")
    cause = error.__cause__
    if isinstance(cause, BadCode):
        return FieldError(path, str(cause))
    if cause is not None:
        return FieldError(path, "breaks a rule of its kind")
    if sentence.startswith("Object missing required field `"):
        return FieldError(f"{path}.{sentence[31:-1]}", "required")
    if sentence.startswith("Object contains unknown field"):
        return FieldError(path, "unknown field")
    if sentence.startswith("Invalid enum value"):
        return FieldError(path, "not one of the values")
    return FieldError(path, sentence if sentence.startswith(_SAFE_RULES) else "invalid value")


def _all_errors(value: object, kind: Any, root: str, first: FieldError, *, strict: bool) -> tuple[FieldError, ...]:
    return tuple(islice(_walk(value, kind, root, strict=strict), MOST_ERRORS)) or (first,)


def _walk(value: object, kind: Any, path: str, *, strict: bool) -> Iterator[FieldError]:
    inner = _without_none(kind)
    if isinstance(inner, type) and issubclass(inner, Struct) and isinstance(value, dict):
        yield from _walk_struct(value, inner, path, strict=strict)
        return
    element = _element(inner)
    if element is not None and isinstance(value, list):
        for at, item in enumerate(value):
            yield from _walk(item, element, f"{path}[{at}]", strict=strict)
        return
    try:
        msgspec.convert(value, kind, strict=strict, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        yield _explain(error, path)


def _walk_struct(value: dict[str, object], kind: type[Struct], path: str, *, strict: bool) -> Iterator[FieldError]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name in value:
            yield from _walk(value[name], field.type, f"{path}.{name}", strict=strict)
        elif field.required:
            yield FieldError(f"{path}.{name}", "required")
    config = kind.__struct_config__
    if config.forbid_unknown_fields and set(value) - set(fields) - {config.tag_field}:
        yield FieldError(path, _unknown(fields))


def _unknown(known: Iterable[str]) -> str:
    """The caller's word is not repeated: someone may have put a person's number where a name belongs."""
    names = ", ".join(known)
    return f"unknown name; known: {names}" if names else "nothing is expected here"


def _without_none(kind: Any) -> Any:
    """``X`` for ``X | None``, so that the walk can go on below it."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in {Union, types.UnionType}:
        return kind
    rest = [member for member in get_args(kind) if member is not types.NoneType]
    return _without_none(rest[0]) if len(rest) == 1 else kind


def _element(kind: Any) -> Any:
    arguments = get_args(kind)
    if get_origin(kind) is list or (get_origin(kind) is tuple and len(arguments) == 2 and arguments[1] is ...):
        return arguments[0]
    return None


# --- what a declared type must not be -------------------------------------------------------------------------------


def weaknesses(kind: type, *, in_url: bool, versioned: bool) -> Iterator[str]:
    """Why ``kind`` may not be asked for: it would swallow misspelt names, take naive times, or put a person in a URL.

    A misspelt ``items`` that is passed over asks for everything. Only messages between parties, which carry a version,
    may know fields that we do not.
    """
    for info in _below(inspect.type_info(kind), set()):
        match info:
            case inspect.StructType(cls=cls, forbid_unknown_fields=False) if not versioned:
                yield f"{cls.__name__} takes unknown fields: declare it with forbid_unknown_fields=True"
            case inspect.DateTimeType(tz=tz) if tz is not True:
                yield "a naive time would be let in: use Annotated[datetime, Meta(tz=True)]"
            case inspect.CustomType(cls=cls) if in_url and issubclass(cls, PersonalNumber):
                yield f"{cls.__name__} in a URL would stand in every log on the way"


def custom_types(kind: Any) -> set[type]:
    """The code types that stand anywhere in ``kind``."""
    return {info.cls for info in _below(inspect.type_info(kind), set()) if isinstance(info, inspect.CustomType)}


def _below(info: inspect.Type, seen: set[type]) -> Iterator[inspect.Type]:
    """A type and every type it is made of, each struct once."""
    if isinstance(info, inspect.StructType):
        if info.cls in seen:
            return
        seen.add(info.cls)
    yield info
    for part in _parts(info):
        yield from _below(part, seen)


def _parts(info: inspect.Type) -> tuple[inspect.Type, ...]:
    match info:
        case inspect.StructType(fields=fields):
            return tuple(field.type for field in fields)
        case inspect.UnionType(types=members):
            return members
        case inspect.Metadata(type=inner):
            return (inner,)
        case inspect.TupleType(item_types=members):
            return members
        case inspect.DictType(key_type=key, value_type=value):
            return (key, value)
        case _:
            item = getattr(info, "item_type", None)
            return () if item is None else (item,)


def _fields(info: inspect.Type) -> tuple[inspect.Field, ...]:
    return info.fields if isinstance(info, inspect.StructType) else ()


def _is_moment(info: inspect.Type) -> bool:
    return any(isinstance(one, inspect.DateTimeType) for one in _below(info, set()))


def _is_sequence(info: inspect.Type) -> bool:
    return isinstance(info, _SEQUENCES)
