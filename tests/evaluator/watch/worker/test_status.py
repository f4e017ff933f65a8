from evaluator.watch.worker.status import EVIDENCE_LINES, line_every


def test_the_evidence_log_stays_short_however_long_a_rollout_is_watched():
    lines = sum(settled % line_every(settled) == 0 for settled in range(1, 1_000_000))
    assert lines < 8 * EVIDENCE_LINES


def test_lines_never_come_more_often_later():
    steps = [line_every(settled) for settled in range(1, 200_000, 97)]
    assert steps == sorted(steps)
    assert steps[0] == 10
