"""What happened, as records: files, a database, and whoever wants to be told."""
