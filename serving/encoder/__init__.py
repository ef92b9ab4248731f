"""The one process of a host that has torch: it turns texts into vectors, for requests and for the log of the store."""
