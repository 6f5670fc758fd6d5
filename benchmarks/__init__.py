"""What is measured, how, and the results with the machine that gave them."""
