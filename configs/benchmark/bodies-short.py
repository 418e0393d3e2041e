# The same in 600 steps.
_base_ = 'bodies.py'
steps = 600
