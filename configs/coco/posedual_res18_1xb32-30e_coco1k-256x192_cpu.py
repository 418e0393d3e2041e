# The CPU recipe: channels-last and, where the CPU has it, bfloat16 more than halve a step, and on few cores the
# loader's workers and OpenCV's threads would only take time from the networks, which run one thread a core.
_base_ = 'posedual_res18_1xb32-30e_coco1k-256x192.py'
model = dict(autocast='auto', channels_last=True)
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0, persistent_workers=False)
