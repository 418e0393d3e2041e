# Whole bodies of LSP Extended, a network from ImageNet, 100 and 500 labels, 1,500 steps: two cores carry a run of two
# networks in three quarters of an hour.
_base_ = 'faces.py'
stock = '../lspet/td-hm_efficientnet-lite0_udp-1xb16-1500it_lspet-128x96.py'
dataset = 'lspet'
labels = [100, 500]
metrics = [dict(key='PCK', name='PCK at 0.1 of the box', unit='%', factor=100, better='greater')]
