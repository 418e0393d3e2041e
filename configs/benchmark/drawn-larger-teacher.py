# The larger network on the same labels, see `drawn-larger.py`.
_base_ = 'drawn-short.py'
stock = '../quickstart/td-hm_efficientnet-lite0_1xb16-1500it_drawn-64x96.py'
seeds = [0]
methods = ['supervised']
