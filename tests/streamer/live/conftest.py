"""What pytest must not import here."""

collect_ignore = ["rtsp_server.py"]  # run by the system's own Python, which has GStreamer
