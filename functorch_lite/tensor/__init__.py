"""The object style: tensors that remember how they were computed."""
