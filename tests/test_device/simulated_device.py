"""An accelerator that is not there, for what would go wrong on one.

Its tensors say ``device='simulated:0'`` and hold their values on the CPU. As on a GPU,
operators refuse tensors of two devices, and copies to the host that nobody waited for
hold nothing yet. Whatever makes the host wait is put down: values that it reads, copies
that are not told not to, operators whose result has a size that only the device knows.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import mmengine.device.utils
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

NAME = 'simulated'
OURS = ('/dynamix/', '/mmengine/', '/mmpretrain/')
aten = torch.ops.aten
# the host must know how large their result is, or what it is
WAITING = {
    aten._local_scalar_dense.default,
    aten._unique.default,
    aten._unique2.default,
    aten.bincount.default,
    aten.equal.default,
    aten.masked_select.default,
    aten.nonzero.default,
    aten.repeat_interleave.Tensor,
    aten.unique_consecutive.default,
    aten.unique_dim.default,
}
INDEXING = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}


# copies on their way to the host: where to, and the values
_under_way: list[tuple[torch.Tensor, torch.Tensor]] = []


def _arrive(count: int | None = None) -> None:
    with torch.utils._python_dispatch._disable_current_modes():
        for target, values in _under_way[:count]:
            target.copy_(values)
    del _under_way[:count]


class _Event:
    """Waiting for it brings what was sent before it was recorded."""

    _last: tuple[torch.Tensor, torch.Tensor] | None = None
    _recorded = False

    def record(self, stream: None) -> None:
        self._recorded = True
        self._last = _under_way[-1] if _under_way else None

    def synchronize(self) -> None:
        assert self._recorded
        for number, copy in enumerate(_under_way):
            if copy is self._last:
                _arrive(number + 1)
                break


class _Backend(_DummyBackendModule):
    Event = _Event

    def current_stream(self, device: torch.device) -> None:
        assert torch.device(device).type == NAME

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


_setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())


class DeviceTensor(torch.Tensor):
    """A tensor of the device."""

    values: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> DeviceTensor:
        self = torch.Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=f'{NAME}:0',
        )
        self.values = values
        return self

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        # in a thread that the mode was not switched on for
        if _Device.active is None:
            raise RuntimeError(f'{function} outside of simulated_device()')
        return _Device.active.__torch_dispatch__(function, types, args, kwargs)


class Wait(NamedTuple):
    """The host waits for the device."""

    what: str
    where: str


class _Device(TorchDispatchMode):
    active: _Device | None = None

    def __init__(self, waits: list[Wait]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is aten.is_pinned.default:
            return False
        if function is aten._pin_memory.default:
            pinned = args[0].clone()
            pinned.is_pinned_here = True
            return pinned
        tensors = [x for x in tree_leaves((args, kwargs)) if _is_tensor(x)]
        of_device = [x for x in tensors if isinstance(x, DeviceTensor)]
        target = kwargs.get('device')
        on_device = target is not None and torch.device(target).type == NAME
        if not of_device and not on_device:
            return function(*args, **kwargs)
        if function is aten._to_copy.default:
            return self._copy(args[0], target, **kwargs)
        if function is aten.copy_.default:
            return self._copy_into(*args, **kwargs)
        if function in WAITING:
            self._wait(function)
        if function in INDEXING:
            for index in (x for x in args[1] if x is not None):
                if not isinstance(index, DeviceTensor):
                    self._wait(f'{function} by an index of the host')
                if index.dtype in (torch.bool, torch.uint8):
                    self._wait(f'{function} by a mask')
            # an index may lie on the host, all else may not
            tensors = [args[0], *args[2:3]]
        for tensor in tensors:
            if not isinstance(tensor, DeviceTensor) and tensor.dim():
                raise RuntimeError(
                    f'{function}: a tensor of the host, of shape '
                    f'{tuple(tensor.shape)}, among tensors of the device.'
                )
        if on_device:
            kwargs = {**kwargs, 'device': torch.device('cpu'), 'pin_memory': False}
        plain = {name: _values(x) for name, x in kwargs.items()}
        out = function(*tree_map(_values, args), **plain)
        changed = {id(x.values): x for x in of_device} if _writes(function) else {}

        def back(x: Any) -> Any:
            if not _is_tensor(x):
                return x
            return changed[id(x)] if id(x) in changed else DeviceTensor(x)

        return tree_map(back, out)

    def _copy(
        self, source: torch.Tensor, target: Any, non_blocking: bool = False, **kw: Any
    ) -> torch.Tensor:
        to_device = target is None or torch.device(target).type == NAME
        if to_device != isinstance(source, DeviceTensor):
            # from memory that is not pinned a copy is made first
            waits = to_device and source.dim() and not hasattr(source, 'is_pinned_here')
            if waits or not non_blocking:
                self._wait('copy to the device' if to_device else 'copy to the host')
        kw = {k: v for k, v in kw.items() if k not in ('device', 'pin_memory')}
        values = aten._to_copy.default(_values(source), **kw)
        if to_device:
            return DeviceTensor(values)
        if non_blocking:
            _under_way.append((values, values.clone()))
            values.fill_(1 if values.dtype == torch.bool else -7)
        return values

    def _copy_into(
        self, target: torch.Tensor, source: torch.Tensor, non_blocking: bool = False
    ) -> torch.Tensor:
        between = isinstance(target, DeviceTensor) != isinstance(source, DeviceTensor)
        if between and not non_blocking:
            self._wait('copy between host and device')
        _values(target).copy_(_values(source))
        return target

    def _wait(self, what: Any) -> None:
        _arrive()
        for frame in reversed(traceback.extract_stack()):
            if any(name in frame.filename for name in OURS):
                break
        name = frame.filename.split('site-packages/')[-1]
        self.waits.append(Wait(str(what), f'{name}: {frame.line}'))


def _is_tensor(x: Any) -> bool:
    return isinstance(x, torch.Tensor)


def _values(x: Any) -> Any:
    return x.values if isinstance(x, DeviceTensor) else x


def _writes(function: Any) -> bool:
    aliases = (x.alias_info for x in function._schema.returns)
    return any(alias is not None and alias.is_write for alias in aliases)


@contextmanager
def simulated_device(waits: list[Wait] | None = None) -> Iterator[None]:
    """Has the device for a while; MMEngine's runner takes it for the machine's.

    Args:
        waits (list[Wait], optional): Whenever the host waits it is put down here.
    """
    waits = [] if waits is None else waits
    load = torch.load
    run = threading.Thread.run

    def run_with_device(thread: threading.Thread) -> None:
        # modes are those of a thread
        with _Device(waits):
            run(thread)

    def load_to(*args: Any, map_location: Any = None, **kwargs: Any) -> Any:
        state = load(*args, map_location='cpu', **kwargs)
        if map_location != NAME:
            return state
        return tree_map(lambda x: x.to(NAME) if _is_tensor(x) else x, state)

    swap = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mmengine.device.utils, 'DEVICE', NAME)
            patch.setattr(torch, 'load', load_to)
            patch.setattr(threading.Thread, 'run', run_with_device)
            with _Device(waits) as device:
                patch.setattr(_Device, 'active', device)
                yield
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swap)
