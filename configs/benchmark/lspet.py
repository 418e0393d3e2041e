# Whole bodies: 250 and 1,000 of the cleanly labelled people of LSP Extended, all 3,700 as unlabelled. For a GPU.
_base_ = 'faces-reduced.py'
stock = '../lspet/td-hm_res18_1xb32-60e_lspet-256x192.py'
dataset = 'lspet'
labels = [250, 1000]
metrics = [
    dict(key='coco/AP', name='AP', unit='%', factor=100, better='greater'),
    dict(key='PCK', name='PCK at 0.1 of the box', unit='%', factor=100, better='greater'),
]
switch = dict(
    _delete_=True, unlabeled='train.json', hook=dict(burn_in=15, ramp_up=5, interval=50), pictures=dict(interval=3480)
)
