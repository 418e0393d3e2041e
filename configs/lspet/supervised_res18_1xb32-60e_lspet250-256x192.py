# The baseline: one network on the same 250 labels, in the same steps.
_base_ = 'posedual_res18_1xb32-60e_lspet250-256x192.py'
model = dict(networks=dict(_delete_=True, a=dict()), lessons=[], sup_weight=1.0)
