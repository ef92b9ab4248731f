"""A made-up job market whose preferences are known: what `training.simulate` draws from."""
