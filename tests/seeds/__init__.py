"""What the documents that users know show: each snippet a test, with the result that the document states."""
