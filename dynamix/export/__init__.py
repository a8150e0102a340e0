"""A trained model for others: ONNX files, published weights, fingerprints."""

from .fingerprint import embedding_weights, weights_fingerprint
from .onnx_export import export_onnx
from .onnx_metadata import OnnxMetadata
from .onnx_model import OnnxModel
from .parity import FLOAT16, FLOAT32, Parity, Tolerance, compare_embeddings
from .published_weights import published_weights, save_published

__all__ = [
    'FLOAT16',
    'FLOAT32',
    'OnnxMetadata',
    'OnnxModel',
    'Parity',
    'Tolerance',
    'compare_embeddings',
    'embedding_weights',
    'export_onnx',
    'published_weights',
    'save_published',
    'weights_fingerprint',
]
