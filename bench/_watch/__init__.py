"""What bench/watch.py measures with: damaged models and their answers, verified truth, streams made of both.

The models are real: base, interpolations between base and a fine-tune that forgets, base at a higher temperature.
"""
