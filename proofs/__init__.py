"""The proof layer: theorems as objects, checked by a small kernel and printed in LaTeX. It holds no theorem yet."""
