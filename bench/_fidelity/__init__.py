"""Parts of bench/fidelity.py: who is asked, by whom, and whether both came to the same.

`parties` (vLLM, and routers in front of it), `clients` (the clients, each a program of `scripts/`), `figures`.
"""
