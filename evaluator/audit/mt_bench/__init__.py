"""MT-Bench as a measure, and in pairs.

From outside: `measure.mt_bench_measures` and `pairs.judge_pairs`.
"""
