"""A trained model for others: ONNX files, published weights, fingerprints."""

from .fingerprint import embedding_weights, weights_fingerprint
from .onnx_metadata import OnnxMetadata
from .onnx_model import OnnxModel

__all__ = ['OnnxMetadata', 'OnnxModel', 'embedding_weights', 'weights_fingerprint']
