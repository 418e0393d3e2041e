# The same by iterations, for the benchmark's plans.
_base_ = 'td-hm_res18_1xb16-14e_drawn-64x96.py'

train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=1500, val_interval=150)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=400, end=1500, T_max=1100, eta_min=1e-5, by_epoch=False),
]
default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=150, max_keep_ckpts=1),
)
log_processor = dict(by_epoch=False)
