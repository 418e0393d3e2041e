# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import math
from typing import Iterator, Optional

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from mmpose_dualteach.random_state import Draw


@DATA_SAMPLERS.register_module()
class LabeledUnlabeledSampler(Sampler):
    """Fill each batch with exactly ``labeled`` labelled and then ``unlabeled`` unlabelled people.

    An epoch is one pass over one of the two sets, its last batch completed with people of the same pass; the other set
    goes round and round, its next pass beginning where the last ended, also across epochs. Ranks share no one: each
    passes over its own share of the first set, and over its own places of the second one's rounds. What is drawn
    depends on the seed and the epoch alone, so a resumed run draws what the interrupted one would have drawn. So do the
    random states in which people are loaded: an index says from what they start, see :class:`Draw`.

    Args:
        dataset (LabeledUnlabeledDataset): Has ``num_labeled`` and ``num_unlabeled``; labelled people come first. Where
            several of the unlabelled people are on one image, ``shared_images`` says on which each is.
        labeled (int): Labelled people in a batch of one rank.
        unlabeled (int): Unlabelled people in a batch of one rank.
        epoch (str): The set that an epoch passes over, ``'unlabeled'`` or ``'labeled'``. Defaults to ``'unlabeled'``.
        seed (int, optional): Defaults to one drawn for all ranks.

    Raises:
        ValueError: If a batch cannot hold both kinds, or a set cannot fill a share for each rank.
    """

    def __init__(self,
                 dataset,
                 labeled: int,
                 unlabeled: int,
                 epoch: str = 'unlabeled',
                 seed: Optional[int] = None) -> None:
        if labeled < 1 or unlabeled < 1:
            raise ValueError(f'train_dataloader.sampler: labeled={labeled}, unlabeled={unlabeled}; a batch must hold '
                             'at least one person of either kind, so raise train_dataloader.batch_size to 2 or more')
        if epoch not in ('labeled', 'unlabeled'):
            raise ValueError(f"train_dataloader.sampler: epoch={epoch!r}; choose 'unlabeled' or 'labeled'")
        self.rank, self.world_size = get_dist_info()
        self.sizes = (dataset.num_labeled, dataset.num_unlabeled)
        self.counts = (labeled, unlabeled)
        self.images: Optional[np.ndarray] = getattr(dataset, 'shared_images', None)
        self.leader = ('labeled', 'unlabeled').index(epoch)
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self._done = 0
        if self.sizes[self.leader] < self.world_size:
            raise ValueError(f'the {epoch} set has {self.sizes[self.leader]} people, fewer than the '
                             f'{self.world_size} processes of this run')
        share = math.ceil(self.sizes[self.leader] / self.world_size)
        self.num_batches = math.ceil(share / self.counts[self.leader])

    @property
    def batch_size(self) -> int:
        """int: People in a batch of one rank."""
        return sum(self.counts)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is drawn next."""
        self.epoch = epoch

    def skip(self, batches: int) -> None:
        """Begin the next epoch behind its first batches, where an interrupted run had them already."""
        self._done = batches

    def __len__(self) -> int:
        return self.num_batches * self.batch_size

    def __iter__(self) -> Iterator[int]:
        drawn = [self._round(kind) if kind != self.leader else self._pass(kind) for kind in (0, 1)]
        labeled, unlabeled = [part.reshape(self.num_batches, -1) for part in drawn]
        if self.images is not None:
            # Within a batch order means nothing, so people of one image come one after the other: it is decoded once.
            unlabeled = np.take_along_axis(unlabeled, np.argsort(self.images[unlabeled], axis=1, kind='stable'), axis=1)
        batches = np.concatenate([labeled, unlabeled + self.sizes[0]], axis=1)
        done, self._done = self._done, 0
        # One by one, as a list of all would take five times as much.
        return (Draw(index, (self.seed, self.epoch, self.rank, number, place)) for number, batch in enumerate(
            batches[done:], done) for place, index in enumerate(batch.tolist()))

    def _permutation(self, kind: int, number: int) -> np.ndarray:
        return np.random.default_rng((self.seed, kind, number)).permutation(self.sizes[kind])

    def _pass(self, kind: int) -> np.ndarray:
        """This rank's share of one pass, repeated from its beginning to fill the last batch."""
        share = self._permutation(kind, self.epoch)[self.rank::self.world_size]
        return np.resize(share, self.num_batches * self.counts[kind])

    def _round(self, kind: int) -> np.ndarray:
        """This rank's places of an endless row of permutations, from where the last epoch ended."""
        size, count = self.sizes[kind], self.num_batches * self.counts[kind] * self.world_size
        start = self.epoch * count
        first, last = start // size, (start + count - 1) // size
        row = np.concatenate([self._permutation(kind, number) for number in range(first, last + 1)])
        return row[start - first * size:][:count][self.rank::self.world_size]
