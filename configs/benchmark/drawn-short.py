# The same in 600 steps.
_base_ = 'drawn.py'
steps = 600
