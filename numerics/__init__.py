"""The numeric layer: real models trained in torch, held against theory's expressions."""
