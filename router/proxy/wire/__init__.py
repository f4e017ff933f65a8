"""HTTP as it passes through: the client's side, the engine's side, and the headers between.

From outside: `client.Client`, `upstream.Upstream`. Knows nothing of rollouts, arms or records.
"""
