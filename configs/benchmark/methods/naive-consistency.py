# One network, two views of equal strength, the paper's own whatever the plan's are, gradient through both: collapses.
title = 'naive consistency'
model = dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a', detach=False)])
views = dict(_delete_=True, independent=True)
