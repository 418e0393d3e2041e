# The paper's with one network that teaches itself, from easy to hard.
_base_ = 'posedual.py'
title = 'PoseCons'
model = dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a')])
