"""Online and export: the engine as a service uses it."""
