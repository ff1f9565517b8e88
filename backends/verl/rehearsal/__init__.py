"""The experiment on CPU before any GPU: the bundle's loop, tools and reward over scripted policies."""
