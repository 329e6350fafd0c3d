"""Photos in, pictures and tensors out; the licence-clear samples and the synthetic teaching scenes."""
