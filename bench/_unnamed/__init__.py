"""The parts of bench/unnamed.py: what nobody named, how a model is asked for it, and the recipes that are compared."""
