"""Any event, every field filled by its type."""

from __future__ import annotations

import types
import typing
from datetime import UTC, datetime

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ValidationError

from telemetry.events import Event, ScoreRecorded, ScoresRecorded
from telemetry.events.word_tables import LARGEST, TableFile, version_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
times = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 (hypothesis wants naive bounds and adds the zone)
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 (as above)
    timezones=st.just(UTC),
)
# An infinity in an untyped place is read back as a text, hence none here.
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
_PLAIN: dict[object, st.SearchStrategy[object]] = {
    types.NoneType: st.none(),
    bool: st.booleans(),
    str: texts,
    int: st.integers(0, 2**53),
    AwareDatetime: times,
    datetime: times,
}


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of one kind."""
    if kind is ScoresRecorded:
        return st.builds(_batch, _fields(ScoreRecorded), times, texts)
    return _fields(kind).map(kind.model_validate)


@st.composite
def word_tables(draw: st.DrawFn) -> dict[str, object]:
    """The fields of any whole word table."""
    names = draw(st.lists(texts, min_size=2, max_size=3, unique=True))
    weights = st.lists(st.integers(0, LARGEST), min_size=len(names), max_size=len(names)).map(tuple)
    lead, bias = draw(st.integers(0, 1 << 20)), draw(weights)
    words = draw(st.dictionaries(texts, weights, max_size=3))
    version = version_of(names, lead, bias, words)
    return {"version": version, "capabilities": tuple(names), "lead": lead, "bias": bias, "words": words}


def _batch(score: dict[str, object], time: datetime, source: str) -> ScoresRecorded:
    """The same score twice: drawn one by one, two hardly ever have one rollout."""
    rollout = str(score["rollout_id"])
    return ScoresRecorded.model_validate(
        {"time": time, "source": source, "rollout_id": rollout, "scores": [score, score]}
    )


def _fields(model: type[BaseModel]) -> st.SearchStrategy[dict[str, object]]:
    """The fields of a model as it accepts them; combinations that its validators refuse are left out."""

    def accepted(fields: dict[str, object]) -> bool:
        try:
            model.model_validate(fields)
        except ValidationError:
            return False
        return True

    given = {name: _value(f.annotation, tuple(f.metadata)) for name, f in model.model_fields.items()}
    return st.fixed_dictionaries(given).filter(accepted)


def _value(annotation: object, limits: tuple[object, ...]) -> st.SearchStrategy[object]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is typing.Annotated:
        return _value(arguments[0], (*limits, *arguments[1:]))
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_value(argument, limits) for argument in arguments])
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_value(arguments[0], ()), max_size=2).map(tuple)
    if origin is dict:
        values = json_values if arguments[1] is typing.Any else _value(arguments[1], ())
        return st.dictionaries(texts, values, max_size=2)
    if annotation is float:
        return st.floats(0.001, 0.999) if limits else st.floats(allow_nan=False)
    assert isinstance(annotation, type), f"no strategy for {annotation}"
    assert issubclass(annotation, BaseModel), f"no strategy for {annotation}"
    if annotation is TableFile:  # whose parts have to fit: drawn one by one they never do
        return word_tables()
    return _fields(annotation)
