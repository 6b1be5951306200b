"""`python -m numerics.questions NAME`: the questions next door, one file each; what theory says, held against samples, with a figure."""

INTERRUPTED = "interrupted; give the same command again"
"""Said wherever Ctrl-C comes"""
