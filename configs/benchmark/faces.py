# Faces, a narrow network from scratch, 20, 50 and 100 labels, 1,500 steps: two cores carry a run of two networks in a
# quarter of an hour.
stock = '../faces/td-hm_res18-narrow_udp-1xb16-1500it_faces-96x96.py'
dataset = 'faces'
labels = [20, 50, 100]
steps = 1500
burn_in = 300  # Of the paper's methods: networks from scratch need one.
seeds = [0, 1, 2]
methods = ['supervised', 'supervised-long', 'supervised-two', 'posedual', 'mutual-teaching']
# Scores of the stock evaluators, the one that counts first.
metrics = [dict(key='NME', name='NME', unit='%', factor=100, better='less')]
# Arguments of mutual_teaching for all methods; a method's own come on top.
switch = dict(
    unlabeled='train.json',
    model=dict(autocast='auto', channels_last=True),
    hook=dict(by_epoch=False, interval=50),
    pictures=dict(interval=500),
)
