"""A street drawn from numbers: moving people, cars and bicycles with known truth."""
