"""Members of a target on a host, reached through OpenSSH or, where faildrill runs on that host, through its shell."""
