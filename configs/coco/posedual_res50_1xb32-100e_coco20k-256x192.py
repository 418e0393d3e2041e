# PoseDual, ResNet-50, 20K labels.
_base_ = 'posedual_res50_1xb32-100e_coco5k-256x192.py'
train_dataloader = dict(dataset=dict(labeled=dict(indices=20000)))
