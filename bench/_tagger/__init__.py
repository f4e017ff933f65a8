"""What `bench/tagger.py` is made of.

`clinc` and `nine` are its two sets of capabilities; `scored` is what is counted.
"""
