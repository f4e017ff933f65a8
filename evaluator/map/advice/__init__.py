"""One table of rules from facts to advice, each with its reason and source.

From outside: `facts.Facts` and `rules.recommend`.
"""
