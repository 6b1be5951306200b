"""What `proofs.latex` and `proofs.text` share: the names of things, how an expression is laid out, and where its lines end."""
