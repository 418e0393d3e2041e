# The baseline in equal compute: a step of two networks that teach each other costs 14 passes through a network, a
# supervised one 3.
_base_ = 'supervised.py'
title = 'supervised, equal compute'
times = 14 / 3
