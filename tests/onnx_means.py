"""An ONNX file that dynamix did not write."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write_means(path: Path, shape: list[Any], kind: int = 1) -> Path:
    """Writes a model whose features are the means of 2 x 2 pixels of its input.

    Args:
        path (Path): File to write.
        shape (list): Of its input; a text is a size that may vary.
        kind (int): Type of its input, of ``onnx.TensorProto``. Defaults to float32.
    """
    import onnx

    real, helper = onnx.TensorProto.FLOAT, onnx.helper
    size = dict(kernel_shape=[2, 2], strides=[2, 2])
    graph = helper.make_graph(
        [
            helper.make_node('Cast', ['crops'], ['numbers'], to=real),
            helper.make_node('AveragePool', ['numbers'], ['means'], **size),
        ],
        'means',
        [helper.make_tensor_value_info('crops', kind, shape)],
        [helper.make_tensor_value_info('means', real, None)],
    )
    opset = helper.make_opsetid('', 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path
