# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Networks that have learned nothing, and what MMPose's own test data flow says of them."""

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, MODELS


def saved(config, folder, network=None) -> list:
    """The config's file and a checkpoint of networks that have learned nothing."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0
    dataset = DATASETS.build(config.val_dataloader.dataset)
    images = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), False)['inputs']
    for network in model.networks.values():  # Batch norm knows what it normalises; there are peaks in heatmaps.
        network.forward(images, None, mode='tensor')
        if hasattr(network.head, 'final_layer'):
            network.head.final_layer.weight.data *= 0.2
            network.head.final_layer.bias.data += 0.2
    config.dump(folder / 'config.py')
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'last.pth')
    return [str(folder / 'config.py'), str(folder / 'last.pth')]


def stock_predictions(files):
    """What MMPose's own test data flow gives for the same instances: id and joints in pixels of the image."""
    config = Config.fromfile(files[0])
    model = MODELS.build(config.model)
    model.load_state_dict(torch.load(files[1])['state_dict'])
    model.eval()
    dataset = dict(config.val_dataloader.dataset, ann_file='train.json')
    found = {}
    for sample in DATASETS.build(dataset):
        data = model.data_preprocessor(pseudo_collate([sample]), False)
        with torch.no_grad():
            answers = model.predict_all(data['inputs'], data['data_samples'])
        found[int(sample['data_samples'].id)] = {name: each[0].pred_instances for name, each in answers.items()}
    return found
