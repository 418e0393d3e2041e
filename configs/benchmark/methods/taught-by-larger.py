# A larger frozen network teaches the small one; nobody else does.
title = 'taught by a larger network'
model = dict(
    networks=dict(
        a=dict(),
        larger=dict(
            config='configs/quickstart/td-hm_efficientnet-lite0_1xb16-1500it_drawn-64x96.py',
            frozen=True,
            init_cfg=dict(type='Pretrained', checkpoint='work_dirs/larger/runs/supervised_30_seed0/student_last.pth'),
        ),
    ),
    lessons=[dict(teacher='larger', student='a')],
)
