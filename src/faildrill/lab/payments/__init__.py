"""The payments staging: PostgreSQL under Patroni, payment servers, HAProxy, and the links between them."""
