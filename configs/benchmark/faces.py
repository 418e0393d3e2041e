# The full plan on faces: 50 and 100 labels, ResNet-18 at full width, 50% more steps. For a GPU, or a day of two cores.
_base_ = 'faces-reduced.py'
stock = '../faces/td-hm_res18_1xb16-30e_faces-96x96.py'
labels = [50, 100]
switch = dict(hook=dict(burn_in=10), pictures=dict(interval=1050))
