"""The paired, sequential test of an audit, and the order of its items. Pure."""
