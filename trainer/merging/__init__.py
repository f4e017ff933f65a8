"""Between base and fine-tune: the weights on the way, which of them to ship, and the model written.

In order: `interpolation` and `pruning` (tensors), `choosing` (which weight, pure), `search` (on real weights),
`writing`.
"""
