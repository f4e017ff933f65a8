"""The live tail: interactions as they come, narrowed by what somebody wants to see.

`tail.Tail` is what the rest of control uses. Nothing is read while nobody looks, and whoever looks at a busy topic sees
a sample of it and is told so. `rows` and `wanted` are pure.
"""
