import pytest

from evaluator.watch.worker.losses import loss


@pytest.mark.parametrize(
    ("begins", "first", "end", "had", "found", "said"),
    [
        (30, 0, 40, "a", "a", None),
        (0, 500, 900, "a", "a", None),
        (30, 30, 30, "a", "a", None),
        (30, 0, 40, "a", "b", "another topic"),
        (30, 0, 40, None, "b", None),
        (30, 0, 40, "a", None, None),
        (31, 0, 30, None, None, "began anew"),
        (30, 31, 40, "a", "a", "keeps nothing before offset 31"),
    ],
)
def test_what_is_gone_is_said_and_what_is_there_is_not(begins, first, end, had, found, said):
    reason = loss(begins, first, end, had, found)
    assert (reason is None) if said is None else (reason is not None and said in reason)
