# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import types
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

from mmpose_dualteach.utils.config_dicts import merged, plain
from mmpose_dualteach.utils.config_file import BASE, OpenConfigFile, read_config
from mmpose_dualteach.utils.registered_names import with_registered_names


@dataclass(frozen=True)
class StockSource:
    """What was given to be switched, and where what comes of it goes.

    Attributes:
        base (dict): The stock config in plain dicts.
        config (dict): The same, with what a config file assigns above the switch merged into it.
        whole (bool): Whether it was given by its name, so that no file inherits from it.
        file (OpenConfigFile, optional): The config file that calls.
    """

    base: dict
    config: dict
    whole: bool
    file: Optional[OpenConfigFile]

    @classmethod
    def read(cls, stock: Any, caller: Optional[types.FrameType]) -> 'StockSource':
        """Read it.

        Args:
            stock (dict | Config | str): A config, ``_base_`` or ``globals()`` of the config file that calls, or a name.
            caller (FrameType, optional): The caller's frame.

        Raises:
            FileNotFoundError: If it names a config that does not exist.
            ValueError: If it names one that cannot be read, or one in a file that inherits from another.
        """
        file = OpenConfigFile.that_calls(stock, caller)
        whole = isinstance(stock, str)
        base = read_config(file.beside(stock) if file else stock) if whole else stock
        base = with_registered_names(plain(base[BASE] if isinstance(base, Mapping) and BASE in base else base))
        return cls(base, merged(base, file.assigned) if file else base, whole, file)

    def answer(self, switched: Dict[str, Any]) -> Dict[str, Any]:
        """The config whole, or what mmengine is to merge into the base: the keys that differ, each complete.

        Args:
            switched (Dict[str, Any]): Keys of the switched config.

        Raises:
            ValueError: If the file assigns one of them below the switch, which would be lost.
        """
        if self.whole:
            answer = {**self.config, **switched}
        else:
            answer = {key: value for key, value in switched.items() if value != self.config.get(key)}
            for key, value in answer.items():
                if isinstance(self.base.get(key), dict):
                    value['_delete_'] = True  # mmengine would merge it into the stock one otherwise.
        if self.file:
            self.file.refuse_assignments_below(
                [key for key, value in answer.items() if isinstance(value, (dict, list))],
                'put it above the switch, or into a config of its own that inherits from this one',
            )
        return answer
