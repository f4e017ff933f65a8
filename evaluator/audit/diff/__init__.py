"""The paired sequential test and what it is made of. Pure.

From outside: `paired_test`, `settings.GateSettings`, `holm`, `floor`, `item_order`.
"""
