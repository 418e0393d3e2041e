# The same in 600 steps.
_base_ = 'faces.py'
steps = 600
