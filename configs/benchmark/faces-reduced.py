# Real people on two cores in 90 minutes: faces at 50 labels, a narrow network.
stock = '../faces/td-hm_res18-narrow_1xb16-18e_faces-96x96.py'
dataset = 'faces'
labels = [50]
seeds = [0, 1, 2]
methods = [
    'supervised',
    'supervised-two',
    'naive-consistency',
    'posecons',
    'mean-teacher',
    'posedual',
    'posedual-randaugment',
    'posedual-cutout',
]
# Scores of the stock evaluators, the one that counts first.
metrics = [dict(key='NME', name='NME', unit='%', factor=100, better='less')]
# Arguments of mutual_teaching for all methods; a method's own come on top.
switch = dict(
    unlabeled='train.json',
    views=dict(easy=dict(rotation=15.0, scale=0.15), hard=dict(rotation=20.0, scale=0.15)),
    model=dict(autocast='bfloat16', channels_last=True),
    hook=dict(burn_in=6, interval=35),
    pictures=dict(interval=630),
)
