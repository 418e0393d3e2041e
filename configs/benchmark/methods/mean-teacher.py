# One network is taught by its own moving average.
title = 'mean teacher'
model = dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a', ema=True)])
