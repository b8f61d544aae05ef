"""DNS: one server is asked one question."""
