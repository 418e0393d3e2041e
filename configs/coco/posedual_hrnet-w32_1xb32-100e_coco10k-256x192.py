# PoseDual, HRNet-w32, 10K labels.
_base_ = 'posedual_hrnet-w32_1xb32-100e_coco5k-256x192.py'
train_dataloader = dict(dataset=dict(labeled=dict(indices=10000)))
