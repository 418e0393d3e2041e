# The paper's views and weights, one network that is taught by its own moving average.
_base_ = 'posedual.py'
title = 'mean teacher'
model = dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a', ema=True)])
