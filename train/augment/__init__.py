"""What is done to a picture and its boxes before a network learns from it."""
