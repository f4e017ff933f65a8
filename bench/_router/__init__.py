"""Parts of bench/router.py: what is measured, what stands behind it, and what loads it.

`engine` (the stub behind all of them), `served` (the servers that are measured), `load` (who asks), `figures`.
"""
