"""A network taught from nothing by others: on real pictures, what they find and how they see."""
