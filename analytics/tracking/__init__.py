"""Who is who over time: one tracker a stream, driven by the time of the pictures."""
