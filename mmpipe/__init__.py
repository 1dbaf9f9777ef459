"""mmpipe: multimodal product search and recommendation over object storage."""
