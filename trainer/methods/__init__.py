"""What a step minimises and what it may move: LoRA and its variants, EWC, SAM, the divergence from base.

`objective` joins them; a new method is a file here, a key in `trainer.config` and a line at its place in the loop.
"""
