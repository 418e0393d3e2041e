# One network, two views of equal strength, the paper's easy one, gradient through both: collapses.
title = 'naive consistency'
method = 'posecons'
model = dict(lessons=[dict(teacher='a', student='a', detach=False)])
views = dict(independent=True, hard=dict(rotate_prob=0.6, flip_prob=0.5))
hook = dict(burn_in=300)
