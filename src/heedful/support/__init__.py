"""What any program needs and no explanation: compiled loops, threads, progress, files, settings read from text."""
