"""Whether a client can tell the router from the engine behind it: both are asked the same, byte by byte.

`forms` has the requests, `wire` asks them over a socket, `masks` names what may differ and why, `recorder` compares.
`tests/e2e/test_fidelity.py` asks a real vLLM, `bench/fidelity.py` official clients as well.
"""
