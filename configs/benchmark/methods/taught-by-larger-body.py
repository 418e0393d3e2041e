# The same on bodies.
_base_ = 'taught-by-larger.py'
model = dict(
    networks=dict(
        larger=dict(
            config='configs/lspet/td-hm_efficientnet-lite0_udp-1xb16-1500it_lspet-128x96.py',
            init_cfg=dict(checkpoint='work_dirs/bodies/runs/supervised_500_seed0/student_last.pth'),
        )
    )
)
