# One network teaches itself, from easy to hard.
title = 'PoseCons'
model = dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a')])
