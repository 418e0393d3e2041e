# Two networks teach each other: the first 100 faces lend their labels, all 1,107 their images.
_base_ = 'posedual_res18_1xb16-30e_faces50-96x96.py'
train_dataloader = dict(dataset=dict(labeled=dict(indices=100)))
