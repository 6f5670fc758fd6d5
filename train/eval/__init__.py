"""How good boxes are, measured against a COCO annotation file."""
