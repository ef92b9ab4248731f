"""What one worker of the service knows: a bundle and all that was written since, as immutable states."""
