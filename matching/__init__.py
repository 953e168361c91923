"""Everything computable about who fits what. Frames in, frames out."""
