"""A trained model for others: ONNX files, and the fingerprint of its weights."""

from .fingerprint import weights_fingerprint
from .onnx_export import export_onnx
from .onnx_model import OnnxMetadata, OnnxModel
from .parity import FLOAT16, FLOAT32, Parity, compare_embeddings

__all__ = [
    'FLOAT16',
    'FLOAT32',
    'OnnxMetadata',
    'OnnxModel',
    'Parity',
    'compare_embeddings',
    'export_onnx',
    'weights_fingerprint',
]
