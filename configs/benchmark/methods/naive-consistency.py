# One network, two views of equal strength, gradient through both: collapses.
title = 'naive consistency'
model = dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a', gradient=True)])
views = dict(independent=True, hard=None)
