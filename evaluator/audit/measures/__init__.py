"""What an audit asks: the shape of a measure, and those that need no benchmark.

From outside: `measure.Measure`, `items_measure`, `answers.ItemAnswer`. A new measure has this shape and is
listed in `evaluator.audit.brief_measures`.
"""
