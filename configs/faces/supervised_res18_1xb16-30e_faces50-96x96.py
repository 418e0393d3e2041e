# The baseline: one network on the same 50 labels, in the same steps. Unlabelled images are drawn and left alone.
_base_ = 'posedual_res18_1xb16-30e_faces50-96x96.py'
model = dict(networks=dict(_delete_=True, a=dict()), lessons=[], sup_weight=1.0)
