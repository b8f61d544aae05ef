"""HTTP: a service is asked as its users ask, and systems outside of a drill are heard."""
