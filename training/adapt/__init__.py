"""An encoder that knows work: the packaged one, trained further on titles that mean the same."""
