# COCO's joints. Its own sigmas ask for more precision at eyes and nose than figures of 90 pixels have.
_base_ = 'mmpose::_base_/datasets/coco.py'
dataset_info = dict(sigmas=[0.1] * 17)
