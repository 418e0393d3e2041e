# The quick start's drawn people (tools/quickstart.sh draws them), 30 labels, 1,500 steps.
_base_ = 'faces.py'
stock = '../quickstart/td-hm_res18_1xb16-1500it_drawn-64x96.py'
dataset = 'drawn people'
labels = [30]
metrics = [
    dict(key='coco/AP', name='AP', unit='%', factor=100, better='greater'),
    dict(key='PCK', name='PCK at 0.1 of the box', unit='%', factor=100, better='greater'),
]
