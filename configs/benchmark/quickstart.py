# The quick start's drawn people; tools/quickstart.sh draws them.
_base_ = 'lspet.py'
stock = '../quickstart/td-hm_res18_1xb16-14e_drawn-64x96.py'
dataset = 'drawn people'
labels = [30]
switch = dict(
    _delete_=True,
    unlabeled='train.json',
    model=dict(autocast='bfloat16', channels_last=True),
    hook=dict(burn_in=4, interval=25),
    pictures=dict(interval=525),
)
