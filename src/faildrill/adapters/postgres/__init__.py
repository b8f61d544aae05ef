"""PostgreSQL, asked over its own protocol: by the users' path, and every node directly."""
