"""Pictures to boxes: networks, geometry, decoding, weights."""
