# Mutual teaching, the default, ResNet-18, 20K labels.
_base_ = 'mutual-teaching_res18_1xb32-100e_coco5k-256x192.py'
train_dataloader = dict(dataset=dict(labeled=dict(indices=20000)))
