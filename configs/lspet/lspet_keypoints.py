# Keypoint definition of LSP Extended: 14 joints.
names = [
    'right_ankle',
    'right_knee',
    'right_hip',
    'left_hip',
    'left_knee',
    'left_ankle',
    'right_wrist',
    'right_elbow',
    'right_shoulder',
    'left_shoulder',
    'left_elbow',
    'left_wrist',
    'neck',
    'head_top',
]
links = [(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11), (2, 3), (8, 9), (8, 12), (9, 12), (12, 13)]
swaps = {'right': 'left', 'left': 'right'}
dataset_info = dict(
    dataset_name='lspet',
    keypoint_info={
        i: dict(
            id=i,
            name=name,
            color=[255, 128, 0] if name.startswith('right') else [0, 255, 0],
            type='lower' if i < 6 else 'upper',
            swap='_'.join([swaps.get(name.split('_')[0], ''), *name.split('_')[1:]])
            if '_' in name and name.split('_')[0] in swaps
            else '',
        )
        for i, name in enumerate(names)
    },
    skeleton_info={i: dict(link=(names[a], names[b]), id=i, color=[51, 153, 255]) for i, (a, b) in enumerate(links)},
    joint_weights=[1.0] * 14,
    # COCO's for the joints that COCO has; neck and head top as COCO-format conversions of MPII have them.
    sigmas=[0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.062, 0.072, 0.079, 0.079, 0.072, 0.062, 0.079, 0.079],
)
del names, links, swaps
