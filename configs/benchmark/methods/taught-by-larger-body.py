# A larger frozen network teaches the small one; nobody else does.
title = 'taught by a larger network'
model = dict(
    networks=dict(
        a=dict(),
        larger=dict(
            config='configs/lspet/td-hm_efficientnet-lite0_udp-1xb16-1500it_lspet-128x96.py',
            frozen=True,
            init_cfg=dict(type='Pretrained', checkpoint='work_dirs/bodies/runs/supervised_500_seed0/student_last.pth'),
        ),
    ),
    lessons=[dict(teacher='larger', student='a')],
)
