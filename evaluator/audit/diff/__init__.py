"""The paired sequential test and what it is made of. Pure.

From outside: `paired`, `settings.GateSettings`, `paired_set`, `floor`, `item_order`.
"""
