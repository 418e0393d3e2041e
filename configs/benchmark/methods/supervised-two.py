# The fair baseline for the mean of two: two networks on the labels alone.
_base_ = 'supervised.py'
title = 'supervised, two networks'
model = dict(networks=dict(b=dict()))
