"""The command line and the one-machine launcher, which wires the rest."""
