# The collapse itself: the reduced plan's networks teach from the first step on, without a burn-in.
_base_ = 'faces-reduced.py'
seeds = [0]
methods = ['naive-consistency', 'posedual']
switch = dict(hook=dict(burn_in=0))
