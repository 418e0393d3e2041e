# The baseline: one network on the labels alone.
title = 'supervised'
model = dict(networks=dict(a=dict()), lessons=[])
