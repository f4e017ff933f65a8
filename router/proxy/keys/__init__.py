"""API keys: who may come in, and how much of the engines each may take.

From outside: `keys.Keys`, which lets requests in, and `key_file`, which makes and revokes keys.
"""
