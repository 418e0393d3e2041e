# Two networks teach each other: the first 1,000 people lend their labels, all 3,700 their images. For a GPU.
_base_ = 'posedual_res18_1xb32-60e_lspet250-256x192.py'
train_dataloader = dict(dataset=dict(labeled=dict(indices=1000)))
