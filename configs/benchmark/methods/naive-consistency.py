# One network, two views of equal strength, the paper's easy one, gradient through both: collapses.
_base_ = 'posedual.py'
title = 'naive consistency'
model = dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a', detach=False)])
views = dict(independent=True, hard=dict(rotate_prob=0.6, flip_prob=0.5))
